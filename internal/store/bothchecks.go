package store

import (
	"slices"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/revision/both"
)

// checkFirst refuses an incoming revision whose names cannot be kept, or leave no room for edits.
func (tx *Tx) checkFirst(c *Collection, id string, h both.Head) error {
	if h.Highest() > both.MaxGeneration/2 {
		most, err := tx.roomUpTo(both.MaxGeneration, c, id, func(rev revision.Rev) uint64 { return both.HeadOf(rev).Top() })
		if err == nil {
			err = h.CheckGenerations(most)
		}
		if err != nil {
			return err
		}
	}
	return h.CheckTimes(tx.now)
}

// roomUpTo is [revision.RoomUpTo] for a document, whose head has the generation that of says.
func (tx *Tx) roomUpTo(last uint64, c *Collection, id string, of func(revision.Rev) uint64) (most uint64, err error) {
	head, err := tx.current(c, id)
	if err != nil || head == nil {
		return revision.RoomUpTo(last, 0), err
	}
	return revision.RoomUpTo(last, of(head.Rev)), nil
}

// checkGeneration refuses a tree revision that leaves no room for edits: see [revision.RoomUpTo].
func (tx *Tx) checkGeneration(c *Collection, in Incoming) error {
	generation := in.Rev.ID.Generation()
	if generation <= revision.MaxGeneration/2 {
		return nil
	}
	most, err := tx.roomUpTo(revision.MaxGeneration, c, in.ID, func(rev revision.Rev) uint64 { return rev.ID.Generation() })
	if err != nil {
		return err
	}
	if generation > most {
		return fault.BadRevisionID.Says("the generation of %.80q is beyond %d, which leaves no room for edits", in.Rev.ID, most)
	}
	return nil
}

// checkNext refuses a head that cannot be kept. Times that lay ahead before are no reason.
func (tx *Tx) checkNext(h, next both.Head) error {
	if err := next.CheckGenerations(both.MaxGeneration); err != nil || h.CheckTimes(tx.now) != nil {
		return err
	}
	return next.CheckTimes(tx.now)
}

// withoutForged drops tree IDs that the peer says it has given up, although they contain versions that this
// database has yet to make.
func (tx *Tx) withoutForged(ids []revision.ID) []revision.ID {
	latest := max(tx.state.clock, revision.Time(tx.now.UnixNano()))
	isForged := func(id revision.ID) bool {
		v := both.VersionOf(id)
		return v.Source() == tx.db.Source() && v.Time() > latest
	}
	if !slices.ContainsFunc(ids, isForged) {
		return ids
	}
	return slices.DeleteFunc(slices.Clone(ids), isForged)
}

// keepsByVersion is keep for the tree IDs of rev: databases of both generations note what a remote has by its
// version. A nil keep stays nil.
func keepsByVersion(rev revision.Rev, keep func(revision.ID) bool) func(revision.ID) bool {
	if keep == nil {
		return nil
	}
	h := both.HeadOf(rev)
	return func(id revision.ID) bool {
		version := h.VersionOf(id)
		return keep(id) || version != "" && keep(version)
	}
}
