package replication

import (
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/store"
)

// Access says what a passive peer lets the active one do with a collection. Its zero value lets
// it do everything.
type Access struct {
	Denied    bool // the collection does not exist for the peer
	ReadOnly  bool // refuses revisions
	WriteOnly bool // refuses to tell of changes, and to send blobs

	// PushFilter and PullFilter, unless nil, are asked for each document: what they refuse is not
	// sent, or not taken.
	PushFilter, PullFilter Filter
}

// accessTo returns what the peer may do with a shared collection.
func (p *Passive) accessTo(coll *store.Collection) (a Access) {
	if p.Access != nil {
		a = p.Access(coll)
	}
	a.ReadOnly = a.ReadOnly || p.ReadOnly
	return a
}

// Goodbye, as the cause with which the context of a passive session ends, is how it takes leave
// of the peer: with another WebSocket code and text than those of a listener that stops.
type Goodbye struct {
	Code   int
	Reason string
}

func (g *Goodbye) Error() string { return g.Reason }

func (a Access) options(coll *store.Collection) CollectionOptions {
	return CollectionOptions{Collection: coll, PushFilter: a.PushFilter, PullFilter: a.PullFilter}
}

func mayNotRead() error {
	return fault.New(fault.HTTP, 403, "this user may not read the collection")
}
