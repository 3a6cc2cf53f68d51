package tandem_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"

	"github.com/tandemdb/tandem"
)

type book struct {
	ISBN   string  `json:"-" tandem:"id"`
	Title  string  `json:"title"`
	Pages  int     `json:"pages,omitempty"`
	Author *author `json:"author,omitempty"`
	Tags   []string
}

type author struct {
	Name string `json:"name,omitempty"`
}

// TestE22PutAsKeepsWhatTheTypeDoesNotKnow and nothing else.
func TestE22PutAsKeepsWhatTheTypeDoesNotKnow(t *testing.T) {
	coll := newCollection(t)
	for name, x := range map[string]struct {
		old  string
		v    book
		want string
	}{
		"new":             {"", book{Title: "T"}, `{"title":"T","Tags":null}`},
		"unknown members": {`{"shelf":7,"title":"S","note":{"n":1}}`, book{Title: "T"}, `{"shelf":7,"title":"T","note":{"n":1},"Tags":null}`},
		"known, left out": {`{"title":"T","pages":9,"author":{"name":"A"},"Tags":["x"]}`, book{Title: "T"}, `{"title":"T","Tags":null}`},
		"in an object": {
			`{"author":{"born":1815,"name":"Ada","x":{"y":1}}}`,
			book{Author: &author{}},
			`{"author":{"born":1815,"x":{"y":1}},"title":"","Tags":null}`,
		},
		"another case":       {`{"Title":"S","PAGES":1,"tags":[]}`, book{Title: "T"}, `{"title":"T","Tags":null}`},
		"an object no more":  {`{"author":"Ada"}`, book{Author: &author{"Bob"}}, `{"author":{"name":"Bob"},"title":"","Tags":null}`},
		"a key with escapes": {`{"sh\"elf":1,"ti\u0074le":"S"}`, book{Title: "T"}, `{"sh\"elf":1,"ti\u0074le":"T","Tags":null}`},
	} {
		id := strings.ReplaceAll(name, " ", "-")
		if x.old != "" {
			save(t, coll, id, x.old)
		}
		x.v.ISBN = id
		check(t, tandem.PutAs(t.Context(), coll, &x.v))
		wantBody(t, coll, id, x.want)
		again := read(t, coll, id).RevisionID()
		check(t, tandem.PutAs(t.Context(), coll, &x.v))
		if got := read(t, coll, id).RevisionID(); got != again {
			t.Errorf("%s: the same value made a new revision of %s", name, x.want)
		}
	}
}

// upper has a JSON form of its own.
type upper struct{ Text string }

func (u upper) MarshalJSON() ([]byte, error) { return json.Marshal(map[string]string{"up": u.Text}) }

func (u *upper) UnmarshalJSON(text []byte) error {
	var all map[string]string
	err := json.Unmarshal(text, &all)
	u.Text = all["up"]
	return err
}

// TestE22TypesWithTheirOwnJSONKnowAllOfIt as maps do, and blobs.
func TestE22TypesWithTheirOwnJSONKnowAllOfIt(t *testing.T) {
	coll := newCollection(t)
	type thing struct {
		ID    string         `json:"-" tandem:"id"`
		Own   upper          `json:"own"`
		Map   map[string]int `json:"map"`
		Blob  *tandem.Blob   `json:"blob,omitempty"`
		Inner struct {
			Any any `json:"any"`
		} `json:"inner"`
	}
	v := thing{ID: "a", Own: upper{"x"}, Map: map[string]int{"m": 1}, Blob: tandem.NewBlob("a/b", []byte("one"))}
	v.Inner.Any = map[string]any{"k": 1}
	save(t, coll, "a", `{"own":{"up":"y","down":"z"},"map":{"n":2},"inner":{"any":{"l":2},"left":true}}`)
	check(t, tandem.PutAs(t.Context(), coll, &v))
	v.Blob = tandem.NewBlob("", []byte("two"))
	check(t, tandem.PutAs(t.Context(), coll, &v))
	got, err := tandem.GetAs[thing](t.Context(), coll, "a")
	check(t, err)
	content, err := got.Blob.Content()
	check(t, err)
	if string(content) != "two" || got.Blob.ContentType() != "" {
		t.Errorf("the blob is %q of type %q, want the second one", content, got.Blob.ContentType())
	}
	v.Blob = nil
	check(t, tandem.PutAs(t.Context(), coll, &v))
	wantBody(t, coll, "a", `{"own":{"up":"x"},"map":{"m":1},"inner":{"any":{"k":1},"left":true}}`)
}

// TestE22TheIDGoesIntoItsField and comes from there.
func TestE22TheIDGoesIntoItsField(t *testing.T) {
	coll := newCollection(t)
	v := book{Title: "T"}
	check(t, tandem.PutAs(t.Context(), coll, &v))
	got, err := tandem.GetAs[book](t.Context(), coll, v.ISBN)
	if v.ISBN == "" || err != nil || got.ISBN != v.ISBN || got.Title != "T" {
		t.Fatalf("saved %+v, got %+v, %v", v, got, err)
	}
	pointer, err := tandem.GetAs[*book](t.Context(), coll, v.ISBN)
	if err != nil || pointer.ISBN != v.ISBN {
		t.Errorf("got %+v, %v, want the ID %s", pointer, err, v.ISBN)
	}
	pointer.Title = "U"
	check(t, tandem.PutAs(t.Context(), coll, &pointer))
	all, err := tandem.GetAs[map[string]any](t.Context(), coll, v.ISBN)
	if err != nil || all["title"] != "U" {
		t.Errorf("got %v, %v, want the title U", all, err)
	}
	_, err = tandem.GetAs[book](t.Context(), coll, "none")
	wantError(t, "a document that is not there", err, tandem.ErrNotFound)
	type library struct {
		book
		Shelf int
	}
	inner := library{book: book{ISBN: "b2"}, Shelf: 2}
	check(t, tandem.PutAs(t.Context(), coll, &inner))
	if got, err := tandem.GetAs[library](t.Context(), coll, "b2"); err != nil || got.ISBN != "b2" || got.Shelf != 2 {
		t.Errorf("got %+v, %v, want the ID in the embedded struct", got, err)
	}
	type member struct {
		ID string `json:"id" tandem:"id"`
	}
	var named member
	check(t, tandem.PutAs(t.Context(), coll, &named))
	wantBody(t, coll, named.ID, `{"id":"`+named.ID+`"}`)
	type number struct {
		ID string `json:"-" tandem:"id"`
		F  float64
	}
	unsaved := number{F: math.NaN()}
	if err := tandem.PutAs(t.Context(), coll, &unsaved); !errors.Is(err, tandem.ErrBadJSON) || unsaved.ID != "" {
		t.Errorf("what cannot be saved: got %v and the ID %q, want %v and none", err, unsaved.ID, tandem.ErrBadJSON)
	}
}

// TestE22WrongTypesAreErrors that say why.
func TestE22WrongTypesAreErrors(t *testing.T) {
	coll := newCollection(t)
	save(t, coll, "a", `{"n":"text"}`)
	ctx := t.Context()
	misspelt := func() error {
		type odd struct {
			ID string `tandem:"ID"`
		}
		_, err := tandem.GetAs[odd](ctx, coll, "a")
		return err
	}
	number := func() error {
		type odd struct {
			ID int `tandem:"id"`
		}
		_, err := tandem.GetAs[odd](ctx, coll, "a")
		return err
	}
	two := func() error {
		type odd struct {
			A string `tandem:"id"`
			B string `tandem:"id"`
		}
		for _, err := range tandem.Items[odd](ctx, coll, tandem.ScanOptions{}) {
			return err
		}
		return nil
	}
	behind := func() error {
		type odd struct{ *book }
		return tandem.PutAs(ctx, coll, &odd{})
	}
	for name, err := range map[string]error{
		"a misspelt tag": misspelt(), "a number": number(), "two IDs": two(), "behind a pointer": behind(),
		"no ID field": tandem.PutAs(ctx, coll, &struct{ N int }{1}),
		"a map":       tandem.PutAs(ctx, coll, &map[string]any{}),
		"nil":         tandem.PutAs(ctx, coll, (*book)(nil)),
	} {
		wantError(t, name, err, tandem.ErrInvalid)
	}
	wantError(t, "an ID that cannot be", tandem.PutAs(ctx, coll, &book{ISBN: "_a"}), tandem.ErrBadDocID)
	type numbered struct{ N int }
	save(t, coll, "0", `{"n":1}`)
	var seen int
	for v, err := range tandem.Items[numbered](ctx, coll, tandem.ScanOptions{}) {
		seen++
		if err != nil && (v.N != 0 || !strings.Contains(err.Error(), "document a")) {
			t.Errorf("got %+v, %v, want an error about document a", v, err)
		}
	}
	if seen != 2 {
		t.Errorf("got %d results, want a value and an error", seen)
	}
}

// TestE22TwoVersionsOfATypeShareADocument and keep each other's members, however they take turns.
func TestE22TwoVersionsOfATypeShareADocument(t *testing.T) {
	coll := newCollection(t)
	type first struct {
		ID string `json:"-" tandem:"id"`
		A  int
	}
	type second struct {
		ID string `json:"-" tandem:"id"`
		B  int
	}
	var work sync.WaitGroup
	errs := make([]error, 2)
	work.Go(func() {
		for i := range 50 {
			errs[0] = errors.Join(errs[0], tandem.PutAs(t.Context(), coll, &first{"d", i}))
		}
	})
	work.Go(func() {
		for i := range 50 {
			errs[1] = errors.Join(errs[1], tandem.PutAs(t.Context(), coll, &second{"d", i}))
		}
	})
	work.Wait()
	check(t, errors.Join(errs...))
	if got, err := tandem.GetAs[map[string]any](t.Context(), coll, "d"); err != nil || fmt.Sprint(got) != "map[A:49 B:49]" {
		t.Errorf("got %v, %v, want A and B to be 49", got, err)
	}
}
