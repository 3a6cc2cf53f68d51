package store

import (
	"bytes"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/revision"
)

// Document is a snapshot of one document, tombstone or not. It stays valid after the transaction.
// The caller may keep it but must not change Body.
type Document struct {
	ID       string
	Sequence Sequence
	Rev      revision.Rev

	Deleted        bool // the head is a tombstone
	Conflicted     bool // a remote has a revision in conflict with the head: see [Tx.ConflictOf]
	HasBlobs       bool // the body refers to blobs
	HasAttachments bool // the body has a top-level _attachments

	Expiry time.Time // when the document is purged, to the millisecond; zero means never
	Size   int       // bytes of the body
	Body   []byte    // compact JSON; nil if the call reads heads only

	flags  int64
	remote known
}

// Sequence counts the changes of one collection, from 1. Zero comes before the first change.
type Sequence uint64

// Known returns the newest revision that remote is known to have, or "".
func (d *Document) Known(remote Remote) revision.ID { return d.remote.of(remote, d.Rev.ID) }

// readDocument reads the columns of headColumns or docColumns.
func readDocument(s *sqlite3.Stmt, part extent, d *Document) error {
	d.Sequence = Sequence(s.ColumnInt64(0))
	d.ID = s.ColumnText(1)
	d.setFlags(s.ColumnInt64(2))
	rev, err := readRev(s, 3)
	if err != nil {
		return damaged().In("read document", d.ID).Because(err)
	}
	d.Rev = rev
	d.remote = known(s.ColumnText(5))
	if s.ColumnType(6) != sqlite3.NULL {
		d.Expiry = time.UnixMilli(s.ColumnInt64(6))
	}
	if part == headOnly {
		d.Size = s.ColumnInt(7)
		return nil
	}
	d.Body = readBody(s, 7)
	d.Size = len(d.Body)
	return nil
}

// readBody returns a copy of the body in a column.
func readBody(s *sqlite3.Stmt, column int) []byte { return bytes.Clone(s.ColumnRawText(column)) }

// readRev reads a revision from two columns: its ID and its history.
func readRev(s *sqlite3.Stmt, column int) (revision.Rev, error) {
	rev := revision.Rev{ID: revision.ID(s.ColumnText(column))}
	history := s.ColumnRawText(column + 1)
	if len(history) == 0 {
		return rev, nil
	}
	var err error
	rev.History, err = revision.ParseHistory(string(history))
	return rev, err
}

func (d *Document) setFlags(flags int64) {
	d.flags = flags
	d.Deleted = flags&flagDeleted != 0
	d.Conflicted = flags&flagConflicted != 0
	d.HasBlobs = flags&flagBlobs != 0
	d.HasAttachments = flags&flagAttachments != 0
}

// refersToBlobs reports whether the body refers to blobs, in any form.
func (d *Document) refersToBlobs() bool { return d.flags&(flagBlobs|flagAttachments) != 0 }

// expired reports whether d has expired and waits to be purged.
func (d *Document) expired(now time.Time) bool {
	return !d.Expiry.IsZero() && !d.Expiry.After(now)
}

// expiryColumn returns t as a row stores it: Unix milliseconds, or nil for never.
func expiryColumn(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMilli()
}

func noDocument(op, id string) error {
	return fault.NotFound.In(op, id).Says("there is no such document")
}
