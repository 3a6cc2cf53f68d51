package store

import (
	"context"
	"errors"
	"io"

	"github.com/tandemdb/tandem/internal/document"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/store/row"
)

// copyBlobs copies the contents that a body refers to.
func (k *copier) copyBlobs(body []byte) error { return eachBlob(body, k.copyBlob) }

// copyBlob copies a content once.
func (k *copier) copyBlob(key blobKey) error {
	if k.blobs[key] {
		return nil
	}
	k.blobs[key] = true
	digest := document.Digest(key)
	if k.to.hub != nil && k.to.hub.hasBlob(digest) { // an earlier copy was cut off
		return nil
	}
	return fault.About(k.copyContent(digest), "copy blob", digest)
}

func (k *copier) copyContent(digest string) error {
	blob, err := k.openBlob(digest)
	if errors.Is(err, fault.NotFound) {
		k.missing = append(k.missing, digest)
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
	if _, err := io.Copy(w, ReaderUntil(k.ctx, blob)); err != nil {
		return err
	}
	_, _, err = w.Commit(k.ctx, digest)
	return err
}

// openBlob opens a content that the snapshot refers to. An engine keeps it for the snapshot; in a folder a clean-up may
// have removed it.
func (k *copier) openBlob(digest string) (io.ReadCloser, error) {
	h, ok := k.snapshot.rows.(*hubRows)
	if !ok {
		return k.from.OpenBlob(digest)
	}
	upload, size, ok, err := h.r.FindBlob(digest)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fault.NotFound.In("read blob", digest)
	}
	return row.NewContent(row.ChunksOf(h.r), upload, size), nil
}

// ReaderUntil returns a reader of r that fails with the context's error when the context is done.
func ReaderUntil(ctx context.Context, r io.Reader) io.Reader { return &readerUntil{ctx, r} }

type readerUntil struct {
	ctx context.Context //nolint:containedctx // of one copy
	io.Reader
}

func (r *readerUntil) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}
