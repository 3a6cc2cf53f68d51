package tandem

import (
	"context"
	"iter"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/store"
)

// blobUsersPortion is how many documents are looked at together: any of them may be large.
const blobUsersPortion = 16

// DocumentsWithBlob gives the documents that refer to the blob with the given digest, in the order
// of their last changes. It reads every document that has blobs. A document that changes meanwhile
// may be given twice. The error is [ErrInvalid] for a malformed digest; it ends the sequence.
func (c *Collection) DocumentsWithBlob(ctx context.Context, digest string) iter.Seq2[*Document, error] {
	return func(yield func(*Document, error) bool) {
		for since := store.Sequence(0); ; {
			var docs []*store.Document
			err := c.db.view(ctx, func(tx *store.Tx) (err error) {
				docs, since, err = tx.WithBlob(c.coll, digest, since, blobUsersPortion)
				return err
			})
			if err != nil {
				yield(nil, fault.About(err, "list documents with blob", digest))
				return
			}
			for _, d := range docs {
				if !yield(stored(c, d), nil) {
					return
				}
			}
			if since == 0 {
				return
			}
		}
	}
}
