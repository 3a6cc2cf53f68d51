package tandem

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/store"
)

// Revision describes one revision of a document, as far as the database knows it. As JSON it is what
// `tandem history --json` and REST show.
type Revision struct {
	ID   string       `json:"revision"`
	Role RevisionRole `json:"role"`

	Generation uint64    `json:"generation,omitempty"` // of a tree revision, from 1; 0 for a version
	Time       time.Time `json:"time,omitzero"`        // of a version: when it was written, by its author's clock
	Source     string    `json:"source,omitempty"`     // of a version: which database wrote it, as in the ID
	Own        bool      `json:"own,omitempty"`        // this database wrote it, as far as the source tells

	Deleted bool            `json:"deleted,omitempty"` // it is a tombstone; known only of a revision whose body is kept
	Body    json.RawMessage `json:"body,omitempty"`    // nil where it is not kept

	// Peers are the URLs of the peers that are known to have just this revision, sorted. Clients
	// of a listener are not among them.
	Peers []string `json:"peers,omitempty"`
}

// RevisionRole is the relation of a revision to its document.
type RevisionRole string

// The roles.
const (
	RevisionCurrent    RevisionRole = "current"    // what the document is now
	RevisionConflict   RevisionRole = "conflict"   // a peer's, in an open conflict with the current one
	RevisionMerged     RevisionRole = "merged"     // one of the versions that the current one merged
	RevisionPrevious   RevisionRole = "previous"   // the latest version of another database that is in the current one
	RevisionAncestor   RevisionRole = "ancestor"   // a former revision
	RevisionSuperseded RevisionRole = "superseded" // on a branch that lost a conflict
)

// History returns the known revisions of a document, deleted or not: first the current revision,
// then the conflicting revisions, and then the earlier revisions, newest first. A version names
// the latest version of each database that has taken part; a tree revision names its ancestors.
// The database keeps the bodies of current and conflicting revisions, and of revisions that serve
// as the base of a delta or merge.
//
// History fails with [ErrNotFound] if the database has neither the document nor its tombstone.
func (c *Collection) History(ctx context.Context, id string) (all []Revision, err error) {
	err = c.db.view(ctx, func(tx *store.Tx) error {
		head, beside, err := tx.KeptRevisions(c.coll, id)
		if err != nil {
			return err
		}
		remotes, err := tx.Remotes()
		if err == nil {
			all = (&historian{own: c.db.store.Source(), head: head, beside: beside, remotes: remotes}).all()
		}
		return err
	})
	return all, err
}

// historian lists the revisions of one document.
type historian struct {
	own     revision.Source
	head    *store.Document
	beside  []store.Kept
	remotes map[string]store.Remote // by URL
	listed  []Revision
}

func (h *historian) all() []Revision {
	h.add(RevisionCurrent, h.head.Rev.ID)
	for _, k := range h.beside {
		if k.With != 0 {
			h.add(RevisionConflict, k.Rev.ID)
		}
	}
	past := h.head.Rev.History
	h.add(RevisionMerged, past.Merges...)
	h.add(RevisionPrevious, past.Previous...)
	for _, k := range slices.Backward(h.beside) {
		if k.With == 0 && k.Rev.ID.IsVersion() { // one that no vector names, as a later one of its source is known
			h.add(RevisionAncestor, k.Rev.ID)
		}
	}
	h.add(RevisionAncestor, past.Ancestors...)
	h.add(RevisionSuperseded, past.Superseded...)
	return h.listed
}

// add lists revisions that are not listed yet.
func (h *historian) add(role RevisionRole, ids ...revision.ID) {
	for _, id := range ids {
		if !slices.ContainsFunc(h.listed, func(r Revision) bool { return r.ID == string(id) }) {
			h.listed = append(h.listed, h.describe(role, id))
		}
	}
}

func (h *historian) describe(role RevisionRole, id revision.ID) Revision {
	r := Revision{
		ID: string(id), Role: role, Generation: id.Generation(),
		Time: timeOf(id), Source: string(id.Source()), Own: id.Source() == h.own,
	}
	if d := h.kept(id); d != nil {
		r.Deleted, r.Body = d.Deleted, d.Body
	}
	for _, url := range slices.Sorted(maps.Keys(h.remotes)) {
		if h.head.Known(h.remotes[url]) == id {
			r.Peers = append(r.Peers, url)
		}
	}
	return r
}

// kept returns a revision whose body the database keeps, or nil.
func (h *historian) kept(id revision.ID) *store.Document {
	if id == h.head.Rev.ID {
		return h.head
	}
	for _, k := range h.beside {
		if k.Rev.ID == id {
			return k.Document
		}
	}
	return nil
}

// timeOf returns the time of a version, the zero time for a tree ID in either form.
func timeOf(id revision.ID) time.Time {
	if id.Time() == 0 || id.Source() == revision.LegacySource {
		return time.Time{}
	}
	return time.Unix(0, int64(id.Time())).UTC()
}
