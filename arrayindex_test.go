package tandem_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tandemdb/tandem"
)

// people have phones in their contacts, and tags.
func people(t testing.TB) *tandem.Database {
	t.Helper()
	db := newDatabase(t, tandem.Options{})
	c := defaultIn(t, db)
	save(t, c, "ann", `{"name":"ann","age":30,"tags":["a","b",true],"contacts":[{"phones":["1","2"]},{"phones":"3"}],"items":[{"sku":"p1","qty":2}]}`)
	save(t, c, "bob", `{"name":"bob","age":40,"tags":["B",null,1],"contacts":{"home":{"phones":["3"]}},"items":[{"sku":"p2"},{"sku":"p1","qty":9}]}`)
	save(t, c, "cyd", `{"name":"cyd","age":50,"tags":"a","items":{"x":{"sku":"P1"}}}`)
	return db
}

func TestAnArrayIndexServesQueriesOfItems(t *testing.T) {
	t.Parallel()
	db := people(t)
	c := defaultIn(t, db)
	for name, i := range map[string]tandem.ArrayIndex{
		"tags":   {Path: "tags"},
		"noCase": {Path: "tags", Expressions: []string{"lower(`x`), `x` COLLATE NOCASE"}},
		"phones": {Path: "contacts[].phones"},
		"sku":    {Path: "items", Expressions: []string{"sku", "qty"}},
		"anyCase": {
			Path: "items", Expressions: []string{"sku COLLATE NOCASE"},
		},
		"old": {Path: "tags", Where: "age > 45 AND name IS VALUED"},
	} {
		check(t, c.CreateIndex(t.Context(), name, i))
	}
	for _, tt := range []struct {
		text, index string
		want        []string
	}{
		{"SELECT p.name FROM _ p UNNEST p.tags AS t WHERE t = 'a' ORDER BY p.name", "tags", []string{"ann", "cyd"}},
		{"SELECT p.name FROM _ p UNNEST p.tags AS t WHERE t = TRUE ORDER BY p.name", "tags", []string{"ann", "bob"}},
		{"SELECT p.name FROM _ p UNNEST p.tags AS t WHERE t IN ('b', 'B') AND p.age > 30", "tags", []string{"bob"}},
		{"SELECT p.name FROM _ p UNNEST p.tags AS t WHERE t BETWEEN 'A' AND 'C'", "tags", []string{"bob"}},
		{"SELECT p.name FROM _ p UNNEST p.tags AS t WHERE t = 'a' AND p.age > 45 AND p.name IS VALUED", "old", []string{"cyd"}},
		{"SELECT p.name FROM _ p WHERE ANY t IN p.tags SATISFIES t = 'b' END", "tags", []string{"ann"}},
		{"SELECT name FROM _ WHERE ANY t IN tags SATISFIES t > 'a' END ORDER BY name", "tags", []string{"ann", "bob"}},
		{"SELECT name FROM _ WHERE array_contains(tags, 'B')", "tags", []string{"bob"}},
		{"SELECT name FROM _ WHERE 'b' IN tags", "tags", []string{"ann"}},
		{"SELECT p.name FROM _ p UNNEST p.contacts AS c UNNEST c.phones AS n WHERE n = '3' ORDER BY p.name", "phones", []string{"ann", "bob"}},
		{"SELECT name FROM _ WHERE ANY c IN contacts SATISFIES ANY n IN c.phones SATISFIES n = '2' END END", "phones", []string{"ann"}},
		{"SELECT p.name FROM _ p UNNEST p.contacts AS c WHERE '2' IN c.phones", "phones", []string{"ann"}},
		{"SELECT p.name FROM _ p UNNEST p.items AS i WHERE i.sku = 'p1' AND i.qty > 5", "sku", []string{"bob"}},
		{"SELECT p.name FROM _ p UNNEST p.items AS i WHERE (i.sku = 'p1') COLLATE NOCASE ORDER BY p.name", "anyCase", []string{"ann", "bob", "cyd"}},
		{"SELECT name FROM _ WHERE ANY i IN items SATISFIES 'p2' = i.sku END", "sku", []string{"bob"}},

		// What an index cannot know, or knows nothing of.
		{"SELECT name FROM _ WHERE EVERY t IN tags SATISFIES t = 'a' END", "", []string{"cyd"}},
		{"SELECT name FROM _ WHERE ANY AND EVERY t IN tags SATISFIES t.x = 'a' END ORDER BY name", "", []string{"ann", "bob"}},
		{"SELECT name FROM _ WHERE 'b' NOT IN tags ORDER BY name", "", []string{"bob"}},
		{"SELECT name FROM _ WHERE ANY t IN tags SATISFIES t = 'b' END OR age = 40 ORDER BY name", "", []string{"ann", "bob"}},
		{"SELECT p.name FROM _ p UNNEST p.items AS i WHERE i.qty = 9", "", []string{"bob"}},
		{"SELECT p.name FROM _ p UNNEST p.items AS i WHERE i.sku IS NOT MISSING AND i.qty IS MISSING ORDER BY p.name", "", []string{"bob", "cyd"}},
		{"SELECT p.name FROM _ p UNNEST p.items AS i WHERE i.sku = p.name", "", nil},
	} {
		got := plan(t, db, tt.text)
		if uses := strings.Contains(got, "items_1_"); uses != (tt.index != "") || uses && !strings.Contains(got, "items_1_"+tt.index) {
			t.Errorf("%s: got the plan%swant it to use %q", tt.text, got, tt.index)
		}
		if got := names(t, db, tt.text); !cmp.Equal(got, tt.want) {
			t.Errorf("%s: got %q, want %q", tt.text, got, tt.want)
		}
	}
	check(t, c.DeleteIndex(t.Context(), "tags"))
	const old = "SELECT p.name FROM _ p UNNEST p.tags AS t WHERE p.name IS VALUED AND t = 'a' AND p.age > 45"
	if got := plan(t, db, old); !strings.Contains(got, "items_1_old") {
		t.Errorf("%s: got the plan%swant it to use the partial index", old, got)
	}
	if got := names(t, db, old); !cmp.Equal(got, []string{"cyd"}) {
		t.Errorf("%s: got %q, want cyd", old, got)
	}
}

func TestAnArrayIndexFollowsItsDocuments(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "indexed")
	db := openAt(t, path, tandem.Options{})
	c := defaultIn(t, db)
	other := openAt(t, path, tandem.Options{}) // knows of the index only by the file
	save(t, c, "a", `{"tags":["x","y"]}`)
	check(t, c.CreateIndex(t.Context(), "byTag", tandem.ArrayIndex{Path: "tags"}))
	save(t, defaultIn(t, other), "b", `{"tags":["x"]}`)
	edited := save(t, c, "c", `{"tags":["x","z"]}`)
	check(t, edited.SetBody([]byte(`{"tags":["z","y"]}`)))
	check(t, c.Save(t.Context(), edited))
	check(t, c.Delete(t.Context(), save(t, c, "d", `{"tags":["x"]}`)))
	check(t, c.Purge(t.Context(), save(t, c, "e", `{"tags":["x"]}`).ID()))
	save(t, c, "f", `{"tags":["x"]}`)
	check(t, c.SetExpiration(t.Context(), "f", time.Now().Add(-time.Hour)))
	look := func(what string, db *tandem.Database) {
		t.Helper()
		for tag, want := range map[string][]string{"x": {"a", "b"}, "y": {"a", "c"}, "z": {"c"}} {
			text := fmt.Sprintf("SELECT META(d).id FROM _ d UNNEST d.tags AS t WHERE t = '%s' ORDER BY META(d).id", tag)
			if got := names(t, db, text); !cmp.Equal(got, want) {
				t.Errorf("%s: of %q got %q, want %q", what, tag, got, want)
			}
			if got := plan(t, db, text); !strings.Contains(got, "byTag") {
				t.Errorf("%s: got the plan%swant it to use byTag", what, got)
			}
		}
		problems, err := db.Check(t.Context())
		check(t, err)
		if len(problems) > 0 {
			t.Errorf("%s: got the problems %v, want none", what, problems)
		}
	}
	again := throughItsLife(t, db, other, look)
	b, err := defaultIn(t, again).Document(t.Context(), "b")
	check(t, err)
	check(t, b.SetBody([]byte(`{"tags":["z"]}`)))
	check(t, again.InBatch(t.Context(), func(b2 *tandem.Batch) error {
		in := defaultIn(t, again)
		if err := in.Save(b2.Context(), b); err != nil {
			return err
		}
		n := 0
		for _, err := range again.Query(b2.Context(), "SELECT 1 FROM _ d UNNEST d.tags AS t WHERE t = 'z'") {
			check(t, err)
			n++
		}
		if n != 2 {
			t.Errorf("within the batch: got %d rows, want 2", n)
		}
		return in.CreateIndex(b2.Context(), "more", tandem.ArrayIndex{Path: "tags", Where: "tags[0] = 'x'"})
	}))
	all, err := defaultIn(t, again).Indexes(t.Context())
	check(t, err)
	want := []tandem.IndexInfo{{Name: "byTag", Path: "tags"}, {Name: "more", Path: "tags", Where: "tags[0] = 'x'"}}
	if diff := cmp.Diff(want, all); diff != "" {
		t.Errorf("got (+), want (-):\n%s", diff)
	}
}
