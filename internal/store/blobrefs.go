package store

import (
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/tandemdb/tandem/internal/document"
	"github.com/tandemdb/tandem/internal/fault"
)

// pendingTime is how long a blob is safe from clean-up before a document refers to it.
const pendingTime = 24 * time.Hour

// addPending notes that the blob waits for a document that refers to it.
func (tx *Tx) addPending(digest string) error {
	return tx.atomic(func() error {
		return sqlFault(tx.rows.addPending(digest, tx.now.Add(pendingTime), last), "write blob", digest)
	})
}

// absentBlobs is the key under which [Tx.Info] lists the blobs that documents may refer to without
// their content: an import or a peer has brought the documents and not the content.
const absentBlobs = "absent blobs"

// requireBlobs refuses a document whose blobs the database lacks, unless mayBeAbsent allows it.
// Content that is here stays until the transaction ends: clean-up needs the same writer's lock.
func (tx *Tx) requireBlobs(d *Document, mayBeAbsent bool) error {
	if !d.refersToBlobs() {
		return nil
	}
	return eachBlob(d.Body, func(key blobKey) error {
		if has, err := tx.rows.hasBlob(key); has || err != nil {
			return err
		}
		digest := document.Digest(key)
		if listed, err := tx.Info(absentBlobs, digest); err == nil && listed != nil {
			return nil
		}
		if mayBeAbsent {
			return tx.setInfo(absentBlobs, digest, []byte{1}, more)
		}
		return fault.NotFound.Says("the content of blob %s is not in this database", digest).
			Try("store the content first, then the document that refers to it")
	})
}

// ownBlobs drops the pending entries of the blobs of d, which is stored now.
func (tx *Tx) ownBlobs(d *Document) error {
	if !d.refersToBlobs() {
		return nil
	}
	tx.state.blobs = true
	return eachBlob(d.Body, func(key blobKey) error {
		return tx.rows.dropPending(document.Digest(key), more)
	})
}

// eachBlob calls do for each blob that body refers to.
func eachBlob(body []byte, do func(blobKey) error) error {
	refs, err := document.Blobs(body)
	if err != nil {
		return err
	}
	for _, ref := range refs {
		key, ok := keyOf(ref.Digest)
		if !ok {
			continue // an old attachment, which no peer can send
		}
		if err := do(key); err != nil {
			return err
		}
	}
	return nil
}

// WithBlob returns documents that changed after since and refer to a blob, in the order of their
// sequences, without tombstones. It looks through at most limit candidates, and returns the sequence
// to continue after, 0 at the end.
func (tx *Tx) WithBlob(c *Collection, digest string, since Sequence, limit int) (docs []*Document, next Sequence, err error) {
	wanted, ok := keyOf(digest)
	if !ok {
		return nil, 0, fault.Invalid.Says("malformed digest %.80q", digest)
	}
	l := listing{order: candidatesOf, body: withBody, since: since, digest: digest, limit: limit}
	all, err := tx.list(c, l, Select{WithBody: true})
	if err != nil {
		return nil, 0, err
	}
	for _, d := range all {
		refers := false
		if err := eachBlob(d.Body, func(key blobKey) error { refers = refers || key == wanted; return nil }); err != nil {
			return nil, 0, err
		}
		if refers {
			docs = append(docs, d)
		}
	}
	if len(all) == limit {
		next = all[limit-1].Sequence
	}
	return docs, next, nil
}

// eachReferred calls do, perhaps several times, for each blob that a document or a kept revision
// refers to. For a collection in since it reads only the later changes. It returns the last
// sequence read of each collection.
func (tx *Tx) eachReferred(since map[int64]Sequence, do func(blobKey)) (map[int64]Sequence, error) {
	all, err := tx.Collections()
	if err != nil {
		return nil, err
	}
	seen := make(map[int64]Sequence, len(all))
	for _, c := range all {
		if seen[c.id], err = tx.LastSequence(c); err != nil {
			return nil, err
		}
		err := tx.rows.blobBodies(c, since[c.id], func(text []byte) error {
			return eachBlob(text, func(key blobKey) error { do(key); return nil })
		})
		if err != nil {
			return nil, err
		}
	}
	return seen, nil
}

// dropAwaited removes the blobs that wait for their document from orphans, and deletes pending
// entries that are too old.
func (r *sqliteRows) dropAwaited(orphans map[blobName]struct{}) error {
	if err := r.change(sqlDropOldPending, more, r.now.UnixMilli()); err != nil {
		return sqlFault(err, "list blobs", r.db.path)
	}
	return r.eachPending(func(key blobKey) { delete(orphans, r.db.blobs.name(key)) })
}

// eachPending calls do for each blob that waits for its document.
func (r *sqliteRows) eachPending(do func(blobKey)) error {
	s, err := r.tx().stmt(sqlListPending)
	if err != nil {
		return err
	}
	err = query(s, func(s *sqlite3.Stmt) error {
		if key, ok := keyOf(s.ColumnText(0)); ok {
			do(key)
		}
		return nil
	})
	return sqlFault(err, "list blobs", r.db.path)
}
