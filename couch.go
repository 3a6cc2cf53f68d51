package tandem

import (
	"github.com/tandemdb/tandem/internal/couch"
	"github.com/tandemdb/tandem/internal/revision"
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
