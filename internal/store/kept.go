package store

import (
	"github.com/ncruces/go-sqlite3"

	"github.com/tandemdb/tandem/internal/revision"
)

// keptRow is a whole revision of a document beside its head: a remote's conflicting one, or,
// with no remote, a body that serves as base of deltas and merges.
type keptRow struct {
	row    int64
	remote Remote
	rev    revision.Rev
	flags  int64
	base   revision.ID // of a conflict: what the remote had before; of a base: what replaced it
}

// keptOf lists what is kept of d beside its head, without bodies.
func (tx *Tx) keptOf(c *Collection, d *Document) (all []keptRow, err error) {
	if d.flags&(flagKept|flagConflicted) == 0 {
		return nil, nil
	}
	s, err := tx.collStmt(c, sqlListKept)
	if err != nil {
		return nil, err
	}
	err = query(s, func(s *sqlite3.Stmt) error {
		k := keptRow{row: s.ColumnInt64(0), remote: Remote(s.ColumnInt64(1)), flags: s.ColumnInt64(4)}
		k.base = revision.ID(s.ColumnText(5))
		k.rev, err = readRev(s, 2)
		all = append(all, k)
		return err
	}, d.ID)
	return all, tx.fault(c, err, "read kept revisions", d.ID)
}

func (tx *Tx) keptBody(c *Collection, k keptRow) (body []byte, err error) {
	s, err := tx.collStmt(c, sqlKeptBody)
	if err != nil {
		return nil, err
	}
	err = query(s, func(s *sqlite3.Stmt) error {
		body = s.ColumnBlob(0, nil)
		return nil
	}, k.row)
	return body, tx.fault(c, err, "read kept revision", string(k.rev.ID))
}

// succeed prepares that next replaces head: the old body is kept if a remote has just that
// revision, and what nobody needs any more goes. It returns the flags that tell of the rest.
func (tx *Tx) succeed(c *Collection, head, next *Document) (flags int64, err error) {
	kept, err := tx.keptOf(c, head)
	if err != nil {
		return 0, err
	}
	if tx.isBase(head, next) {
		s, err := tx.collWriting(c, sqlKeepHead, more)
		if err != nil {
			return 0, err
		}
		if err := exec(s, string(next.Rev.ID), int64(head.Sequence)); err != nil {
			return 0, err
		}
		flags |= flagKept // tidy need not look at it
	}
	more, err := tx.tidy(c, next, kept)
	return flags | more, err
}

// isBase reports whether the body of head is worth keeping when next replaces it. Nobody
// sends, or merges, the difference to a tombstone.
func (tx *Tx) isBase(head, next *Document) bool {
	if head.Deleted || next.Deleted || head.Rev.ID == next.Rev.ID {
		return false
	}
	return tx.db.keepsBases.Load() || next.remote.names(head.Rev.ID, next.Rev.ID)
}

// tidy drops what is kept of a document but not needed now that d is its head: conflicts
// that are over, because d descends from the remote's revision, and bodies that are no
// remote's any more. It returns the flags that tell of the rest.
func (tx *Tx) tidy(c *Collection, d *Document, kept []keptRow) (flags int64, err error) {
	var bases, needed []keptRow
	for _, k := range kept {
		switch {
		case k.remote == 0:
			bases = append(bases, k)
		case isOver(d.Rev, k.rev):
			if err := tx.dropKept(c, k); err != nil {
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
		if err := tx.dropKept(c, base); err != nil {
			return 0, err
		}
	}
	return flags, nil
}

// isOver reports whether a head that descends from the remote's revision ended the conflict.
func isOver(head, remote revision.Rev) bool {
	order := revision.Compare(head, remote)
	return order == revision.Same || order == revision.Newer
}

// needs reports whether base is of use when d is the head: because a remote has exactly this
// revision, or had it before a conflict, or because d has just replaced it.
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

func (tx *Tx) dropKept(c *Collection, k keptRow) error {
	s, err := tx.collWriting(c, sqlDropKeptRow, more)
	if err != nil {
		return err
	}
	return exec(s, k.row)
}
