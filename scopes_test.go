package tandem_test

import (
	"strings"
	"testing"

	"github.com/tandemdb/tandem"
)

func TestCollectionsComeAndGo(t *testing.T) {
	db := newDatabase(t, tandem.Options{})
	ctx := t.Context()
	for _, name := range []string{"travel.hotels", "travel.airports", "notes"} {
		scope, name, err := tandem.ParseCollectionName(name)
		check(t, err)
		first, err := db.CreateCollection(ctx, scope, name)
		check(t, err)
		save(t, first, "a", `{}`)
		again, err := db.CreateCollection(ctx, scope, name)
		check(t, err)
		if n, err := again.Count(ctx); n != 1 || err != nil || again.Database() != db {
			t.Errorf("%s created again: got %d documents, %v, want the same one", again.FullName(), n, err)
		}
	}
	wantCollections(t, db, "_default._default", "_default.notes", "travel.airports", "travel.hotels")

	hotels, err := db.Collection(ctx, "travel", "hotels")
	check(t, err)
	check(t, db.DeleteCollection(ctx, "travel", "hotels"))
	check(t, db.DeleteCollection(ctx, "travel", "airports"))
	wantCollections(t, db, "_default._default", "_default.notes")
	scopes, err := db.Scopes(ctx)
	check(t, err)
	wantIDs(t, "scopes", scopes, "_default")

	_, err = db.Collection(ctx, "travel", "hotels")
	wantError(t, "open a deleted collection", err, tandem.ErrNotFound)
	wantError(t, "delete it again", db.DeleteCollection(ctx, "travel", "hotels"), tandem.ErrNotFound)
	wantError(t, "delete the default one", db.DeleteCollection(ctx, "_default", "_default"), tandem.ErrInvalid)

	_, err = db.CreateCollection(ctx, "travel", "hotels")
	check(t, err)
	_, err = hotels.Document(ctx, "a")
	wantError(t, "use of the old one after a new one has its name", err, tandem.ErrNotFound)
}

func wantCollections(t testing.TB, db *tandem.Database, want ...string) {
	t.Helper()
	all, err := db.Collections(t.Context())
	check(t, err)
	var names []string
	for _, c := range all {
		names = append(names, c.Scope()+"."+c.Name())
	}
	wantIDs(t, "collections", names, want...)
}

// L-07: names are scope.collection, with _default._default among them.
func TestCollectionNames(t *testing.T) {
	long := strings.Repeat("x", 252)
	cases := map[string]struct {
		scope, name string // both empty: refused
	}{
		"_default._default": {"_default", "_default"},
		"_default":          {"_default", "_default"},
		"a":                 {"_default", "a"},
		"A-9%_.b":           {"A-9%_", "b"},
		"":                  {},
		".":                 {},
		"a.":                {},
		".a":                {},
		"a.b.c":             {},
		"_a":                {},
		"%a":                {},
		"a b":               {},
		"ä":                 {},
		"a._default":        {},
		long:                {},
	}
	db := newDatabase(t, tandem.Options{})
	for text, want := range cases {
		scope, name, err := tandem.ParseCollectionName(text)
		if scope != want.scope || name != want.name || (err != nil) != (want.name == "") {
			t.Errorf("%q: got %q, %q, %v, want %q, %q", text, scope, name, err, want.scope, want.name)
		}
		if want.name == "" {
			wantError(t, text, err, tandem.ErrInvalid)
			_, err := db.CreateCollection(t.Context(), "_default", text)
			wantError(t, "create "+text, err, tandem.ErrInvalid)
		}
	}
}
