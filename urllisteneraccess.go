package tandem

import (
	"runtime/debug"

	"github.com/tandemdb/tandem/internal/replication"
	"github.com/tandemdb/tandem/internal/store"
)

// CollectionAccess is the set of a client's rights to a collection.
type CollectionAccess uint8

// The rights. Without any the collection does not exist for the client.
const (
	ReadAccess  CollectionAccess = 1 << iota // pull from the listener
	WriteAccess                              // push to the listener

	NoAccess   CollectionAccess = 0
	FullAccess                  = ReadAccess | WriteAccess
)

// ListenerFilter reports whether a document may pass between a listener and a client. It is
// called on goroutines of the listener, for several clients at once, and must not change the
// document. The document of a deletion has no content. A panic counts as false.
type ListenerFilter func(client ClientInfo, doc *Document, flags DocumentFlags) bool

// access returns the function that tells a client's rights to each collection, or nil if every
// right is granted.
func (l *URLEndpointListener) access(client ClientInfo, shared *sharedDatabase) func(*store.Collection) replication.Access {
	if l.cfg.Access == nil && l.cfg.PushFilter == nil && l.cfg.PullFilter == nil {
		return nil
	}
	return func(wanted *store.Collection) replication.Access {
		for _, coll := range shared.collections {
			if coll.coll == wanted {
				return l.accessTo(coll, client)
			}
		}
		return replication.Access{Denied: true}
	}
}

func (l *URLEndpointListener) accessTo(coll *Collection, client ClientInfo) replication.Access {
	rights := FullAccess
	if l.cfg.Access != nil {
		rights = NoAccess // if it panics
		l.contained("access", func() { rights = l.cfg.Access(client, coll) })
	}
	return replication.Access{
		Denied:     rights&FullAccess == 0,
		ReadOnly:   rights&WriteAccess == 0,
		WriteOnly:  rights&ReadAccess == 0,
		PushFilter: l.filter(l.cfg.PushFilter, coll, client),
		PullFilter: l.filter(l.cfg.PullFilter, coll, client),
	}
}

func (l *URLEndpointListener) filter(f ListenerFilter, coll *Collection, client ClientInfo) replication.Filter {
	if f == nil {
		return nil
	}
	return coll.filter(func(doc *Document, flags DocumentFlags) (ok bool) {
		l.contained("filter", func() { ok = f(client, doc, flags) })
		return ok
	})
}

// contained calls a function of the program, and logs its panic.
func (l *URLEndpointListener) contained(what string, call func()) {
	defer func() {
		if p := recover(); p != nil && l.cfg.Logger != nil {
			l.cfg.Logger.Error("listener: the "+what+" function panicked", "panic", p, "stack", string(debug.Stack()))
		}
	}()
	call()
}
