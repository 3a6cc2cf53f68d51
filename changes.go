package tandem

import (
	"context"
	"iter"
	"slices"

	"github.com/tandemdb/tandem/internal/fault"
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
}

// ChangeOptions select what comes with a change. The zero value is the default. Of several options,
// each that is set counts.
type ChangeOptions struct {
	// Documents reads the changed documents, each at the revision of its change. At most 4 MiB of
	// documents, or one larger document, are in memory at once.
	Documents bool
}

// withDocuments reports whether an option asks for documents.
func withDocuments(options []ChangeOptions) bool {
	return slices.ContainsFunc(options, func(o ChangeOptions) bool { return o.Documents })
}

// changesPortion is the number of changes read at once.
const changesPortion = 1000

// ChangesSince yields the changes after the sequence since (0 for all), up to the last one. Each
// document occurs once, with its latest change; a document that changes meanwhile may occur again.
// Purged documents do not occur. The loop may use the database in any way. An error ends the
// sequence.
func (c *Collection) ChangesSince(ctx context.Context, since uint64, options ...ChangeOptions) iter.Seq2[Change, error] {
	feed := changeFeed{c: c, since: store.Sequence(since), documents: withDocuments(options)}
	return func(yield func(Change, error) bool) {
		feed := feed // a sequence may be used again
		feed.run(ctx, yield)
	}
}

// FollowChanges is [Collection.ChangesSince] without an end: it waits for further changes,
// including those of other processes. The sequence ends with an error: ctx's, or [ErrNotOpen]
// when the database closes. In a batch or View it is [ErrInvalid].
func (c *Collection) FollowChanges(ctx context.Context, since uint64, options ...ChangeOptions) iter.Seq2[Change, error] {
	feed := changeFeed{c: c, since: store.Sequence(since), documents: withDocuments(options)}
	return func(yield func(Change, error) bool) {
		feed := feed // as above
		if c.db.joined(ctx) != nil {
			yield(Change{}, fault.Invalid.In("follow changes", c.FullName()).
				Says("no change comes to the batch or View of the context").Try("use ChangesSince, or another context"))
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

// changeFeed reads the changes of a collection in portions.
type changeFeed struct {
	c         *Collection
	since     store.Sequence // the last one that was read
	documents bool           // reads them, too
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
			f.since = doc.Sequence
			if !yield(f.changeOf(doc), nil) {
				return false
			}
		}
	}
	return true
}

// next returns the next portion, and whether there are more. since stays.
func (f *changeFeed) next(ctx context.Context) (docs []*store.Document, more bool, err error) {
	err = f.c.db.view(ctx, func(tx *store.Tx) error {
		docs, err = tx.Changes(f.c.coll, f.since, changesPortion, store.Select{})
		if err != nil {
			return err
		}
		more = len(docs) == changesPortion
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
	}
}
