package tandem

import (
	"context"
	"slices"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/replication"
	"github.com/tandemdb/tandem/internal/store"
)

// DatabaseEndpoint is another open database of this program as the peer of a replicator, without
// network and listener. The zero value is no endpoint.
//
// The replication is the same as with a listener on that database: it goes on from its
// checkpoint, shares the collections that both databases have, and resolves conflicts in the
// replicator's database. Settings of the connection, such as those for certificates, do not
// matter. When the other database closes, the replicator stops with [ErrNotOpen]. A database
// cannot be its own peer; one that was moved to an engine is another one than its original, with the same UUID.
type DatabaseEndpoint struct {
	db      *Database
	filters *endpointFilters // nil for none
}

type endpointFilters struct{ push, pull ReplicationFilter }

// NewDatabaseEndpoint returns the endpoint of a database.
func NewDatabaseEndpoint(db *Database) DatabaseEndpoint { return DatabaseEndpoint{db: db} }

// WithFilters returns an endpoint whose database sends only documents that push accepts, and
// receives only documents that pull accepts. A nil filter accepts all documents. The filters of
// the replicator apply, too.
func (e DatabaseEndpoint) WithFilters(push, pull ReplicationFilter) DatabaseEndpoint {
	e.filters = &endpointFilters{push, pull}
	return e
}

// Database returns the database, nil for the zero value.
func (e DatabaseEndpoint) Database() *Database { return e.db }

// String returns "tandem:" and the UUID of the database, or "" for the zero value. The UUID, unlike
// the path, lets a moved database keep its checkpoints.
func (e DatabaseEndpoint) String() string {
	if e.db == nil {
		return ""
	}
	return "tandem:" + e.db.UUID()
}

func (e DatabaseEndpoint) check(cfg ReplicatorConfiguration) error {
	if e.db == nil {
		return errNoEndpoint
	}
	for _, c := range cfg.Collections {
		if c.Collection != nil && c.Collection.db.store.PrivateUUID() == e.db.store.PrivateUUID() {
			return fault.Invalid.In("configure replicator", "").Says("the database %s cannot be its own peer", e.db.Name()).
				Try("make the endpoint of another database")
		}
	}
	return nil
}

// dial begins a session of the other database, which ends with the pipe or the database.
func (e DatabaseEndpoint) dial(ctx context.Context, r *Replicator, _ *replication.Acquaintance) (blip.Pipe, string, error) {
	protocol, err := e.protocol(r)
	if err != nil {
		return nil, "", err
	}
	collections, err := e.db.Collections(ctx)
	if err != nil {
		return nil, "", err
	}
	running, end := context.WithCancelCause(context.WithoutCancel(ctx))
	local := &localSession{end: end, done: make(chan struct{})}
	if err := e.db.registerSync(local); err != nil {
		end(nil)
		return nil, "", err
	}
	ours, theirs := blip.NewPipePair()
	session := replication.NewPassive(theirs, replication.Passive{
		Common:      replication.Common{DB: e.db.store, Protocol: protocol, Log: r.cfg.Logger},
		Collections: storesOf(collections),
		Access:      e.access(collections),
	})
	r.local.Go(func() {
		defer close(local.done)
		defer e.db.unregister(local)
		defer end(nil)
		_ = session.Run(running) // the replicator has the error, too
	})
	return ours, protocol, nil
}

// protocol returns the protocol that both databases speak, as a handshake would choose it.
func (e DatabaseEndpoint) protocol(r *Replicator) (string, error) {
	theirs := replication.Protocols(e.db.store.Versioning(), true)
	for _, protocol := range replication.Protocols(r.db.store.Versioning(), r.cfg.pulls()) {
		if slices.Contains(theirs, protocol) {
			return protocol, nil
		}
	}
	return "", r.versioningMismatch(fault.Unsupported.In("replicate with", e.db.Path()))
}

// access translates the filters for a session.
func (e DatabaseEndpoint) access(collections []*Collection) func(*store.Collection) replication.Access {
	if e.filters == nil {
		return nil
	}
	return func(wanted *store.Collection) (access replication.Access) {
		for _, c := range collections {
			if c.coll == wanted {
				access = replication.Access{PushFilter: c.filter(e.filters.push), PullFilter: c.filter(e.filters.pull)}
			}
		}
		return access
	}
}

// localSession is the passive side of a replication without a network: a service of its database.
type localSession struct {
	end  context.CancelCauseFunc
	done chan struct{} // closed when the session has ended
}

func (s *localSession) stop() {
	s.end(&replication.Goodbye{Code: 1001, Reason: "the database is closing"})
	<-s.done
}
