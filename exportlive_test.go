package tandem

import "github.com/tandemdb/tandem/internal/live"

// LiveStats returns what the live queries of the database have cost.
func (db *Database) LiveStats() live.Stats { return db.live.Stats() }

// WatchChanges returns what tells, of the changes since its last call, whether they affect a query with its own parameters.
func (c *Collection) WatchChanges() (watch func() (affects func(*Query) bool), end func()) {
	f := feed{c.db.store.SubscribeDocuments(c.coll)}
	f.Documents()
	return func() func(*Query) bool {
		_, changes, known := f.Changes()
		return func(q *Query) bool {
			is := affected(q.plan, q.params)
			return !known || is == nil || is(nil, changes)
		}
	}, f.Close
}
