package store

import (
	"slices"

	"github.com/ncruces/go-sqlite3"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/revision"
)

// Select adjusts [Tx.Changes] and [Tx.Scan]. The zero value returns heads without their bodies,
// tombstones included.
type Select struct {
	WithBody bool // read the bodies too
	LiveOnly bool // leave tombstones out; they still count towards the limit of Changes
}

// Document returns a document with its body, or fault.NotFound. For a tombstone it returns a
// Document with Deleted set.
func (tx *Tx) Document(c *Collection, id string) (*Document, error) {
	return tx.find(c, id, sqlDocByID)
}

// Head is [Tx.Document] without the body.
func (tx *Tx) Head(c *Collection, id string) (*Document, error) {
	return tx.find(c, id, sqlHeadByID)
}

func (tx *Tx) find(c *Collection, id string, which collStatement) (*Document, error) {
	d, err := tx.lookup(c, id, which)
	if err == nil && (d == nil || d.expired(tx.now)) {
		return nil, noDocument("get document", id)
	}
	return d, err
}

// Heads returns the heads of several documents without their bodies, in the order of ids; nil
// stands for a missing document.
func (tx *Tx) Heads(c *Collection, ids []string) ([]*Document, error) {
	heads := make([]*Document, len(ids))
	if found, err := tx.anyBetween(c, ids); err != nil || !found {
		return heads, err
	}
	for i, id := range ids {
		d, err := tx.lookup(c, id, sqlHeadByID)
		if err != nil {
			return nil, err
		}
		if d != nil && !d.expired(tx.now) {
			heads[i] = d
		}
	}
	return heads, nil
}

// anyBetween reports whether the collection has an ID from the least of ids to the greatest. New
// documents often have IDs beyond all others, and one search then replaces one for each of them.
func (tx *Tx) anyBetween(c *Collection, ids []string) (found bool, err error) {
	if len(ids) == 0 {
		return false, nil
	}
	s, err := tx.collStmt(c, sqlAnyBetween)
	if err != nil {
		return false, err
	}
	err = query(s, func(*sqlite3.Stmt) error {
		found = true
		return nil
	}, slices.Min(ids), slices.Max(ids))
	return found, tx.fault(c, err, "list documents", c.FullName())
}

// lookup reads one document, expired or not; nil means that it does not exist.
func (tx *Tx) lookup(c *Collection, id string, which collStatement) (*Document, error) {
	s, err := tx.collStmt(c, which)
	if err != nil {
		return nil, err
	}
	if err := s.BindText(1, id); err != nil {
		return nil, tx.fault(c, err, "get document", id)
	}
	d, err := tx.one(s, which != sqlHeadByID)
	return d, tx.fault(c, err, "get document", id)
}

// one reads the only row that s gives, or nil.
func (tx *Tx) one(s *sqlite3.Stmt, withBody bool) (d *Document, err error) {
	if s.Step() {
		d = new(Document)
		err = readDocument(s, withBody, d)
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

// Changes returns at most limit documents that changed after since, in the order of their
// sequences, with tombstones and without expired documents. A result shorter than limit is the end
// of the feed, unless [Select].LiveOnly left tombstones out.
func (tx *Tx) Changes(c *Collection, since Sequence, limit int, sel Select) ([]*Document, error) {
	s, err := tx.collStmt(c, sel.choose(sqlHeadsSince, sqlDocsSince))
	if err != nil {
		return nil, err
	}
	return tx.list(c, s, sel, int64(since), tx.now.UnixMilli(), int64(limit))
}

// AppendChanges is [Tx.Changes] into memory of the caller, who may use it again: it appends to docs.
func (tx *Tx) AppendChanges(docs []Document, c *Collection, since Sequence, limit int, sel Select) ([]Document, error) {
	s, err := tx.collStmt(c, sel.choose(sqlHeadsSince, sqlDocsSince))
	if err != nil {
		return docs, err
	}
	err = query(s, func(s *sqlite3.Stmt) error {
		if sel.LiveOnly && s.ColumnInt64(2)&flagDeleted != 0 {
			return nil
		}
		docs = append(docs, Document{})
		return readDocument(s, sel.WithBody, &docs[len(docs)-1])
	}, int64(since), tx.now.UnixMilli(), int64(limit))
	return docs, tx.fault(c, err, "list documents", c.FullName())
}

// ChangesBefore is [Tx.Changes] backwards and without bodies: the heads whose sequences are between
// since and before, both left out, the highest first.
func (tx *Tx) ChangesBefore(c *Collection, since, before Sequence, limit int) ([]*Document, error) {
	s, err := tx.collStmt(c, sqlHeadsBefore)
	if err != nil {
		return nil, err
	}
	return tx.list(c, s, Select{}, int64(since), int64(before), tx.now.UnixMilli(), int64(limit))
}

// Conflicts returns at most limit heads with an unresolved conflict, in the order of their IDs,
// starting behind after.
func (tx *Tx) Conflicts(c *Collection, after string, limit int) ([]*Document, error) {
	s, err := tx.collStmt(c, sqlConflictsAfter)
	if err != nil {
		return nil, err
	}
	return tx.list(c, s, Select{}, after, tx.now.UnixMilli(), int64(limit))
}

func (sel Select) choose(heads, docs collStatement) collStatement {
	if sel.WithBody {
		return docs
	}
	return heads
}

func (tx *Tx) list(c *Collection, s *sqlite3.Stmt, sel Select, args ...any) (docs []*Document, err error) {
	err = query(s, func(s *sqlite3.Stmt) error {
		if sel.LiveOnly && s.ColumnInt64(2)&flagDeleted != 0 {
			return nil
		}
		d := new(Document)
		docs = append(docs, d)
		return readDocument(s, sel.WithBody, d)
	}, args...)
	return docs, tx.fault(c, err, "list documents", c.FullName())
}

// BySequence returns the documents with these sequences, with their bodies, in the same order; nil
// stands for a sequence that no document has any more. One statement reads all sequences of a run.
func (tx *Tx) BySequence(c *Collection, seqs []Sequence) ([]*Document, error) {
	s, err := tx.collStmt(c, sqlDocsBetween)
	if err != nil {
		return nil, err
	}
	docs := make([]*Document, len(seqs))
	err = eachRun(s, seqs, func(i int) error {
		d := new(Document)
		if err := readDocument(s, true, d); err != nil {
			return err
		}
		if !d.expired(tx.now) {
			docs[i] = d
		}
		return nil
	})
	if err != nil {
		return nil, tx.fault(c, err, "list documents", c.FullName())
	}
	return docs, nil
}

// Body is the content of a document.
type Body struct {
	Text     []byte // compact JSON
	HasBlobs bool   // it refers to blobs
}

// Bodies is [Tx.BySequence] for callers that have the heads: a sequence never gets another revision.
// A zero Body stands for a sequence that no document has any more.
func (tx *Tx) Bodies(c *Collection, seqs []Sequence) ([]Body, error) {
	s, err := tx.collStmt(c, sqlBodiesBetween)
	if err != nil {
		return nil, err
	}
	bodies := make([]Body, len(seqs))
	err = eachRun(s, seqs, func(i int) error {
		bodies[i] = Body{Text: readBody(s, 2), HasBlobs: s.ColumnInt64(1)&flagBlobs != 0}
		return nil
	}, tx.now.UnixMilli())
	if err != nil {
		return nil, tx.fault(c, err, "list documents", c.FullName())
	}
	return bodies, nil
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

// BodyOf returns the body of one revision of a document: of its head, of a remote's conflicting
// revision, or of a delta base. It fails with fault.NotFound for other revisions.
func (tx *Tx) BodyOf(c *Collection, id string, rev revision.ID) ([]byte, error) {
	d, err := tx.find(c, id, sqlDocByID)
	if err != nil {
		return nil, err
	}
	if d.Rev.ID.Is(rev) {
		return d.Body, nil
	}
	kept, err := tx.keptOf(c, d)
	if err != nil {
		return nil, err
	}
	for _, k := range kept {
		if k.rev.ID.Is(rev) {
			return tx.keptBody(c, k)
		}
	}
	return nil, fault.NotFound.In("get revision", id+" "+string(rev)).Says("its body is not kept")
}
