package store_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/tandemdb/tandem/internal/store"
	"github.com/tandemdb/tandem/internal/store/storetest"
)

// TestNodesWorkThroughAPooler has nodes behind PgBouncer, which gives each transaction any of a few sessions: none may
// know the schema, or a prepared statement.
func TestNodesWorkThroughAPooler(t *testing.T) {
	url := postgresURL(t)
	address, stop, err := storetest.SharedPostgres(t).StartPooler()
	if errors.Is(err, storetest.ErrNoPooler) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	pooled := func(url string) string { // a pooler does not let the settings of portable=true pass
		server, schema := schemaOf(t, url)
		return through(t, server, address) + "?polling=true&schema=" + schema
	}
	a, b := openNode(t, pooled(url), store.Options{}), openNode(t, pooled(url), store.Options{})
	other := openNode(t, pooled(postgresURL(t)), store.Options{}) // in another schema
	var work sync.WaitGroup
	for i, db := range []*store.DB{a, b, other, a, b, other} {
		work.Go(func() {
			c := defaults(t, db)
			for n := range 20 {
				save(t, db, c, fmt.Sprintf("%d-%d", i, n), `{"n":12345678901234567890}`)
			}
			view(t, db, func(tx *store.Tx) error {
				docs, err := tx.Scan(c, store.Range{}, 100, store.Select{WithBody: true})
				if len(docs) < 20 {
					t.Errorf("a node reads %d documents", len(docs))
				}
				return err
			})
		})
	}
	work.Wait()
	if _, err := a.CreateCollection(background, "shop", "items"); err != nil {
		t.Error(err)
	}
	digest := putContent(t, a, make([]byte, 300<<10))
	if !b.HasBlob(digest) || get(t, b, defaults(t, b), "0-19") == nil || get(t, b, defaults(t, b), "2-0") != nil {
		t.Error("a node does not see what another has stored, or sees what is in another schema")
	}
}
