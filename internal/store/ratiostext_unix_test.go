//go:build unix

package store_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/tandemdb/tandem/internal/query/fulltext"
	"github.com/tandemdb/tandem/internal/store"
)

// prose makes documents with a title and a text, of words that are as unevenly frequent as those of a language.
type prose struct {
	random *rand.Rand
	words  *rand.Zipf
}

func newProse() *prose {
	random := rand.New(rand.NewPCG(1, 2))
	return &prose{random, rand.NewZipf(random, 1.1, 8, 30_000)}
}

func (p *prose) text(words int) string {
	var b strings.Builder
	for range words {
		fmt.Fprintf(&b, "%s ", spelt(p.words.Uint64()))
	}
	return b.String()
}

// spelt returns a word for a number.
func spelt(n uint64) string {
	var b strings.Builder
	for {
		b.WriteByte("bdfgklmnprst"[n%12])
		if n /= 12; n == 0 {
			return b.String() + "o"
		}
		b.WriteByte("aeiou"[n%5])
		n /= 5
	}
}

func (p *prose) document() []byte {
	return fmt.Appendf(nil, `{"title":%q,"text":%q}`, p.text(5), p.text(100))
}

// TestSearchRatios prints what full-text searches cost.
func TestSearchRatios(t *testing.T) {
	if *ratios == 0 {
		t.Skip("it measures: give -ratios")
	}
	searchRatios(t)
}

// searchRatios compares full-text searches with a plain table of FTS5 with the same texts.
func searchRatios(t *testing.T) {
	t.Helper()
	r := &rig{t: t, db: open(t, store.Options{}), names: strings.NewReplacer(" D ", " docs_1 AS D ")}
	r.items = defaults(t, r.db)
	p := newProse()
	saveMany(t, r.db, r.items, *ratios, func(int) []byte { return p.document() })
	index := store.Index{Name: "texts", Expressions: []string{"title, text"}, Text: &fulltext.Options{}}
	ours := r.cpu(func() { createIndex(t, r.db, index) })
	theirs := r.cpu(func() {
		r.exec("CREATE VIRTUAL TABLE raw_texts USING fts5(title, text); INSERT INTO raw_texts (rowid, title, text) SELECT seq, body->>'title', body->>'text' FROM D ")
	})
	t.Logf("%-40s %6.2f   (%v against %v)", "building a full-text index", float64(ours)/float64(theirs), ours, theirs)
	common, some, rare := spelt(3), spelt(200), spelt(20_000)
	for _, tt := range []struct{ what, match, raw string }{
		{"a rare word", rare, rare},
		{"a word of some documents", some, some},
		{"a common word", common, common},
		{"two words", common + " " + some, common + " " + some},
		{"a phrase", `"` + common + " " + some + `"`, `"` + common + " " + some + `"`},
		{"a prefix", some[:3] + "*", some[:3] + "*"},
		{"OR", common + " OR " + some, common + " OR " + some},
		{"NEAR", common + " NEAR/3 " + some, "NEAR(" + common + " " + some + ", 3)"},
		{"a column", "title:" + common, "title:" + common},
	} {
		for how, text := range map[string][2]string{
			"":                        {"SELECT title FROM _default WHERE MATCH(texts, '%s')", "SELECT title FROM raw_texts WHERE raw_texts MATCH '%s'"},
			", counted":               {"SELECT count(*) FROM _default WHERE MATCH(texts, '%s')", "SELECT count(*) FROM raw_texts WHERE raw_texts MATCH '%s'"},
			", the best 10 of a half": {"SELECT title FROM _default WHERE MATCH(texts, '%s') AND title > 'm' ORDER BY RANK(texts) DESC LIMIT 10", "SELECT title FROM raw_texts WHERE raw_texts MATCH '%s' AND title > 'm' ORDER BY rank LIMIT 10"},
			", the best 10":           {"SELECT title FROM _default WHERE MATCH(texts, '%s') ORDER BY RANK(texts) DESC LIMIT 10", "SELECT title FROM raw_texts WHERE raw_texts MATCH '%s' ORDER BY rank LIMIT 10"},
		} {
			ours, theirs := r.compare(fmt.Sprintf(text[0], tt.match), fmt.Sprintf(text[1], tt.raw))
			t.Logf("%-40s %6.2f   (most: 1.2)   %v against %v", tt.what+how, float64(ours)/float64(theirs), ours, theirs)
		}
	}
	r.searchedLoads()
}

// searchedLoads compares the rates of loading texts with and without a full-text index.
func (r *rig) searchedLoads() {
	load := func(indexes ...store.Index) time.Duration {
		db := open(r.t, store.Options{})
		for _, i := range indexes {
			createIndex(r.t, db, i)
		}
		p := newProse()
		return r.cpu(func() { saveMany(r.t, db, defaults(r.t, db), *ratios/4, func(int) []byte { return p.document() }) })
	}
	without := load()
	for what, o := range map[string]fulltext.Options{"": {}, " in English": {Language: "en"}} {
		with := load(store.Index{Name: "texts", Expressions: []string{"title, text"}, Text: &o})
		r.t.Logf("%-40s %6.0f %%  %v a document", "load with a full-text index"+what, 100*float64(without)/float64(with), (with-without)/time.Duration(*ratios/4))
	}
}
