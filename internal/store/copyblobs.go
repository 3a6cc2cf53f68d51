package store

import (
	"context"
	"errors"
	"io"

	"github.com/tandemdb/tandem/internal/document"
	"github.com/tandemdb/tandem/internal/fault"
)

// copyBlobs copies the contents that a body refers to.
func (k *copier) copyBlobs(body []byte) error {
	return eachBlob(body, func(key blobKey) error {
		if k.blobs[key] {
			return nil
		}
		k.blobs[key] = true
		digest := document.Digest(key)
		if k.to.hub != nil && k.to.hub.hasBlob(digest) { // an earlier copy was cut off
			return nil
		}
		return fault.About(k.copyBlob(digest), "copy blob", digest)
	})
}

func (k *copier) copyBlob(digest string) error {
	blob, err := k.from.OpenBlob(digest)
	if errors.Is(err, fault.NotFound) {
		k.missing++
		return nil
	}
	if err != nil {
		return err
	}
	defer blob.Close()
	w, err := k.to.BlobWriter(k.ctx)
	if err != nil {
		return err
	}
	defer w.Abort()
	if _, err := io.Copy(w, &patientReader{k.ctx, blob}); err != nil {
		return err
	}
	_, _, err = w.Commit(k.ctx, digest)
	return err
}

// patientReader fails when its context is done.
type patientReader struct {
	ctx context.Context //nolint:containedctx // of one copy
	io.Reader
}

func (r *patientReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}
