package tandem

import (
	"context"
	"iter"
	"sync"
)

// Query compiles a query, or takes it from a cache of the last ones, runs it, and gives its rows:
//
//	for row, err := range db.Query(ctx, "SELECT name FROM travel.hotels WHERE country = $c", tandem.Parameters{"c": "France"}) {
//
// An error ends the sequence. Leaving the loop ends the query.
func (db *Database) Query(ctx context.Context, text string, given ...Parameters) iter.Seq2[*Result, error] {
	return func(yield func(*Result, error) bool) {
		q, err := db.cached.query(ctx, db, text)
		if err != nil {
			yield(nil, err)
			return
		}
		rows, err := q.Execute(ctx, given...)
		if err != nil {
			yield(nil, err)
			return
		}
		rows.All()(yield)
	}
}

// Select is [Database.Query] that decodes each row: see [Result.Decode].
//
//	for hotel, err := range tandem.Select[Hotel](ctx, db, "SELECT name, city FROM travel.hotels") {
func Select[T any](ctx context.Context, db *Database, text string, given ...Parameters) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for row, err := range db.Query(ctx, text, given...) {
			var v T
			if err == nil {
				err = row.Decode(&v)
			}
			if !yield(v, err) || err != nil {
				return
			}
		}
	}
}

// Collect decodes all rows of a result: see [Result.Decode]. It takes what [Query.Execute] returns, error included.
//
//	hotels, err := tandem.Collect[Hotel](query.Execute(ctx))
func Collect[T any](rows *ResultSet, err error) ([]T, error) {
	if err != nil {
		return nil, err
	}
	all := []T{}
	for row, err := range rows.All() {
		if err != nil {
			return nil, err
		}
		var v T
		if err := row.Decode(&v); err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, nil
}

// maxCached bounds the queries in the cache of a database.
const maxCached = 100

// queryCache keeps queries by their text. The zero value is empty.
type queryCache struct {
	mu  sync.Mutex // guards the following
	all map[string]*Query
}

func (c *queryCache) query(ctx context.Context, db *Database, text string) (*Query, error) {
	c.mu.Lock()
	q := c.all[text]
	c.mu.Unlock()
	if q != nil {
		return q, nil
	}
	q, err := db.compile(ctx, text)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all == nil || len(c.all) >= maxCached {
		c.all = map[string]*Query{}
	}
	c.all[text] = q
	return q, nil
}
