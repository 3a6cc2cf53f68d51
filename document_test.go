package tandem_test

import (
	"encoding/json"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tandemdb/tandem"

	"github.com/tandemdb/tandem/internal/fuzzing"
)

func jsonNumber(text string) json.Number { return json.Number(text) }

func TestBodiesKeepTheirText(t *testing.T) {
	bodies := []string{
		`{}`,
		`{"z":1,"a":2,"m":{"z":null,"a":true}}`,
		`{"i":-9223372036854775808,"u":18446744073709551615,"d":3.0,"e":1e5,"s":0.1,"n":-0.0}`,
		`{"t":"Grüße 😀","e":"\u00fc\/\"\\\n","":""}`,
		`{"a":[[],[{}],""],"nested":{"_id":1}}`,
	}
	path := filepath.Join(t.TempDir(), "x")
	c := defaultIn(t, openAt(t, path, tandem.Options{}))
	for i, body := range bodies {
		save(t, c, string(rune('a'+i)), " \n"+strings.ReplaceAll(body, `,"`, ` , "`)+"\t")
	}
	check(t, c.Database().Close())
	again := defaultIn(t, openAt(t, path, tandem.Options{}))
	for i, body := range bodies {
		wantBody(t, again, string(rune('a'+i)), body)
	}
}

func TestMalformedBodiesAreRefused(t *testing.T) {
	cases := map[string]error{
		`{"a":1`:                     tandem.ErrBadJSON,
		`{"a":1} x`:                  tandem.ErrBadJSON,
		`{"a":NaN}`:                  tandem.ErrBadJSON,
		`{"a":1e999}`:                tandem.ErrBadJSON,
		"{\"a\":\"\xff\"}":           tandem.ErrBadJSON,
		strings.Repeat(`{"a":`, 1e4): tandem.ErrBadJSON,
		`{"a":1,"a":2}`:              tandem.ErrBadBody,
		`[]`:                         tandem.ErrBadBody,
		`"text"`:                     tandem.ErrBadBody,
	}
	for body, want := range cases {
		d := newDocument(t, "a", `{"old":1}`)
		wantError(t, body[:min(20, len(body))], d.SetBody([]byte(body)), want)
		if got := string(d.Body()); got != `{"old":1}` {
			t.Errorf("after a refused body the document is %s", got)
		}
	}
}

func TestBadDocumentsAreNotStored(t *testing.T) {
	c := newCollection(t)
	long := strings.Repeat("x", 241)
	cases := map[string]struct {
		id, body string
		want     error
	}{
		"empty ID":         {"", `{}`, tandem.ErrBadDocID},
		"long ID":          {long, `{}`, tandem.ErrBadDocID},
		"underscore":       {"_a", `{}`, tandem.ErrBadDocID},
		"control":          {"a\nb", `{}`, tandem.ErrBadDocID},
		"invalid UTF-8":    {"a\xff", `{}`, tandem.ErrBadDocID},
		"reserved key":     {"a", `{"_id":"a"}`, tandem.ErrInvalid},
		"missing blob":     {"a", `{"b":{"@type":"blob","digest":"sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk="}}`, tandem.ErrNotFound},
		"not Base64":       {"a", `{"b":{"@type":"blob","data":"!"}}`, tandem.ErrInvalid},
		"another's digest": {"a", `{"b":{"@type":"blob","data":"YQ==","digest":"x"}}`, tandem.ErrCorrupt},
	}
	for name, bad := range cases {
		var v json.RawMessage = []byte(bad.body)
		wantError(t, name, c.Put(t.Context(), bad.id, v), bad.want)
	}
	wantContents(t, c, map[string]string{})
}

type order struct {
	ID       int64             `json:"id"`
	Total    uint64            `json:"total"`
	Price    float64           `json:"price"`
	Tags     []string          `json:"tags"`
	Customer map[string]string `json:"customer,omitempty"`
	Photo    *tandem.Blob      `json:"photo,omitempty"`
}

func TestGoValuesSurvive(t *testing.T) {
	c := newCollection(t)
	want := order{
		ID: math.MinInt64, Total: math.MaxUint64, Price: math.SmallestNonzeroFloat64,
		Tags: []string{"<a>", "ä\u2028", ""}, Customer: map[string]string{"name": "Zoë & Co"},
	}
	check(t, c.Put(t.Context(), "o", want))
	var got order
	check(t, c.Get(t.Context(), "o", &got))
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(tandem.Blob{})); diff != "" {
		t.Errorf("struct (-want +got):\n%s", diff)
	}
	var properties map[string]any
	check(t, c.Get(t.Context(), "o", &properties))
	if n := properties["total"]; n != jsonNumber("18446744073709551615") {
		t.Errorf("total in a map: got %v (%T)", n, n)
	}
	if body := string(read(t, c, "o").Body()); !strings.Contains(body, "Zoë & Co") {
		t.Errorf("text was escaped: %s", body)
	}
	// A map that is read and written again leaves the text as it was.
	before := read(t, c, "o").Body()
	check(t, c.Put(t.Context(), "copy", properties))
	var again map[string]any
	check(t, c.Get(t.Context(), "copy", &again))
	if diff := cmp.Diff(properties, again); diff != "" {
		t.Errorf("map of %s (-want +got):\n%s", before, diff)
	}
}

func TestValuesWithoutJSONFormAreRefused(t *testing.T) {
	d := newDocument(t, "a", `{"old":1}`)
	values := map[string]struct {
		value any
		want  error
	}{
		"NaN":       {map[string]float64{"n": math.NaN()}, tandem.ErrBadJSON},
		"infinity":  {map[string]float64{"n": math.Inf(1)}, tandem.ErrBadJSON},
		"a channel": {map[string]any{"n": make(chan int)}, tandem.ErrBadJSON},
		"an array":  {[]int{1}, tandem.ErrBadBody},
		"null":      {nil, tandem.ErrBadBody},
		"bytes":     {[]byte(`{}`), tandem.ErrBadBody},
		"nil map":   {map[string]any(nil), tandem.ErrBadBody},
	}
	for name, v := range values {
		wantError(t, name, d.Encode(v.value), v.want)
	}
	if hint := tandem.HintOf(d.Encode([]byte(`{}`))); !strings.Contains(hint, "SetBody") {
		t.Errorf("the hint for bytes is %q, want it to tell of SetBody", hint)
	}
	wantError(t, "NaN as a property", d.SetValue("n", math.NaN()), tandem.ErrBadJSON)
	wantError(t, "a key that is no text", d.SetValue("\xff", 1), tandem.ErrBadJSON)
	deep := json.RawMessage(strings.Repeat("[", 101) + strings.Repeat("]", 101))
	wantError(t, "too deep", d.SetValue("n", deep), tandem.ErrBadJSON)
	wantError(t, "decode into another type", d.Decode(&struct{ Old string }{}), tandem.ErrInvalid)
	if got := string(d.Body()); got != `{"old":1}` {
		t.Errorf("after refusals the document is %s", got)
	}
}

func TestANewDocumentHasAnIDOfItsOwn(t *testing.T) {
	a, b := tandem.NewDocument(""), tandem.NewDocument("")
	if a.ID() == b.ID() || len(a.ID()) < 20 {
		t.Errorf("got IDs %q and %q", a.ID(), b.ID())
	}
	if a.RevisionID() != "" || a.Sequence() != 0 || a.Deleted() || a.Collection() != nil || !a.Timestamp().IsZero() {
		t.Errorf("a new document has revision %q, sequence %d", a.RevisionID(), a.Sequence())
	}
	check(t, newCollection(t).Save(t.Context(), a))
	if a.RevisionID() == "" || a.Sequence() != 1 || a.Collection() == nil {
		t.Errorf("a saved document has revision %q, sequence %d, want 1", a.RevisionID(), a.Sequence())
	}
}

func TestValueReturnsEachKindOfProperty(t *testing.T) {
	d := newDocument(t, "a", `{"n":null,"b":true,"i":3.0,"s":"x","a":[1],"o":{"k":"v"},"\u0061\/b":"escaped"}`)
	want := map[string]any{
		"n": nil, "b": true, "i": jsonNumber("3.0"), "s": "x",
		"a": []any{jsonNumber("1")}, "o": map[string]any{"k": "v"}, "a/b": "escaped",
	}
	for key, value := range want {
		got, ok := d.Value(key)
		if !ok || !cmp.Equal(got, value) {
			t.Errorf("%s: got %v, %v, want %v", key, got, ok, value)
		}
	}
	if got, ok := d.Value("x"); ok || got != nil {
		t.Errorf("a missing property is %v, %v", got, ok)
	}
	if diff := cmp.Diff(want, d.Properties()); diff != "" {
		t.Errorf("properties (-want +got):\n%s", diff)
	}
}

// Setting and removing properties does what it does to an ordered list of them.
func TestSetValueKeepsTheRest(t *testing.T) {
	type member struct{ key, text string }
	text := func(all []member) string {
		var parts []string
		for _, m := range all {
			key, _ := json.Marshal(m.key)
			parts = append(parts, string(key)+":"+m.text)
		}
		return "{" + strings.Join(parts, ",") + "}"
	}
	rapid.Check(t, func(t *rapid.T) {
		d := tandem.NewDocument("a")
		var want []member
		steps := rapid.IntRange(0, 20).Draw(t, "steps")
		for range steps {
			key := rapid.SampledFrom([]string{"", "a", "b", "a b", "~/", "ü", "q\"\\"}).Draw(t, "key")
			at := -1
			for i, m := range want {
				if m.key == key {
					at = i
				}
			}
			if rapid.Bool().Draw(t, "remove") {
				d.Remove(key)
				if at >= 0 {
					want = append(want[:at:at], want[at+1:]...)
				}
				continue
			}
			value := rapid.SampledFrom([]string{"1.50", `"x"`, "null", "[1,{}]", `{"b":1}`}).Draw(t, "value")
			if err := d.SetValue(key, json.RawMessage(value)); err != nil {
				t.Fatal(err)
			}
			if at >= 0 {
				want[at].text = value
			} else {
				want = append(want, member{key, value})
			}
		}
		if got := string(d.Body()); got != text(want) {
			t.Fatalf("got %s, want %s", got, text(want))
		}
	})
}

func FuzzDocument(f *testing.F) {
	f.Add([]byte(`{"b":{"@type":"blob","data":"YQ=="},"a":[{"x":1}]}`), "b", "/a/0/x")
	f.Add([]byte(`{"\u0062":{"@type":"blob","digest":"sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=","length":1e3}}`), "b", "/b")
	for _, m := range fuzzing.Recorded(f, "rev") {
		f.Add(m.Body, "n", "/x")
	}
	f.Fuzz(func(t *testing.T, body []byte, key, place string) {
		d := tandem.NewDocument("a")
		var err error
		fuzzing.Bounded(t, len(body), func() { err = d.SetBody(body) })
		if err != nil {
			return
		}
		before := d.Body()
		if b := d.Blob(place); b != nil && b.Digest() == "" {
			t.Errorf("a blob without a digest in %s", before)
		}
		if d.SetValue(key, true) != nil {
			return
		}
		if got, ok := d.Value(key); !ok || got != true {
			t.Errorf("%s: property %q set to true is %v in %s", before, key, got, d.Body())
		}
		if err := tandem.NewDocument("b").SetBody(d.Body()); err != nil {
			t.Errorf("%s became invalid: %v", d.Body(), err)
		}
		d.Remove(key)
		if _, ok := d.Value(key); ok {
			t.Errorf("property %q was removed, but is in %s", key, d.Body())
		}
	})
}
