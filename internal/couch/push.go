package couch

import (
	"context"
	"slices"

	"github.com/tandemdb/tandem/internal/document"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/store"
)

// maxPath is how many revisions of a path count. A database keeps no more of them.
const maxPath = 1000

// Pushed is a revision that a client sends.
type Pushed struct {
	ID      string
	Rev     revision.Rev
	Deleted bool
	Body    []byte // a JSON object; blobs may have their content in it

	// Info is the result of document.Compact for Body, if that is compact and no blob has its content in
	// it. Otherwise it is nil.
	Info *document.Info
}

// ParsePath returns a revision with its ancestors, as _rev and _revisions of a document have them: the
// generation of the newest, and the digests of all, the newest first. Without digests the revision has
// no ancestors, and without rev it is the first of the path. Those after the 1,000th are ignored. The
// error is [fault.BadRevisionID].
func ParsePath(rev string, start uint64, digests []string) (r revision.Rev, err error) {
	for i, digest := range digests[:min(len(digests), maxPath)] {
		if start <= uint64(i) || start > revision.MaxGeneration {
			return r, fault.BadRevisionID.Says("_revisions has %d IDs up to generation %d", len(digests), start)
		}
		id, err := revision.ParseID(string(revision.NewTree(start-uint64(i), digest)))
		switch {
		case err != nil:
			return r, err
		case i == 0:
			r.ID = id
		default:
			r.History.Ancestors = append(r.History.Ancestors, id)
		}
	}
	if rev == "" && r.ID != "" {
		return r, nil
	}
	id, err := revision.ParseID(rev)
	switch {
	case err != nil:
		return r, err
	case !id.IsTree():
		return r, fault.BadRevisionID.Says("%.80q is a version, want generation-digest", rev)
	case r.ID != "" && r.ID != id:
		return r, fault.BadRevisionID.Says("_rev is %.80q, and _revisions begins with %.80q", rev, r.ID)
	}
	r.ID = id
	return r, nil
}

// Push stores revisions: see [store.Tx.Graft]. The error of each is at its place; err is one of the
// database as a whole. What has failed does not keep the others from being stored.
func (c Collection) Push(ctx context.Context, all []Pushed) (failed []error, err error) {
	failed = make([]error, len(all))
	incoming := make([]store.Incoming, len(all))
	for i, p := range all {
		incoming[i], failed[i] = c.incoming(ctx, p)
	}
	refused := slices.Clone(failed)
	err = c.access.Update(ctx, func(tx *store.Tx) error {
		copy(failed, refused)
		err := tx.Expect(c.coll, func(yield func(string) bool) {
			for i := range incoming {
				if failed[i] == nil && !yield(incoming[i].ID) {
					return
				}
			}
		})
		if err != nil {
			return err
		}
		for i, in := range incoming {
			if failed[i] == nil {
				failed[i] = tx.Graft(c.coll, in)
			}
		}
		return nil
	})
	return failed, err
}

func (c Collection) incoming(ctx context.Context, p Pushed) (store.Incoming, error) {
	if p.Info != nil {
		return store.Incoming{ID: p.ID, Rev: p.Rev, Deleted: p.Deleted, Body: p.Body, Info: p.Info}, nil
	}
	body, err := c.access.Install(ctx, p.Body)
	if err != nil {
		return store.Incoming{}, fault.About(err, "store revision", p.ID)
	}
	body, info, err := document.Compact(body)
	if err != nil {
		return store.Incoming{}, fault.About(err, "store revision", p.ID)
	}
	return store.Incoming{ID: p.ID, Rev: p.Rev, Deleted: p.Deleted, Body: body, Info: &info}, nil
}
