package tandem_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tandemdb/tandem"
)

// The cases of RFC 7386, appendix A, that have objects on both sides, and those of its text.
func TestMergeIsAMergePatch(t *testing.T) {
	for _, c := range []struct{ document, patch, want string }{
		{`{"a":"b"}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"b"}`, `{"b":"c"}`, `{"a":"b","b":"c"}`},
		{`{"a":"b"}`, `{"a":null}`, `{}`},
		{`{"a":"b","b":"c"}`, `{"a":null}`, `{"b":"c"}`},
		{`{"a":["b"]}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"c"}`, `{"a":["b"]}`, `{"a":["b"]}`},
		{`{"a":{"b":"c"}}`, `{"a":{"b":"d","c":null}}`, `{"a":{"b":"d"}}`},
		{`{"a":[{"b":"c"}]}`, `{"a":[1]}`, `{"a":[1]}`},
		{`{"e":null}`, `{"a":1}`, `{"e":null,"a":1}`},
		{`{}`, `{"a":{"bb":{"ccc":null}}}`, `{"a":{"bb":{}}}`},
		{`{"b":1.50,"\u0061":[ 1 ],"z":{"y":1,"x":2}}`, `{"a":2,"z":{"x":3}}`, `{"b":1.50,"\u0061":2,"z":{"y":1,"x":3}}`},
		{`{"a":1}`, `{"a":{"b":null,"c":2}}`, `{"a":{"c":2}}`},
		{
			`{"p":{"@type":"blob","digest":"sha1-Kq5sNclPz7QV2+lfQIuc6R7oRu0=","content_type":"a/b"}}`,
			`{"p":{"@type":"blob","digest":"sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk="}}`,
			`{"p":{"@type":"blob","digest":"sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk="}}`,
		},
	} {
		d, err := tandem.NewDocumentWithBody("d", []byte(c.document))
		check(t, err)
		check(t, d.Merge(json.RawMessage(c.patch)))
		if got := string(d.Body()); got != c.want {
			t.Errorf("%s with %s: got %s, want %s", c.document, c.patch, got, c.want)
		}
	}
	for _, bad := range []any{nil, 1, "text", []int{1}, json.RawMessage(`{"a":1,"a":2}`), json.RawMessage(`{"a"`), func() {}} {
		d := tandem.NewDocument("d")
		if err := d.Merge(bad); err == nil || string(d.Body()) != "{}" {
			t.Errorf("merging %v: got %v, and %s", bad, err, d.Body())
		}
	}
}

// What Merge makes is what the algorithm of RFC 7386 makes of plain maps.
func TestMergeAgreesWithTheAlgorithmOfTheRFC(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		document, patch := drawObject(t, "document", 3), drawObject(t, "patch", 3)
		text, err := json.Marshal(document)
		if err != nil {
			t.Fatal(err)
		}
		d, err := tandem.NewDocumentWithBody("d", text)
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Merge(patch); err != nil {
			t.Fatal(err)
		}
		var got any
		if err := json.Unmarshal(d.Body(), &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(mergedMaps(document, patch), got); diff != "" {
			t.Errorf("%v with %v (-want +got):\n%s", document, patch, diff)
		}
	})
}

func drawObject(t *rapid.T, label string, depth int) map[string]any {
	object := map[string]any{}
	for _, key := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "c", "é\""}), 0, 4, rapid.ID).Draw(t, label) {
		switch kind := rapid.IntRange(0, 3).Draw(t, key); {
		case kind == 0:
			object[key] = nil
		case kind == 1 && depth > 0:
			object[key] = drawObject(t, key, depth-1)
		case kind == 2:
			object[key] = []any{"x"}
		default:
			object[key] = rapid.SampledFrom([]any{true, "", "y", 1.5}).Draw(t, key)
		}
	}
	return object
}

func mergedMaps(target, patch any) any {
	changes, ok := patch.(map[string]any)
	if !ok {
		return patch
	}
	merged := map[string]any{}
	if old, ok := target.(map[string]any); ok {
		for key, value := range old {
			merged[key] = value
		}
	}
	for key, value := range changes {
		if value == nil {
			delete(merged, key)
		} else {
			merged[key] = mergedMaps(merged[key], value)
		}
	}
	return merged
}

// A struct that does not know all members changes its own and keeps the rest (A11).
func TestA11AStructKeepsTheMembersThatItDoesNotKnow(t *testing.T) {
	coll := newCollection(t)
	put(t, coll, "milk", `{"title":"Milk","color":"white","of":{"shop":"A","shelf":7}}`)
	var known struct {
		Title string `json:"title"`
		Of    struct {
			Shop string `json:"shop"`
		} `json:"of"`
	}
	check(t, coll.Get(t.Context(), "milk", &known))
	known.Title, known.Of.Shop = "Oat milk", "B"
	check(t, coll.Merge(t.Context(), "milk", known))
	d, err := coll.Document(t.Context(), "milk")
	check(t, err)
	if got, want := string(d.Body()), `{"title":"Oat milk","color":"white","of":{"shop":"B","shelf":7}}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestUpdateChangesWhatIsThereThen(t *testing.T) {
	coll := newCollection(t)
	put(t, coll, "n", `{"n":0,"other":true}`)
	const writers, rounds = 4, 25
	var all sync.WaitGroup
	for range writers {
		all.Go(func() {
			for range rounds {
				err := coll.Update(t.Context(), "n", func(d *tandem.Document) error {
					var counter struct{ N int }
					if err := d.Decode(&counter); err != nil {
						return err
					}
					return d.SetValue("n", counter.N+1)
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	d, err := coll.Document(t.Context(), "n")
	check(t, err)
	if got, want := string(d.Body()), fmt.Sprintf(`{"n":%d,"other":true}`, writers*rounds); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestUpdateThatFailsChangesNothing(t *testing.T) {
	coll := newCollection(t)
	put(t, coll, "a", `{"n":1}`)
	before, err := coll.Document(t.Context(), "a")
	check(t, err)
	stop := errors.New("stop")
	update := func(update func(id string, change func(*tandem.Document) error) error) {
		t.Helper()
		if err := update("missing", func(*tandem.Document) error { return nil }); !errors.Is(err, tandem.ErrNotFound) {
			t.Errorf("a document that is not there: got %v, want %v", err, tandem.ErrNotFound)
		}
		err := update("a", func(d *tandem.Document) error { return errors.Join(d.SetValue("n", 2), stop) })
		if !errors.Is(err, stop) {
			t.Errorf("got %v, want %v", err, stop)
		}
		check(t, update("a", func(d *tandem.Document) error { return d.SetValue("n", 1) }))
		after, err := coll.Document(t.Context(), "a")
		check(t, err)
		if after.RevisionID() != before.RevisionID() {
			t.Errorf("the document was saved: %s", after.Body())
		}
	}
	update(func(id string, change func(*tandem.Document) error) error {
		return coll.Update(t.Context(), id, change)
	})
	check(t, coll.Database().InBatch(t.Context(), func(b *tandem.Batch) error {
		update(func(id string, change func(*tandem.Document) error) error { return b.Update(coll, id, change) })
		return nil
	}))
	check(t, coll.Database().InBatch(t.Context(), func(b *tandem.Batch) error {
		return b.Merge(coll, "a", map[string]any{"n": 3})
	}))
}
