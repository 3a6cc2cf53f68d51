package tandem

import (
	"context"

	"github.com/tandemdb/tandem/internal/couch"
	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/store"
)

// Couch is for package rest alone, which serves clients of CouchDB: no other module can make a Pass.
func (c *Collection) Couch(couch.Pass) couch.Collection {
	return couch.New(couch.Access{
		View: c.db.view, Update: c.db.update, Durable: c.db.updateDurable, Install: c.db.install,
	}, c.coll)
}

// Closings is likewise for package rest. It returns the tombstones that end the branches which have lost a
// conflict to the change's revision.
func (c Change) Closings(couch.Pass) []revision.ID { return revision.SplitIDs(c.closings) }

// updateDurable is update whose change is on the disk when it returns. In a batch that is for the batch.
func (db *Database) updateDurable(ctx context.Context, fn func(*store.Tx) error) error {
	b, err := db.toChange(ctx, "change database")
	switch {
	case err != nil:
		return err
	case b != nil:
		return fn(b.tx)
	}
	return db.store.UpdateDurable(ctx, fn)
}
