package store_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/tandemdb/tandem/internal/query/fulltext"
	"github.com/tandemdb/tandem/internal/store"
	"github.com/tandemdb/tandem/internal/testsize"
)

// article is a document of the model: the words of its two columns.
type article [2][]string

// wanted is a search of the model: its text, and whether it finds an article.
type wanted struct {
	text  string
	finds func(article) bool
}

var modelColumns = []string{"title", "body"}

func drawWord(t *rapid.T) string {
	return rapid.SampledFrom(strings.Fields("a ab abc b ba c ca cab")).Draw(t, "word")
}

func drawArticle(t *rapid.T) (a article) {
	for i := range a {
		a[i] = rapid.SliceOfN(rapid.Custom(drawWord), 0, 5).Draw(t, modelColumns[i])
	}
	return a
}

// drawPlace draws words in a row, with the places in an article where they begin.
func drawPlace(t *rapid.T, most int) (text string, words int, places func(article) [2][]int) {
	phrase := rapid.SliceOfN(rapid.Custom(drawWord), 1, most).Draw(t, "phrase")
	prefix := rapid.Bool().Draw(t, "prefix")
	places = func(a article) (at [2][]int) {
		for c, column := range a {
			for i := range column {
				if begins(column[i:], phrase, prefix) {
					at[c] = append(at[c], i)
				}
			}
		}
		return at
	}
	text = strings.Join(phrase, " ")
	if prefix {
		text += "*"
	}
	if len(phrase) > 1 {
		text = `"` + text + `"`
	}
	return text, len(phrase), places
}

func begins(column, phrase []string, prefix bool) bool {
	if len(column) < len(phrase) {
		return false
	}
	last := len(phrase) - 1
	if !slices.Equal(column[:last], phrase[:last]) {
		return false
	}
	return column[last] == phrase[last] || prefix && strings.HasPrefix(column[last], phrase[last])
}

func drawSimple(t *rapid.T) wanted {
	text, _, places := drawPlace(t, 3)
	only := rapid.IntRange(-1, 1).Draw(t, "column")
	first := !strings.HasPrefix(text, `"`) && rapid.Bool().Draw(t, "first")
	if first {
		text = "^" + text
	}
	if only >= 0 {
		text = modelColumns[only] + ":" + text
	}
	return wanted{text, func(a article) bool {
		for c, at := range places(a) {
			if (only < 0 || only == c) && len(at) > 0 && (!first || at[0] == 0) {
				return true
			}
		}
		return false
	}}
}

func drawNear(t *rapid.T) wanted {
	left, length, lefts := drawPlace(t, 2)
	right, length2, rights := drawPlace(t, 2)
	distance := rapid.IntRange(0, 3).Draw(t, "distance")
	return wanted{fmt.Sprintf("%s NEAR/%d %s", left, distance, right), func(a article) bool {
		l, r := lefts(a), rights(a)
		for c := range a {
			for _, i := range l[c] {
				for _, j := range r[c] {
					if j >= i && j-(i+length) <= distance || i >= j && i-(j+length2) <= distance {
						return true
					}
				}
			}
		}
		return false
	}}
}

func drawWanted(t *rapid.T, depth int) wanted {
	kind := rapid.IntRange(0, 5).Draw(t, "kind")
	switch {
	case depth == 0 || kind < 2:
		return drawSimple(t)
	case kind == 2:
		return drawNear(t)
	}
	l, r := drawWanted(t, depth-1), drawWanted(t, depth-1)
	join := func(operator string, finds func(l, r bool) bool) wanted {
		return wanted{"(" + l.text + ")" + operator + "(" + r.text + ")", func(a article) bool { return finds(l.finds(a), r.finds(a)) }}
	}
	switch kind {
	case 3:
		return join(rapid.SampledFrom([]string{" AND ", " ", "."}).Draw(t, "and"), func(l, r bool) bool { return l && r })
	case 4:
		return join(" OR ", func(l, r bool) bool { return l || r })
	}
	return join(" NOT ", func(l, r bool) bool { return l && !r })
}

// TestSearchesAgreeWithAModel that looks through the words of all documents.
func TestSearchesAgreeWithAModel(t *testing.T) {
	t.Parallel()
	testsize.Check(t, func(rt *rapid.T) {
		db, err := store.Open(background, t.TempDir()+"/model"+store.Extension, store.Options{})
		if err != nil {
			rt.Fatal(err)
		}
		defer db.Close()
		articles := map[string]article{}
		c, err := db.Collection(background, store.DefaultName, store.DefaultName)
		if err != nil {
			rt.Fatal(err)
		}
		index := store.Index{Name: "words", Expressions: modelColumns, Text: &fulltext.Options{}}
		if err := db.CreateIndex(background, c, index, nil); err != nil {
			rt.Fatal(err)
		}
		for i := range rapid.IntRange(1, 40).Draw(rt, "edits") {
			id := fmt.Sprint(i % 20) // the later ones replace others
			articles[id] = drawArticle(rt)
			body, err := json.Marshal(map[string]any{"title": strings.Join(articles[id][0], ", "), "body": articles[id][1]})
			if err != nil {
				rt.Fatal(err)
			}
			if _, err := trySave(db, c, store.Edit{ID: id, Body: body}); err != nil {
				rt.Fatal(err)
			}
		}
		for range 20 {
			searchesAgree(rt, db, articles, drawWanted(rt, 3))
		}
	})
}

func searchesAgree(t *rapid.T, db *store.DB, articles map[string]article, w wanted) {
	var want, got []string
	for id, a := range articles {
		if w.finds(a) {
			want = append(want, id)
		}
	}
	err := db.View(background, func(tx *store.Tx) (err error) {
		got, err = search(tx, "SELECT META().id FROM _ WHERE MATCH(words, '"+w.text+"') AND META().id > '' ORDER BY RANK(words)")
		return err
	})
	slices.Sort(want)
	slices.Sort(got)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%s: got %q, %v, want %q of %q", w.text, got, err, want, articles)
	}
}
