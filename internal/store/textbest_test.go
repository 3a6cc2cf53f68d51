package store_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/tandemdb/tandem/internal/query/fulltext"
	"github.com/tandemdb/tandem/internal/store"
)

// The best few documents that satisfy other conditions are the first ones of all of them, by their rank.
func TestTheBestFewAreTheFirstOfAll(t *testing.T) {
	inFolders(t)
	t.Parallel()
	db := open(t, store.Options{})
	c := defaults(t, db)
	createIndex(t, db, store.Index{Name: "texts", Expressions: []string{"text"}, Text: &fulltext.Options{}})
	random := rand.New(rand.NewPCG(1, 2))
	saveDrawn(t, db, c, 0, 400, func() []byte {
		return fmt.Appendf(nil, `{"text":"%s","n":%d}`, strings.Repeat("word ", random.IntN(40))+strings.Repeat("other ", random.IntN(9)), random.IntN(10))
	})
	update(t, db, func(tx *store.Tx) error {
		if _, err := tx.Save(c, store.Edit{ID: "7", Deleted: true}); err != nil {
			return err
		}
		return tx.Purge(c, "8")
	})
	for _, condition := range []string{
		"MATCH(texts, 'word') AND n = 3", "n > 2 AND MATCH(texts, 'word OR other') AND n < 9", "MATCH(texts, 'word') AND RANK(texts) < 0.001 AND n IN (1, 2)",
		"MATCH(texts, 'word') AND n = 77",
	} {
		for _, order := range []string{"DESC", ""} {
			text := func(also string) string {
				return fmt.Sprintf("SELECT RANK(texts) FROM _ WHERE %s ORDER BY RANK(texts) %s%s", condition, order, also)
			}
			all := ask(t, db, text(", n"))
			if len(all) > 0 == strings.Contains(condition, "77") {
				t.Errorf("%s: got %d rows", condition, len(all))
			}
			for _, limits := range [][2]int{{1, 0}, {10, 0}, {10, 5}, {1000, 1}} {
				most, after := limits[0], min(limits[1], len(all))
				want := all[after:min(len(all), after+most)]
				if got := ask(t, db, text(fmt.Sprintf(" LIMIT %d OFFSET %d", most, after))); !slices.Equal(got, want) {
					t.Errorf("%s %s, %d after %d: got %q, want %q", condition, order, most, after, got, want)
				}
			}
		}
	}
}

// ask returns the first column of a query.
func ask(t *testing.T, db *store.DB, text string) (found []string) {
	t.Helper()
	view(t, db, func(tx *store.Tx) (err error) { found, err = search(tx, text); return err })
	return found
}
