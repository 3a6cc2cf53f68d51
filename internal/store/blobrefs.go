package store

import (
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/tandemdb/tandem/internal/document"
	"github.com/tandemdb/tandem/internal/fault"
)

// pendingTime is how long a blob is safe from clean-up before a document refers to it.
const pendingTime = 24 * time.Hour

// addPending makes the blob wait for its document.
func (tx *Tx) addPending(digest string) error {
	return tx.atomic(func() error {
		s, err := tx.writing(sqlAddPending, last)
		if err != nil {
			return err
		}
		return sqlFault(exec(s, digest, tx.now.Add(pendingTime).UnixMilli()), "write blob", digest)
	})
}

// absentBlobs is where [Tx.Info] lists the blobs that a document may refer to though their
// content is not here: data was imported, or a peer gave it, that never had the content.
const absentBlobs = "absent blobs"

// requireBlobs refuses a document which refers to content that is not here, unless it may be
// absent. Within a transaction that writes, what is here stays: clean-up needs the same lock.
func (tx *Tx) requireBlobs(d *Document, mayBeAbsent bool) error {
	if !d.refersToBlobs() {
		return nil
	}
	return eachBlob(d.Body, func(key blobKey) error {
		if tx.db.blobs.has(key) {
			return nil
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

// ownBlobs ends the waiting of the blobs of d, which is stored now.
func (tx *Tx) ownBlobs(d *Document) error {
	if !d.refersToBlobs() {
		return nil
	}
	tx.db.writer.state.blobs = true
	return eachBlob(d.Body, func(key blobKey) error {
		s, err := tx.writing(sqlDropPending, more)
		if err != nil {
			return err
		}
		return exec(s, document.Digest(key))
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
			continue // an old attachment that no peer could give us
		}
		if err := do(key); err != nil {
			return err
		}
	}
	return nil
}

// eachReferred calls do for each blob that a document or a kept revision refers to, perhaps
// several times. Of collections in since it reads only the changes after that. It returns how
// far it has read.
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
		if err := tx.eachReferredIn(c, do, sqlBlobBodiesSince, int64(since[c.id])); err != nil {
			return nil, err
		}
		if err := tx.eachReferredIn(c, do, sqlKeptBlobBodies); err != nil {
			return nil, err
		}
	}
	return seen, nil
}

func (tx *Tx) eachReferredIn(c *Collection, do func(blobKey), which collStatement, args ...any) error {
	s, err := tx.collStmt(c, which)
	if err != nil {
		return err
	}
	err = query(s, func(s *sqlite3.Stmt) error {
		return eachBlob(s.ColumnRawText(0), func(key blobKey) error { do(key); return nil })
	}, args...)
	return tx.fault(c, err, "list blobs", c.FullName())
}

// dropPending removes from orphans what is waiting for its document, and ends the waiting of
// what has waited too long.
func (tx *Tx) dropPending(orphans map[blobName]struct{}) error {
	s, err := tx.writing(sqlDropOldPending, more)
	if err != nil {
		return err
	}
	if err := exec(s, tx.now.UnixMilli()); err != nil {
		return sqlFault(err, "list blobs", tx.db.path)
	}
	return tx.eachPending(func(key blobKey) { delete(orphans, tx.db.blobs.name(key)) })
}

// eachPending calls do for each blob that is waiting for its document.
func (tx *Tx) eachPending(do func(blobKey)) error {
	s, err := tx.stmt(sqlListPending)
	if err != nil {
		return err
	}
	err = query(s, func(s *sqlite3.Stmt) error {
		if key, ok := keyOf(s.ColumnText(0)); ok {
			do(key)
		}
		return nil
	})
	return sqlFault(err, "list blobs", tx.db.path)
}
