package tandem

import (
	"context"
	"sync"

	"github.com/tandemdb/tandem/internal/store"
)

// queryCache keeps compiled queries by their text, until collections or indexes change. The zero value is empty.
type queryCache struct {
	mu      sync.Mutex // guards the following
	all     map[string]*Query
	version int64 // of the collections and indexes that they were compiled with
}

// The bounds of a cache.
const (
	maxCached     = 100
	maxCachedText = 16 << 10
)

// query returns the compiled query of a text.
func (c *queryCache) query(ctx context.Context, db *Database, text string) (q *Query, err error) {
	err = db.view(ctx, func(tx *store.Tx) error {
		version, err := tx.SchemaVersion()
		if err != nil {
			return err
		}
		if q = c.get(text, version); q != nil {
			return nil
		}
		if q, err = db.compileIn(tx, text); err != nil {
			return err
		}
		if len(text) <= maxCachedText && db.joined(ctx) == nil { // a batch may undo what it has changed
			c.put(q, version)
		}
		return nil
	})
	return q, err
}

// get returns the query of a text, nil if it is not there.
func (c *queryCache) get(text string, version int64) *Query {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.version != version {
		return nil
	}
	return c.all[text]
}

// put keeps a query, in place of any other when there are too many.
func (c *queryCache) put(q *Query, version int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all == nil || c.version != version {
		c.all, c.version = map[string]*Query{}, version
	}
	if len(c.all) >= maxCached {
		for text := range c.all {
			delete(c.all, text)
			break
		}
	}
	c.all[q.text] = q
}
