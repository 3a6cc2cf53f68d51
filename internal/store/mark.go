package store

import (
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/revision"
)

// markKnown notes that remote has rev, and drops kept revisions that this makes superfluous.
func (tx *Tx) markKnown(c *Collection, head *Document, remote Remote, rev revision.Rev) error {
	kept, err := tx.keptOf(c, head)
	if err != nil {
		return err
	}
	head.remote = head.remote.with(remote, rev.ID, head.Rev.ID)
	rest := kept[:0]
	for _, k := range kept {
		if k.remote != remote || !tx.isOver(rev, k.rev) {
			rest = append(rest, k)
			continue
		}
		if err := tx.rows.dropKept(c, k, more); err != nil {
			return err
		}
	}
	flags, err := tx.tidy(c, head, rest)
	if err != nil {
		return err
	}
	head.setFlags(head.flags&^(flagKept|flagConflicted) | flags)
	return tx.rows.mark(c, head, last)
}

// MarkKnown notes that remote has revision rev of a document, because remote announced it or
// accepted it. If the document no longer exists, MarkKnown does nothing.
func (tx *Tx) MarkKnown(c *Collection, id string, remote Remote, rev revision.ID) error {
	if remote == 0 || rev == "" {
		return fault.Invalid.In("mark revision", id).Says("no remote, or no revision")
	}
	return tx.atomic(func() error {
		head, err := tx.lookup(c, id, headOnly)
		if err != nil || head == nil || head.remote.of(remote, head.Rev.ID) == rev {
			return err
		}
		if tx.hasTrees() {
			return tx.fault(c, tx.markBoth(c, head, remote, rev), "mark revision", id)
		}
		return tx.fault(c, tx.markKnown(c, head, remote, revision.Rev{ID: rev}), "mark revision", id)
	})
}

// MarkTaken notes that remote accepted revision rev of a document, offered while remote was known
// to have before. If a pull has meanwhile found another revision there, MarkTaken leaves it unless
// rev came after it: an answer may be older news than a pull.
func (tx *Tx) MarkTaken(c *Collection, id string, remote Remote, rev revision.Rev, before revision.ID) error {
	if remote == 0 || rev.IsZero() {
		return fault.Invalid.In("mark revision", id).Says("no remote, or no revision")
	}
	return tx.atomic(func() error {
		head, err := tx.lookup(c, id, headOnly)
		if err != nil || head == nil {
			return err
		}
		if tx.hasTrees() {
			return tx.fault(c, tx.markBoth(c, head, remote, rev.ID), "mark revision", id)
		}
		has := head.remote.of(remote, head.Rev.ID)
		if has == rev.ID || has != before && !rev.Contains(has) {
			return nil
		}
		return tx.fault(c, tx.markKnown(c, head, remote, revision.Rev{ID: rev.ID}), "mark revision", id)
	})
}

// MarkRunTaken is [Tx.MarkTaken] for the documents at the sequences from to to. The remote accepted
// these documents as they are, and was not known to have them. MarkRunTaken skips a document if one
// of its revisions is known or kept, and a sequence that no document has any more. It reports whether
// it has skipped nothing. One statement for a long run takes a quarter of the time of a statement for
// each document.
func (tx *Tx) MarkRunTaken(c *Collection, remote Remote, from, to Sequence) (all bool, err error) {
	if remote == 0 || from == 0 || to < from {
		return false, fault.Invalid.In("mark revisions", c.FullName()).Says("no remote, or no sequences")
	}
	err = tx.atomic(func() error {
		changed, err := tx.rows.markRun(c, entry(remote, "", ""), from, to, last)
		all = err == nil && changed == int64(to-from+1)
		return tx.fault(c, err, "mark revisions", c.FullName())
	})
	return all, err
}
