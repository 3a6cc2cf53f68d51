package store

import (
	"time"
	"unsafe"

	"github.com/ncruces/go-sqlite3"
)

// insert adds d with the next sequence, unless a document with its ID exists.
func (tx *Tx) insert(c *Collection, d *Document) (bool, error) {
	k, err := tx.counters(c)
	if err != nil {
		return false, err
	}
	s, err := tx.collWriting(c, sqlInsertDoc, place(!d.refersToBlobs()))
	if err != nil {
		return false, err
	}
	if err := tx.writeRow(s, k.last+1, d); err != nil {
		return false, err
	}
	if tx.c.Changes() == 0 {
		tx.changedNothing()
		return false, nil
	}
	k.last++
	d.Sequence = Sequence(k.last)
	tx.count(k, nil, d)
	return true, tx.ownBlobs(d)
}

// insertNew is insert after a lookup has found no document of the ID. If the insertion still fails,
// the file contradicts itself.
func (tx *Tx) insertNew(c *Collection, d *Document) error {
	inserted, err := tx.insert(c, d)
	if err == nil && !inserted {
		err = damaged()
	}
	return err
}

// replace makes next the head instead of head, with the next sequence. next.remote must be set.
// replace updates the kept revisions and ends conflicts that next resolves.
func (tx *Tx) replace(c *Collection, head, next *Document) error {
	k, err := tx.counters(c)
	if err != nil {
		return err
	}
	keptFlags, err := tx.succeed(c, head, next)
	if err != nil {
		return err
	}
	next.setFlags(next.flags&^(flagKept|flagConflicted) | keptFlags)
	s, err := tx.collWriting(c, sqlUpdateDoc, place(!next.refersToBlobs()))
	if err != nil {
		return err
	}
	if err := tx.writeRow(s, k.last+1, next); err != nil {
		return err
	}
	if err := tx.changedOne(); err != nil {
		return err
	}
	k.last++
	next.Sequence = Sequence(k.last)
	tx.count(k, head, next)
	return tx.ownBlobs(next)
}

// mark stores the flags, the remotes and the expiry of d. The revision stays, and so does the
// sequence.
func (tx *Tx) mark(c *Collection, d *Document, at place) error {
	s, err := tx.collWriting(c, sqlMarkDoc, at)
	if err != nil {
		return err
	}
	return tx.changeOne(s, d.flags, string(d.remote), expiryColumn(d.Expiry), int64(d.Sequence))
}

// count updates the collection's counters after a row changed from was to is; nil stands for a
// missing row.
func (tx *Tx) count(k counters, was, is *Document) {
	if was != nil && !was.Deleted {
		k.live--
	}
	if is != nil && !is.Deleted {
		k.live++
	}
	if is != nil && !is.Expiry.IsZero() {
		tx.db.writer.state.expiring = true
	}
	tx.setCounters(k)
}

// writeRow runs sqlInsertDoc or sqlUpdateDoc. Its binding is spelled out for speed: every document
// passes here.
func (tx *Tx) writeRow(s *sqlite3.Stmt, seq int64, d *Document) error {
	if err := s.BindInt64(1, seq); err != nil {
		return err
	}
	if err := s.BindText(2, d.ID); err != nil {
		return err
	}
	if err := s.BindText(4, string(d.Rev.ID)); err != nil {
		return err
	}
	next := rowRest{s, d.flags, d.Rev.History.String(), d.remote, d.Expiry}
	if tx.c.rest != next {
		if err := tx.c.bind(next); err != nil {
			return err
		}
	}
	if err := s.BindText(8, unsafe.String(unsafe.SliceData(d.Body), len(d.Body))); err != nil { // SQLite copies the text
		return err
	}
	return s.Exec()
}

// rowRest is the part of a row that successive documents often share. A statement keeps what is
// bound.
type rowRest struct {
	of      *sqlite3.Stmt
	flags   int64
	history string
	remote  known
	expiry  time.Time
}

// bind binds r to its statement.
func (c *conn) bind(r rowRest) error {
	c.rest = rowRest{} // unknown if this fails
	if err := r.of.BindInt64(3, r.flags); err != nil {
		return err
	}
	if err := r.of.BindText(5, r.history); err != nil {
		return err
	}
	if err := r.of.BindText(6, string(r.remote)); err != nil {
		return err
	}
	if err := bindExpiry(r.of, 7, r.expiry); err != nil {
		return err
	}
	c.rest = r
	return nil
}

func bindExpiry(s *sqlite3.Stmt, param int, t time.Time) error {
	if t.IsZero() {
		return s.BindNull(param)
	}
	return s.BindInt64(param, t.UnixMilli())
}
