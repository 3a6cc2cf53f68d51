package replication

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/document"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/replication/wire"
)

// blobFetcher fetches the blobs that received revisions refer to. Revisions that want one blob at
// the same time share one request, in a mesh also those of other sessions of the database.
type blobFetcher struct {
	s      *engine
	shared *Fetches
}

func newBlobFetcher(s *engine) *blobFetcher {
	return &blobFetcher{s: s, shared: s.common.Mesh.fetches()}
}

// missing returns the blobs that the database lacks.
func (f *blobFetcher) missing(blobs []document.Blob) []document.Blob {
	var missing []document.Blob
	for _, blob := range blobs {
		if !f.s.db.HasBlob(blob.Digest) {
			missing = append(missing, blob)
		}
	}
	return missing
}

// errAbsent reports that a peer does not have a blob that its document refers to.
var errAbsent = errors.New("the peer does not have the blob")

// fetch ensures that the database has the blob. It repeats a failed shared fetch, because the
// failure may be due to the other document.
func (f *blobFetcher) fetch(ctx context.Context, c *collection, docID string, blob document.Blob) error {
	for {
		shared, err := f.fetchOnce(ctx, c, docID, blob)
		if err == nil || !shared || ctx.Err() != nil {
			return err
		}
	}
}

// fetchOnce fetches a blob, or waits for a fetch that is under way; shared tells which.
func (f *blobFetcher) fetchOnce(ctx context.Context, c *collection, docID string, blob document.Blob) (shared bool, err error) {
	running, begun := f.shared.beginBlob(blob.Digest)
	if !begun {
		select {
		case <-running.done:
			return true, running.err
		case <-ctx.Done():
			return true, context.Cause(ctx)
		}
	}
	if !f.s.db.HasBlob(blob.Digest) {
		err = f.download(ctx, c, docID, blob)
	}
	f.shared.endBlob(blob.Digest, running, err)
	return false, err
}

// download asks the peer for the blob, and stores the content if its digest matches.
func (f *blobFetcher) download(ctx context.Context, c *collection, docID string, blob document.Blob) error {
	w, err := f.s.db.BlobWriter(ctx)
	if err != nil {
		return err
	}
	defer w.Abort() // a no-op after Commit
	m := c.message(wire.ProfileGetAttachment)
	m.Properties.Add(wire.PropDigest, blob.Digest)
	m.Properties.Add(wire.PropDocID, docID)
	if document.Compressible(blob.ContentType) {
		m.Properties.Add(wire.PropCompress, wire.Yes)
	}
	if err := f.receive(ctx, c, m, blob, w); err != nil {
		return err
	}
	_, size, err := w.Commit(ctx, blob.Digest)
	if err != nil {
		return err
	}
	c.counters.blobsReceived.Add(1)
	c.counters.blobBytes.Add(uint64(size))
	return nil
}

// receive sends the request m and writes the blob of the reply to w.
func (f *blobFetcher) receive(
	ctx context.Context, c *collection, m *blip.Message, blob document.Blob, w io.Writer,
) (err error) {
	if blob.Length < 0 || blob.Length > behindBuffer {
		later := newBehind(w)
		defer func() {
			if closeErr := later.close(); err == nil {
				err = closeErr
			}
		}()
		w = later
	}
	m.Sink = w
	if blob.Length >= 0 {
		m.Sink = &bounded{w: w, left: blob.Length, digest: blob.Digest}
	}
	_, err = c.s.call(ctx, m)
	var refusal *blip.Error
	if !errors.As(err, &refusal) {
		return err
	}
	if err = wire.FromPeer(err); isNotFound(err) || fault.HasCode(err, fault.WebSocket, 404) {
		return fmt.Errorf("%w: %w", errAbsent, err)
	}
	return err
}

// bounded fails once a blob exceeds the length in its document, so that no peer can fill the disk.
type bounded struct {
	w      io.Writer
	left   int64
	digest string
}

func (b *bounded) Write(p []byte) (int, error) {
	if int64(len(p)) > b.left {
		return 0, fault.CorruptData.In("fetch blob", b.digest).Says("it is longer than its document says")
	}
	n, err := b.w.Write(p)
	b.left -= int64(n)
	return n, err
}
