package store

import (
	"iter"
	"slices"

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
	return tx.find(c, id, withBody)
}

// Head is [Tx.Document] without the body.
func (tx *Tx) Head(c *Collection, id string) (*Document, error) {
	return tx.find(c, id, headOnly)
}

func (tx *Tx) find(c *Collection, id string, part extent) (*Document, error) {
	d, err := tx.lookup(c, id, part)
	if err == nil && (d == nil || d.expired(tx.now)) {
		return nil, noDocument("get document", id)
	}
	return d, err
}

// Heads returns the heads of several documents without their bodies, in the order of ids; nil
// stands for a missing document.
func (tx *Tx) Heads(c *Collection, ids []string) ([]*Document, error) {
	heads := make([]*Document, len(ids))
	if err := tx.rows.heads(c, ids, heads); err != nil {
		return nil, err
	}
	for i, d := range heads {
		if d != nil && d.expired(tx.now) {
			heads[i] = nil
		}
	}
	return heads, nil
}

// Expect says that the transaction will look up these documents. An engine far away then reads all of
// them at once; others ignore it.
func (tx *Tx) Expect(c *Collection, ids iter.Seq[string]) error {
	if tx.c != nil {
		return nil // without the work of listing them
	}
	return tx.rows.expect(c, slices.Collect(ids))
}

// lookup reads one document, expired or not; nil means that it does not exist.
func (tx *Tx) lookup(c *Collection, id string, part extent) (*Document, error) {
	return tx.rows.document(c, id, part)
}

// Changes returns at most limit documents that changed after since, in the order of their
// sequences, with tombstones and without expired documents. A result shorter than limit is the end
// of the feed, unless [Select].LiveOnly left tombstones out.
func (tx *Tx) Changes(c *Collection, since Sequence, limit int, sel Select) ([]*Document, error) {
	return tx.list(c, listing{order: bySequence, body: extent(sel.WithBody), since: since, limit: limit}, sel)
}

// AppendChanges is [Tx.Changes] into memory of the caller, who may use it again: it appends to docs.
func (tx *Tx) AppendChanges(docs []Document, c *Collection, since Sequence, limit int, sel Select) ([]Document, error) {
	l := listing{order: bySequence, body: extent(sel.WithBody), since: since, limit: limit}
	err := tx.rows.list(c, l, func(flags int64) *Document {
		if sel.LiveOnly && flags&flagDeleted != 0 {
			return nil
		}
		docs = append(docs, Document{})
		return &docs[len(docs)-1]
	})
	return docs, err
}

// ChangesBefore is [Tx.Changes] backwards and without bodies: the heads whose sequences are between
// since and before, both left out, the highest first.
func (tx *Tx) ChangesBefore(c *Collection, since, before Sequence, limit int) ([]*Document, error) {
	return tx.list(c, listing{order: backwards, since: since, before: before, limit: limit}, Select{})
}

// Conflicts returns at most limit heads with an unresolved conflict, in the order of their IDs,
// starting behind after.
func (tx *Tx) Conflicts(c *Collection, after string, limit int) ([]*Document, error) {
	return tx.list(c, listing{order: conflictsByID, ids: Range{From: after}, limit: limit}, Select{})
}

func (tx *Tx) list(c *Collection, l listing, sel Select) (docs []*Document, err error) {
	err = tx.rows.list(c, l, func(flags int64) *Document {
		if sel.LiveOnly && flags&flagDeleted != 0 {
			return nil
		}
		d := new(Document)
		docs = append(docs, d)
		return d
	})
	return docs, err
}

// BySequence returns the documents with these sequences, with their bodies, in the same order; nil
// stands for a sequence that no document has any more. One statement reads all sequences of a run.
func (tx *Tx) BySequence(c *Collection, seqs []Sequence) ([]*Document, error) {
	docs := make([]*Document, len(seqs))
	err := tx.rows.bySequence(c, seqs, func(i int) *Document {
		docs[i] = new(Document)
		return docs[i]
	})
	if err != nil {
		return nil, err
	}
	for i, d := range docs {
		if d != nil && d.expired(tx.now) {
			docs[i] = nil
		}
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
	bodies := make([]Body, len(seqs))
	err := tx.rows.bodies(c, seqs, func(i int, b Body) { bodies[i] = b })
	if err != nil {
		return nil, err
	}
	return bodies, nil
}

// BodyOf returns the body of one revision of a document: of its head, of a remote's conflicting
// revision, or of a delta base. It fails with fault.NotFound for other revisions.
func (tx *Tx) BodyOf(c *Collection, id string, rev revision.ID) ([]byte, error) {
	d, err := tx.find(c, id, withBody)
	if err != nil {
		return nil, err
	}
	if tx.isNamed(d.Rev, rev) {
		return d.Body, nil
	}
	kept, err := tx.keptOf(c, d)
	if err != nil {
		return nil, err
	}
	for _, k := range kept {
		if tx.isNamed(k.rev, rev) {
			return tx.rows.keptBody(c, k)
		}
	}
	return nil, fault.NotFound.In("get revision", id+" "+string(rev)).Says("its body is not kept")
}
