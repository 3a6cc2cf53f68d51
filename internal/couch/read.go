package couch

import (
	"context"
	"errors"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/store"
)

// Asked is what a client may have that the collection lacks.
type Asked struct {
	ID   string
	Revs []string
}

// Missing lists, for each document, the revisions that the collection neither has nor has replaced, and as
// an ancestor of them the head, if one can be.
type Missing struct {
	ID        string
	Revs      []string
	Ancestors []string
}

// Missing compares revisions of clients with the collection. Documents without a missing revision are
// left out.
func (c Collection) Missing(ctx context.Context, asked []Asked) (all []Missing, err error) {
	err = c.access.View(ctx, func(tx *store.Tx) error {
		all = nil
		for _, a := range asked {
			if err := ctx.Err(); err != nil {
				return err
			}
			head, err := newest(tx, c.coll, a.ID)
			if err != nil {
				return err
			}
			if m := missing(head, a); len(m.Revs) > 0 {
				all = append(all, m)
			}
		}
		return nil
	})
	return all, err
}

// fewRevs is up to how many revisions of a document are compared one by one. A client that syncs asks for one.
const fewRevs = 4

func missing(head *store.Document, a Asked) Missing {
	m := Missing{ID: a.ID}
	if head == nil {
		m.Revs = a.Revs
		return m
	}
	knows, older := head.Rev.Knows, false
	if len(a.Revs) > fewRevs {
		knows = head.Rev.Knower()
	}
	for _, rev := range a.Revs {
		if !knows(revision.ID(rev)) {
			m.Revs = append(m.Revs, rev)
			older = older || head.Rev.ID.Generation() < revision.ID(rev).Generation()
		}
	}
	if older {
		m.Ancestors = []string{string(head.Rev.ID)}
	}
	return m
}

// newest returns a document or its tombstone, nil if there is neither.
func newest(tx *store.Tx, coll *store.Collection, id string) (*store.Document, error) {
	d, err := tx.Document(coll, id)
	if errors.Is(err, fault.NotFound) {
		return nil, nil //nolint:nilnil // which says that there is none
	}
	return d, err
}

// Wanted names a revision of a document; without Rev it is the latest.
type Wanted struct{ ID, Rev string }

// Revision is a revision with its ancestors.
type Revision struct {
	Found   bool
	Rev     string
	Deleted bool
	Body    []byte
	Path    []string // the revision and its ancestors, newest first
}

// portionBytes is about how much Revisions reads at once.
const portionBytes = 4 << 20

// Revisions reads revisions: the head of a document, or a tombstone that ends a superseded branch. With
// latest, a revision that was replaced stands for what replaces it: the head, or the tombstone. It may
// return fewer than are wanted, and at least one of them; call it again with the rest.
func (c Collection) Revisions(ctx context.Context, wanted []Wanted, latest bool) (all []Revision, err error) {
	err = c.access.View(ctx, func(tx *store.Tx) error {
		all = nil
		size := 0
		for _, w := range wanted {
			if err := ctx.Err(); err != nil {
				return err
			}
			head, err := newest(tx, c.coll, w.ID)
			if err != nil {
				return err
			}
			r := Revision{}
			if head != nil {
				r = find(head, revision.ID(w.Rev), latest)
			}
			all = append(all, r)
			if size += len(r.Body); size >= portionBytes {
				break
			}
		}
		return nil
	})
	return all, err
}

func find(head *store.Document, rev revision.ID, latest bool) Revision {
	if ended := head.Rev.Closed(rev); ended != "" && rev != head.Rev.ID {
		return closing(ended)
	}
	switch {
	case rev == "", rev == head.Rev.ID, latest && head.Rev.Contains(rev) && !head.Rev.MayHaveBeaten(rev):
		return Revision{true, string(head.Rev.ID), head.Deleted, head.Body, path(head.Rev.ID, head.Rev.History.Ancestors...)}
	case latest && head.Rev.MayHaveBeaten(rev):
		return closing(rev)
	}
	return Revision{}
}

// closing returns the tombstone that ends the branch of a revision.
func closing(rev revision.ID) Revision {
	return Revision{true, string(rev.Closing()), true, []byte("{}"), path(rev.Closing(), rev)}
}

// path returns the part of a history without gaps.
func path(rev revision.ID, ancestors ...revision.ID) []string {
	all := append(make([]string, 0, 1+len(ancestors)), string(rev))
	for i, id := range ancestors {
		if id.Generation()+uint64(i)+1 != rev.Generation() {
			break
		}
		all = append(all, string(id))
	}
	return all
}

// Leaves returns the IDs of the revisions that no other has followed: the head, and the tombstones that end
// the branches it has superseded. There is none of a missing document.
func (c Collection) Leaves(ctx context.Context, id string) (all []string, err error) {
	err = c.access.View(ctx, func(tx *store.Tx) error {
		head, err := newest(tx, c.coll, id)
		if err == nil && head != nil {
			all = []string{string(head.Rev.ID)}
			for _, rev := range head.Rev.Closings() {
				all = append(all, string(rev))
			}
		}
		return err
	})
	return all, err
}
