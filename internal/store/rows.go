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
func (tx *Tx) mark(c *Collection, d *Document) error {
	s, err := tx.collWriting(c, sqlMarkDoc, last)
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
	if err := s.BindInt64(3, d.flags); err != nil {
		return err
	}
	if err := s.BindText(4, string(d.Rev.ID)); err != nil {
		return err
	}
	if err := s.BindText(5, d.Rev.History.String()); err != nil {
		return err
	}
	if err := s.BindText(6, string(d.remote)); err != nil {
		return err
	}
	if err := bindExpiry(s, 7, d.Expiry); err != nil {
		return err
	}
	if err := s.BindText(8, unsafe.String(unsafe.SliceData(d.Body), len(d.Body))); err != nil { // SQLite copies the text
		return err
	}
	return s.Exec()
}

func bindExpiry(s *sqlite3.Stmt, param int, t time.Time) error {
	if t.IsZero() {
		return s.BindNull(param)
	}
	return s.BindInt64(param, t.UnixMilli())
}
