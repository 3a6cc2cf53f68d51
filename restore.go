package tandem

import (
	"context"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/store"
)

// RestoreOptions are the facts about a document that an export has in addition to its ID and body.
// The zero value has no facts.
type RestoreOptions struct {
	// RevisionID and History are those of [Document.RevisionID] and [Document.RevisionHistory].
	RevisionID, History string

	// Sequence is that of [Document.Sequence]. It is ignored if it is 0, or if the collection
	// had a change before the batch began to restore.
	Sequence uint64

	// Deleted makes a tombstone of the document.
	Deleted bool
}

// Restore stores a document of an export, and does not change d. A document that the collection
// does not know gets the revision in o. A known document gets an edit, unless it is identical. The
// content of blobs may be missing, as with [Batch.Import].
//
// Restore reports whether anything has changed. The error is [ErrInvalid] for a revision or
// sequence that cannot be in this database, or one of [Batch.Save].
func (b *Batch) Restore(c *Collection, d *Document, o RestoreOptions) (changed bool, err error) {
	const op = "restore document"
	if err := b.check(c); err != nil {
		return false, err
	}
	body, err := install(d.body, b.CreateBlob)
	if err != nil {
		return false, fault.About(err, op, d.id)
	}
	r := store.Restored{ID: d.id, Body: body, Deleted: o.Deleted}
	if o.RevisionID != "" {
		if r.Rev, err = revision.ParseStored(o.RevisionID, o.History); err != nil {
			return false, fault.Invalid.In(op, d.id).Says("its revision cannot be read").Because(err)
		}
	}
	if r.Sequence, err = b.restoredSequence(c, o.Sequence); err != nil {
		return false, err
	}
	return b.tx.Restore(c.coll, r)
}

// restoredSequence returns seq if the collection was empty and is in a folder, otherwise 0.
func (b *Batch) restoredSequence(c *Collection, seq uint64) (store.Sequence, error) {
	if isURL(b.db.Path()) { // other nodes give sequences meanwhile
		return 0, nil
	}
	empty, known := b.wasEmpty[c.FullName()]
	if !known {
		last, err := b.tx.LastSequence(c.coll)
		if err != nil {
			return 0, err
		}
		empty = last == 0
		if b.wasEmpty == nil {
			b.wasEmpty = make(map[string]bool)
		}
		b.wasEmpty[c.FullName()] = empty
	}
	if !empty {
		return 0, nil
	}
	return store.Sequence(seq), nil
}

// CreateCollection is [Database.CreateCollection]. If the batch fails, the collection is not
// created.
func (b *Batch) CreateCollection(scope, name string) (*Collection, error) {
	return b.db.collection(b.tx.CreateCollection(scope, name))
}

// AbsentBlobs lists, sorted, the digests of blobs that documents refer to but whose content is
// missing: the documents were imported without it, or the peer that sent them lacked it too.
// [Database.Check] does not count them as problems.
func (db *Database) AbsentBlobs(ctx context.Context) ([]string, error) {
	return db.store.AbsentBlobs(ctx)
}
