package tandem

import (
	"context"
	"time"

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

// DocumentState is the state of a document with a peer.
type DocumentState string

// The states of a document.
const (
	DocumentSynced     DocumentState = DocumentState(replication.StateSynced)     // the peer has our revision
	DocumentPending    DocumentState = DocumentState(replication.StatePending)    // the next push sends it
	DocumentFiltered   DocumentState = DocumentState(replication.StateFiltered)   // the push filter refuses it
	DocumentInConflict DocumentState = DocumentState(replication.StateConflict)   // both sides have changed it
	DocumentRefused    DocumentState = DocumentState(replication.StateRefused)    // one side has refused it
	DocumentUnknown    DocumentState = DocumentState(replication.StateUnknown)    // there is no such document
	DocumentNeverTried DocumentState = DocumentState(replication.StateNeverTried) // nothing was replicated with the peer
)

// Explanation says why a document has, or has not, been replicated.
type Explanation struct {
	State    DocumentState
	Reason   string   // for people
	Revision string   // the local revision; "" for none
	Remote   string   // the latest revision that the peer is known to have; "" for none
	Refusal  *Refusal // nil if the document was not refused
}

// Refusal tells why a document was not replicated the last time.
type Refusal struct {
	Time     time.Time `json:"time"`
	Push     bool      `json:"push"`     // refused by the peer; otherwise by us
	Revision string    `json:"revision"` // which was refused
	Domain   Domain    `json:"domain"`   // of the error
	Code     int       `json:"code"`
	Message  string    `json:"message"`
}

// Explain tells whether the peer has a document, and if not, why. The collection must be in the
// configuration, otherwise the error is [ErrInvalid].
func (r *Replicator) Explain(ctx context.Context, c *Collection, id string) (Explanation, error) {
	opts, err := r.optionsOf(c)
	if err != nil {
		return Explanation{}, err
	}
	e, err := replication.Explain(ctx, r.db.store, r.cfg.Endpoint.String(), opts, id)
	return Explanation{
		State: DocumentState(e.State), Reason: e.Reason, Revision: e.Revision, Remote: e.Remote, Refusal: (*Refusal)(e.Refusal),
	}, err
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
