package store

import (
	"slices"
	"strconv"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/tandemdb/tandem/internal/revision"
)

// sqliteRows is a transaction of SQLite as [rows]. Its methods are those of a Tx, so that the interface
// costs no memory.
type sqliteRows Tx

var _ rows = (*sqliteRows)(nil)

func (r *sqliteRows) tx() *Tx { return (*Tx)(r) }

func (r *sqliteRows) document(c *Collection, id string, part extent) (*Document, error) {
	which := sqlHeadByID
	if part == withBody {
		which = sqlDocByID
	}
	tx := r.tx()
	s, err := tx.collStmt(c, which)
	if err != nil {
		return nil, err
	}
	if err := s.BindText(1, id); err != nil {
		return nil, tx.fault(c, err, "get document", id)
	}
	d, err := one(s, part)
	return d, tx.fault(c, err, "get document", id)
}

// one reads the only row that s gives, or nil.
func one(s *sqlite3.Stmt, part extent) (d *Document, err error) {
	if s.Step() {
		d = new(Document)
		err = readDocument(s, part, d)
	}
	if err == nil {
		err = s.Err()
	}
	_ = s.Reset() // reports the step's error again
	if err != nil {
		return nil, err
	}
	return d, nil
}

func (r *sqliteRows) heads(c *Collection, ids []string, heads []*Document) error {
	if found, err := r.anyBetween(c, ids); err != nil || !found {
		return err
	}
	for i, id := range ids {
		var err error
		if heads[i], err = r.document(c, id, headOnly); err != nil {
			return err
		}
	}
	return nil
}

// anyBetween reports whether the collection has an ID from the least of ids to the greatest. New
// documents often have IDs beyond all others, and one search then replaces one for each of them.
func (r *sqliteRows) anyBetween(c *Collection, ids []string) (found bool, err error) {
	if len(ids) == 0 {
		return false, nil
	}
	s, err := r.tx().collStmt(c, sqlAnyBetween)
	if err != nil {
		return false, err
	}
	err = query(s, func(*sqlite3.Stmt) error {
		found = true
		return nil
	}, slices.Min(ids), slices.Max(ids))
	return found, r.tx().fault(c, err, "list documents", c.FullName())
}

func (*sqliteRows) expect(*Collection, []string) error { return nil }

// listings are the statements of the orders, without and with the bodies.
var listings = [...][2]collStatement{
	bySequence:    {sqlHeadsSince, sqlDocsSince},
	backwards:     {sqlHeadsBefore, sqlHeadsBefore},
	byID:          {sqlScanHeads, sqlScanDocs},
	byIDBackwards: {sqlScanHeadsBack, sqlScanDocsBack},
	conflictsByID: {sqlConflictsAfter, sqlConflictsAfter},
	candidatesOf:  {sqlBlobDocsNaming, sqlBlobDocsNaming},
}

func (l listing) statement() collStatement {
	if l.body {
		return listings[l.order][1]
	}
	return listings[l.order][0]
}

func (r *sqliteRows) list(c *Collection, l listing, into func(flags int64) *Document) error {
	tx := r.tx()
	s, err := tx.collStmt(c, l.statement())
	if err != nil {
		return err
	}
	row := func(s *sqlite3.Stmt) error {
		d := into(s.ColumnInt64(2))
		if d == nil {
			return nil
		}
		return readDocument(s, l.body, d)
	}
	now, limit := tx.now.UnixMilli(), int64(l.limit)
	switch l.order {
	case bySequence:
		err = query(s, row, int64(l.since), now, limit)
	case backwards:
		err = query(s, row, int64(l.since), int64(l.before), now, limit)
	case conflictsByID:
		err = query(s, row, l.ids.From, now, limit)
	case candidatesOf:
		err = query(s, row, int64(l.since), now, l.digest, limit)
	default:
		err = query(s, row, l.ids.From, l.ids.upper(), now, !l.live, limit)
	}
	return tx.fault(c, err, "list documents", c.FullName())
}

func (r *sqliteRows) bySequence(c *Collection, seqs []Sequence, into func(i int) *Document) error {
	s, err := r.tx().collStmt(c, sqlDocsBetween)
	if err != nil {
		return err
	}
	err = eachRun(s, seqs, func(i int) error { return readDocument(s, withBody, into(i)) })
	return r.tx().fault(c, err, "list documents", c.FullName())
}

func (r *sqliteRows) bodies(c *Collection, seqs []Sequence, row func(i int, b Body)) error {
	s, err := r.tx().collStmt(c, sqlBodiesBetween)
	if err != nil {
		return err
	}
	err = eachRun(s, seqs, func(i int) error {
		row(i, Body{Text: readBody(s, 2), HasBlobs: s.ColumnInt64(1)&flagBlobs != 0})
		return nil
	}, r.now.UnixMilli())
	return r.tx().fault(c, err, "list documents", c.FullName())
}

// eachRun runs s for each run of successive sequences, with the first and the last one, and more
// arguments. It calls row for each result, whose column 0 is its sequence, with the index of that.
func eachRun(s *sqlite3.Stmt, seqs []Sequence, row func(i int) error, more ...any) error {
	for from, to := 0, 0; from < len(seqs); from = to {
		for to++; to < len(seqs) && seqs[to] == seqs[to-1]+1; to++ {
		}
		first := int64(seqs[from])
		err := query(s, func(*sqlite3.Stmt) error {
			return row(from + int(s.ColumnInt64(0)-first))
		}, append([]any{first, int64(seqs[to-1])}, more...)...)
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *sqliteRows) blobBodies(c *Collection, since Sequence, body func(text []byte) error) error {
	if err := r.eachBody(c, body, sqlBlobBodiesSince, int64(since)); err != nil {
		return err
	}
	return r.eachBody(c, body, sqlKeptBlobBodies)
}

func (r *sqliteRows) eachBody(c *Collection, body func(text []byte) error, which collStatement, args ...any) error {
	s, err := r.tx().collStmt(c, which)
	if err != nil {
		return err
	}
	err = query(s, func(s *sqlite3.Stmt) error { return body(s.ColumnRawText(0)) }, args...)
	return r.tx().fault(c, err, "list blobs", c.FullName())
}

func (r *sqliteRows) knownTo(c *Collection, remote Remote, after Sequence, limit int) (ids []string, last Sequence, err error) {
	s, err := r.tx().collStmt(c, sqlKnownTo)
	if err != nil {
		return nil, 0, err
	}
	err = query(s, func(s *sqlite3.Stmt) error {
		ids = append(ids, s.ColumnText(0))
		last = Sequence(s.ColumnInt64(1))
		return nil
	}, int64(after), " "+strconv.FormatInt(int64(remote), 10)+" ", int64(limit))
	return ids, last, err
}

// countedByRow is how many changes are counted by their rows, which have the bodies; more are counted by
// the index of all IDs.
const countedByRow = 5_000

func (r *sqliteRows) countSince(c *Collection, since, last Sequence) (n uint64, err error) {
	which := sqlCountSince
	if last-since > countedByRow {
		which = sqlCountAllSince
	}
	s, err := r.tx().collStmt(c, which)
	if err != nil {
		return 0, err
	}
	err = query(s, func(s *sqlite3.Stmt) error { n = uint64(s.ColumnInt64(0)); return nil }, int64(since))
	return n, r.tx().fault(c, err, "count changes", c.FullName())
}

func (r *sqliteRows) versions(c *Collection, each func(revision.Rev)) error {
	s, err := r.tx().collStmt(c, sqlVersions)
	if err != nil {
		return err
	}
	return query(s, func(s *sqlite3.Stmt) error {
		rev, err := readRev(s, 0)
		each(rev)
		return err
	})
}

func (r *sqliteRows) expired(c *Collection, limit int) (ids []string, err error) {
	s, err := r.tx().collStmt(c, sqlExpired)
	if err != nil {
		return nil, err
	}
	err = query(s, func(s *sqlite3.Stmt) error {
		ids = append(ids, s.ColumnText(0))
		return nil
	}, r.now.UnixMilli(), int64(limit))
	return ids, r.tx().fault(c, err, "list expired documents", c.FullName())
}

func (r *sqliteRows) nextExpiry(c *Collection) (at time.Time, err error) {
	s, err := r.tx().collStmt(c, sqlNextExpiry)
	if err != nil {
		return at, err
	}
	err = query(s, func(s *sqlite3.Stmt) error {
		if s.ColumnType(0) != sqlite3.NULL {
			at = time.UnixMilli(s.ColumnInt64(0))
		}
		return nil
	})
	return at, r.tx().fault(c, err, "find next expiry", c.FullName())
}
