package store

import "github.com/tandemdb/tandem/internal/revision"

// keptRow is a revision that is kept beside a document's head. If remote is set, it is the remote's
// conflicting revision; otherwise its body is a base for deltas and merges.
type keptRow struct {
	row    int64
	of     string // ID of the document, in a view of an engine
	remote Remote
	rev    revision.Rev
	flags  int64
	base   revision.ID // of a conflict: the remote's revision before; of a base: the revision that replaced it
}

// keptOf lists the revisions kept beside d, without bodies.
func (tx *Tx) keptOf(c *Collection, d *Document) ([]keptRow, error) {
	if d.flags&(flagKept|flagConflicted) == 0 {
		return nil, nil
	}
	return tx.rows.listKept(c, d.ID)
}

// succeed prepares the replacement of head by next. It keeps the old body if a remote has exactly
// that revision, and drops kept revisions that are no longer needed. It returns the flags for the
// revisions that stay.
func (tx *Tx) succeed(c *Collection, head, next *Document) (flags int64, err error) {
	kept, err := tx.keptOf(c, head)
	if err != nil {
		return 0, err
	}
	if tx.isBase(head, next) {
		if err := tx.rows.keepHead(c, head, next.Rev.ID, more); err != nil {
			return 0, err
		}
		flags |= flagKept // tidy must not drop the base just added
	}
	more, err := tx.tidy(c, next, kept)
	return flags | more, err
}

// isBase reports whether the body of head is worth keeping when next replaces it. Tombstones need
// no base: nobody computes a delta to one, or merges with one.
func (tx *Tx) isBase(head, next *Document) bool {
	if head.Deleted || next.Deleted || head.Rev.ID == next.Rev.ID {
		return false
	}
	return tx.db.keepsBases.Load() || next.remote.names(head.Rev.ID, next.Rev.ID)
}

// tidy drops kept revisions that are not needed now that d is the head: conflicts that ended
// because d descends from the remote's revision, and bodies of revisions that no remote has any
// more. It returns the flags for the revisions that stay.
func (tx *Tx) tidy(c *Collection, d *Document, kept []keptRow) (flags int64, err error) {
	var bases, needed []keptRow
	for _, k := range kept {
		switch {
		case k.remote == 0:
			bases = append(bases, k)
		case tx.isOver(d.Rev, k.rev):
			if err := tx.rows.dropKept(c, k, more); err != nil {
				return 0, err
			}
		default:
			needed = append(needed, k)
			flags |= flagConflicted
		}
	}
	for _, base := range bases {
		if tx.needs(d, base, needed) {
			flags |= flagKept
			continue
		}
		if err := tx.rows.dropKept(c, base, more); err != nil {
			return 0, err
		}
	}
	return flags, nil
}

// needs reports whether base is useful while d is the head: a remote has exactly this revision, had
// it before a conflict, or d has just replaced it.
func (tx *Tx) needs(d *Document, base keptRow, conflicts []keptRow) bool {
	if d.remote.names(base.rev.ID, d.Rev.ID) || base.base == d.Rev.ID && tx.db.keepsBases.Load() {
		return true
	}
	for _, conflict := range conflicts {
		if conflict.base == base.rev.ID {
			return true
		}
	}
	return false
}
