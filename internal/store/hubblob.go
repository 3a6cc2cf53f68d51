package store

import (
	"context"
	"crypto/sha1" // the protocol names blobs by their SHA-1
	"errors"
	"fmt"
	"io"

	"github.com/tandemdb/tandem/internal/document"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/store/row"
)

// newUpload begins a content.
func (h *hub) newUpload(ctx context.Context) (*row.Upload, error) { return row.NewUpload(ctx, h.rows) }

// commitUpload gives a content its digest.
func commitUpload(ctx context.Context, u *row.Upload, want string) (digest string, size int64, err error) {
	const op = "write blob"
	digest = document.Digest(u.Sum())
	if want != "" && want != digest {
		return "", 0, fault.CorruptData.In(op, want).Says("the content has digest %s", digest)
	}
	size, err = u.End(ctx, digest)
	return digest, size, fault.About(err, op, digest)
}

// openBlob opens a content for reading.
func (h *hub) openBlob(digest string) (*Blob, error) {
	ctx := context.Background()
	upload, size, ok, err := h.rows.FindBlob(ctx, digest)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fault.NotFound.In("read blob", digest).Says("its content is not in the database")
	}
	return &Blob{ReadSeekCloser: row.NewContent(h.rows, upload, size), Size: size, unuse: func() {}}, nil
}

func (h *hub) hasBlob(digest string) bool {
	_, _, ok, err := h.rows.FindBlob(context.Background(), digest)
	return ok && err == nil
}

// compact removes the contents that no document has referred to for a day. A transaction that refers to a
// content touches its row, so a content that becomes needed meanwhile stays.
func (h *hub) compact(ctx context.Context, db *DB) error {
	old, err := h.rows.OldBlobs(ctx, pendingTime)
	if err != nil || len(old) == 0 {
		return err
	}
	orphans := make(map[blobKey]string, len(old))
	for _, digest := range old {
		if key, ok := keyOf(digest); ok {
			orphans[key] = digest
		}
	}
	err = db.View(ctx, func(tx *Tx) error {
		_, err := tx.eachReferred(nil, func(key blobKey) { delete(orphans, key) })
		return err
	})
	for _, digest := range orphans {
		if err == nil {
			err = h.rows.CollectBlob(ctx, digest, pendingTime)
		}
	}
	return err
}

// check reads the whole database, as [DB.Check].
func (h *hub) check(ctx context.Context, db *DB) ([]Problem, error) {
	k := &checker{db: db, progress: progressOf(ctx, 0)}
	err := db.View(ctx, func(tx *Tx) error {
		k.problems, k.blobs, k.absent = nil, make(map[blobKey]string), make(map[string]bool)
		err := tx.Infos(absentBlobs, func(digest string, _ []byte) error { k.absent[digest] = true; return nil })
		if err != nil {
			return err
		}
		all, err := tx.Collections()
		for _, c := range all {
			if err == nil {
				err = h.checkCollection(tx, k, c)
			}
		}
		return err
	})
	for key, where := range k.blobs {
		if err == nil {
			err = h.checkBlob(ctx, k, key, where)
		}
	}
	k.progress.end()
	return k.problems, err
}

func (h *hub) checkCollection(tx *Tx, k *checker, c *Collection) error {
	counted, err := tx.loadCounters(c)
	if err != nil {
		return err
	}
	rows := tx.rows.(*hubRows)
	var last Sequence
	var live int64
	err = rows.listRows(c, row.Listing{Order: row.Everything, Body: true}, func(r *row.Doc) error {
		var d Document
		where := c.FullName() + "/" + r.ID
		if err := fillRow(&d, r); err != nil {
			k.found(where, "%v", err)
		} else {
			k.document(where, &d)
		}
		last = max(last, Sequence(r.Sequence))
		if r.Flags&flagDeleted == 0 {
			live++
		}
		return nil
	})
	if err != nil {
		return err
	}
	k.counters(c, counted, last, live)
	return rows.r.KeptBlobs(c.id, func(body []byte) error {
		k.refers(c.FullName()+", a kept revision", body)
		return nil
	})
}

// checkBlob reads a content.
func (h *hub) checkBlob(ctx context.Context, k *checker, key blobKey, where string) error {
	digest := document.Digest(key)
	blob, err := h.openBlob(digest)
	if err != nil {
		if !k.absent[digest] {
			k.found(where, "the content of blob %s cannot be read: %v", digest, err)
		}
		return ctx.Err()
	}
	sum := sha1.New()
	if _, err := io.Copy(sum, blob); err != nil {
		k.found(where, "the content of blob %s cannot be read: %v", digest, err)
	} else if blobKey(sum.Sum(nil)) != key {
		k.found(where, "the content of blob %s is damaged", digest)
	}
	return errors.Join(blob.Close(), ctx.Err())
}

// absent lists the contents that documents refer to and that are not there.
func (h *hub) absent(tx *Tx) (missing []string, err error) {
	needed := make(map[blobKey]bool)
	if _, err := tx.eachReferred(nil, func(key blobKey) { needed[key] = true }); err != nil {
		return nil, err
	}
	for key := range needed {
		has, err := tx.rows.hasBlob(key)
		if err != nil {
			return nil, fmt.Errorf("find blob: %w", err)
		}
		if !has {
			missing = append(missing, document.Digest(key))
		}
	}
	return missing, nil
}
