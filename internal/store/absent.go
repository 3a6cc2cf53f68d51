package store

import (
	"context"
	"slices"

	"github.com/tandemdb/tandem/internal/document"
)

// AbsentBlobs returns the sorted digests of the blobs that documents refer to and whose content the
// database lacks: see [Restored] and [Incoming].
func (db *DB) AbsentBlobs(ctx context.Context) (digests []string, err error) {
	if db.hub != nil {
		err = db.View(ctx, func(tx *Tx) error {
			digests, err = db.hub.absent(tx)
			return err
		})
		slices.Sort(digests)
		return digests, err
	}
	if err := db.access.use(ctx); err != nil {
		return nil, err
	}
	defer db.access.unuse()
	err = db.View(ctx, func(tx *Tx) error {
		absent := make(map[blobKey]bool) // the value: whether a document refers to the blob
		err := tx.Infos(absentBlobs, func(digest string, _ []byte) error {
			if key, ok := keyOf(digest); ok && !db.blobs.has(key) {
				absent[key] = false
			}
			return nil
		})
		if err != nil || len(absent) == 0 {
			return err
		}
		_, err = tx.eachReferred(nil, func(key blobKey) {
			if _, listed := absent[key]; listed {
				absent[key] = true
			}
		})
		for key, referred := range absent {
			if referred {
				digests = append(digests, document.Digest(key))
			}
		}
		return err
	})
	slices.Sort(digests)
	return digests, err
}
