package replication

import (
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/store"
)

// accessTo returns what the peer may do with a shared collection.
func (p *Passive) accessTo(coll *store.Collection) (a Access) {
	if p.Access != nil {
		a = p.Access(coll)
	}
	a.ReadOnly = a.ReadOnly || p.ReadOnly
	return a
}

func (a Access) options(coll *store.Collection) CollectionOptions {
	return CollectionOptions{Collection: coll, PushFilter: a.PushFilter, PullFilter: a.PullFilter}
}

func mayNotRead() error {
	return fault.New(fault.HTTP, 403, "this user may not read the collection")
}
