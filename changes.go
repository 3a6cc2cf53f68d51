package tandem

import (
	"cmp"
	"context"
	"iter"
	"math"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/store"
)

// Change is the latest change of one document.
type Change struct {
	ID         string
	Sequence   uint64 // its place among the changes of the collection, from 1
	RevisionID string // see [Document.RevisionID]
	Deleted    bool

	// Document is the document as that change left it, a tombstone if it was deleted. It is nil
	// without [ChangeOptions].Documents.
	Document *Document

	closings string // see Closings; with commas between
}

// ChangeOptions select changes and what they contain. If a call gets several ChangeOptions, all
// fields that are set apply.
type ChangeOptions struct {
	// Documents reads the changed documents, each at the revision of its change. At most 4 MiB of
	// documents, or one larger document, are in memory at once.
	Documents bool

	// Limit is how many changes [Collection.ChangesSince] and [Collection.FollowChanges] give at
	// most; 0 means all, less is [ErrInvalid]. Listeners ignore it.
	Limit int

	// Descending makes [Collection.ChangesSince] give the latest change first. A document that
	// changes meanwhile may be left out. In FollowChanges it is [ErrInvalid]; listeners ignore it.
	Descending bool
}

// withDocuments reports whether an option asks for documents.
func withDocuments(options []ChangeOptions) bool { return allOf(options).Documents }

// allOf returns what all options together ask for.
func allOf(options []ChangeOptions) (all ChangeOptions) {
	for _, o := range options {
		all.Documents = all.Documents || o.Documents
		all.Descending = all.Descending || o.Descending
		all.Limit = cmp.Or(o.Limit, all.Limit)
	}
	return all
}

// changesPortion is the number of changes read at once.
const changesPortion = 1000

// ChangesSince yields the changes after the sequence since (0 for all), up to the last one. Each
// document occurs once, with its latest change; a document that changes meanwhile may occur again.
// Purged documents do not occur. The loop may use the database in any way. An error ends the
// sequence.
func (c *Collection) ChangesSince(ctx context.Context, since uint64, options ...ChangeOptions) iter.Seq2[Change, error] {
	start := newChangeFeed(c, since, options)
	return func(yield func(Change, error) bool) {
		feed := start // a sequence may be used again
		if feed.limit < 0 {
			yield(Change{}, feed.badLimit("list changes"))
			return
		}
		feed.run(ctx, yield)
	}
}

// FollowChanges is [Collection.ChangesSince] without an end: it waits for further changes,
// including those of other processes. The sequence ends with an error: ctx's, or [ErrNotOpen]
// when the database closes. In a batch or View it is [ErrInvalid].
func (c *Collection) FollowChanges(ctx context.Context, since uint64, options ...ChangeOptions) iter.Seq2[Change, error] {
	start := newChangeFeed(c, since, options)
	return func(yield func(Change, error) bool) {
		feed := start // as above
		if err := feed.mayFollow(ctx); err != nil {
			yield(Change{}, err)
			return
		}
		sub := c.db.store.Subscribe(c.coll)
		defer sub.Close()
		for feed.run(ctx, yield) {
			select {
			case <-ctx.Done():
				yield(Change{}, ctx.Err())
				return
			case <-sub.C: // closed with the database, which reading reports then
			}
		}
	}
}

// CountChanges returns how many changes [Collection.ChangesSince] gives: the documents that have
// changed after the sequence since, tombstones included.
func (c *Collection) CountChanges(ctx context.Context, since uint64) (n uint64, err error) {
	err = c.db.view(ctx, func(tx *store.Tx) error {
		n, err = tx.CountSince(c.coll, sequence(since))
		return err
	})
	return n, err
}

// changeFeed reads the changes of a collection in portions.
type changeFeed struct {
	c          *Collection
	since      store.Sequence // the last one that was read, in ascending order
	before     store.Sequence // the last one that was read, in descending order
	descending bool
	limit      int  // how many more to give; 0 for no limit
	documents  bool // reads them, too
}

func newChangeFeed(c *Collection, since uint64, options []ChangeOptions) changeFeed {
	o := allOf(options)
	return changeFeed{
		c: c, since: sequence(since), before: math.MaxInt64,
		descending: o.Descending, limit: o.Limit, documents: o.Documents,
	}
}

// sequence returns a caller's number as a sequence; none is higher than the files can hold.
func sequence(n uint64) store.Sequence { return store.Sequence(min(n, math.MaxInt64)) }

func (f *changeFeed) badLimit(op string) error {
	return fault.Invalid.In(op, f.c.FullName()).Says("the limit is %d, want 0 for no limit, or more", f.limit)
}

// mayFollow says why the feed cannot be followed, if so.
func (f *changeFeed) mayFollow(ctx context.Context) error {
	const op = "follow changes"
	switch {
	case f.c.db.joined(ctx) != nil:
		return fault.Invalid.In(op, f.c.FullName()).
			Says("no change comes to the batch or View of the context").Try("use ChangesSince, or another context")
	case f.descending:
		return fault.Invalid.In(op, f.c.FullName()).
			Says("what is to come has no descending order").Try("use ChangesSince")
	case f.limit < 0:
		return f.badLimit(op)
	}
	return nil
}

// run yields the present changes. It reports whether the caller wants more.
func (f *changeFeed) run(ctx context.Context, yield func(Change, error) bool) bool {
	for more := true; more; {
		var docs []*store.Document
		var err error
		docs, more, err = f.next(ctx)
		if err != nil {
			yield(Change{}, err)
			return false
		}
		for _, doc := range docs {
			if !f.give(doc, yield) {
				return false
			}
		}
	}
	return true
}

// give yields one change, and moves past it. It reports whether the caller wants more.
func (f *changeFeed) give(doc *store.Document, yield func(Change, error) bool) bool {
	if f.descending {
		f.before = doc.Sequence
	} else {
		f.since = doc.Sequence
	}
	if !yield(f.changeOf(doc), nil) {
		return false
	}
	f.limit--
	return f.limit != 0 // and negative without a limit
}

// next returns the next portion, and whether there are more. The feed stays where it is.
func (f *changeFeed) next(ctx context.Context) (docs []*store.Document, more bool, err error) {
	err = f.c.db.view(ctx, func(tx *store.Tx) error {
		portion := changesPortion
		if f.limit > 0 {
			portion = min(portion, f.limit)
		}
		docs, err = f.heads(tx, portion)
		if err != nil {
			return err
		}
		more = len(docs) == portion
		if !f.documents {
			return nil
		}
		seqs := fitting(docs)
		more = more || len(seqs) < len(docs)
		docs, err = tx.BySequence(f.c.coll, seqs) // none is missing from the same snapshot
		return err
	})
	return docs, more, err
}

func (f *changeFeed) heads(tx *store.Tx, portion int) ([]*store.Document, error) {
	if f.descending {
		return tx.ChangesBefore(f.c.coll, f.since, f.before, portion)
	}
	return tx.Changes(f.c.coll, f.since, portion, store.Select{})
}

// fitting returns the sequences of the first documents, whose bodies do not take more than a portion.
func fitting(heads []*store.Document) []store.Sequence {
	var seqs []store.Sequence
	size := 0
	for _, head := range heads {
		if size += head.Size; size > maxPortionBytes && len(seqs) > 0 {
			break
		}
		seqs = append(seqs, head.Sequence)
	}
	return seqs
}

func (f *changeFeed) changeOf(doc *store.Document) Change {
	change := changeOf(doc)
	if f.documents {
		change.Document = stored(f.c, doc)
	}
	return change
}

func changeOf(head *store.Document) Change {
	return Change{
		ID:         head.ID,
		Sequence:   uint64(head.Sequence),
		RevisionID: string(head.Rev.ID),
		Deleted:    head.Deleted,
		closings:   revision.JoinIDs(head.Rev.Closings()),
	}
}
