package tandem

import (
	"context"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/replication"
)

// PendingDocumentIDs returns the IDs of the documents in a collection of the configuration that
// still have to be pushed, with deletions and without documents in conflict. It may be called at
// any time, even before the first start. It fails with [ErrUnsupported] if the replicator only
// pulls, and with [ErrInvalid] for another collection.
func (r *Replicator) PendingDocumentIDs(ctx context.Context, c *Collection) ([]string, error) {
	opts, err := r.pushOptions(c)
	if err != nil {
		return nil, err
	}
	return replication.Pending(ctx, r.db.store, r.cfg.Endpoint.String(), opts)
}

// IsDocumentPending reports whether a document is among [Replicator.PendingDocumentIDs]. It is
// false for a document that does not exist.
func (r *Replicator) IsDocumentPending(ctx context.Context, c *Collection, id string) (bool, error) {
	opts, err := r.pushOptions(c)
	if err != nil {
		return false, err
	}
	return replication.IsPending(ctx, r.db.store, r.cfg.Endpoint.String(), opts, id)
}

// DocumentState is where a document stands with a peer.
type DocumentState = replication.State

// The states of a document.
const (
	DocumentSynced     = replication.StateSynced
	DocumentPending    = replication.StatePending
	DocumentFiltered   = replication.StateFiltered
	DocumentInConflict = replication.StateConflict
	DocumentRefused    = replication.StateRefused
	DocumentUnknown    = replication.StateUnknown
	DocumentNeverTried = replication.StateNeverTried
)

// Explanation says why a document has, or has not, been replicated.
type Explanation struct {
	State    DocumentState
	Reason   string   // for people
	Revision string   // what we have; "" if nothing
	Remote   string   // what the peer is known to have; "" if nothing
	Refusal  *Refusal // nil if the document was not refused
}

// Refusal is why a document was not replicated the last time. Its fields:
//
//	Time     time.Time
//	Push     bool   // refused by the peer; otherwise by us
//	Revision string // which was refused
//	Domain   Domain // of the error
//	Code     int
//	Message  string
type Refusal = replication.Refusal

// Explain says how a document of one of the configuration's collections stands with the peer:
// whether it is there, and if not, why. Another collection is [ErrInvalid].
func (r *Replicator) Explain(ctx context.Context, c *Collection, id string) (Explanation, error) {
	opts, err := r.optionsOf(c)
	if err != nil {
		return Explanation{}, err
	}
	e, err := replication.Explain(ctx, r.db.store, r.cfg.Endpoint.String(), opts, id)
	return Explanation(e), err
}

func (r *Replicator) pushOptions(c *Collection) (replication.CollectionOptions, error) {
	opts, err := r.optionsOf(c)
	if err == nil && !opts.Push {
		err = fault.Unsupported.In("list pending documents", "").Says("this replicator does not push")
	}
	return opts, err
}

func (r *Replicator) optionsOf(c *Collection) (replication.CollectionOptions, error) {
	for _, opts := range r.collectionOptions() {
		if c != nil && c.db == r.db && opts.Collection.FullName() == c.FullName() {
			return opts, nil
		}
	}
	return replication.CollectionOptions{}, fault.Invalid.In("use replicator", "").
		Says("the collection is not in the replicator's configuration")
}
