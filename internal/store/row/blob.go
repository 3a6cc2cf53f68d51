package row

import (
	"context"
	"crypto/sha1" // the protocol names blobs by their SHA-1
	"errors"
	"hash"
	"io"
)

// Upload is the content of a blob on its way to an engine, chunk by chunk. Only one goroutine may use it.
type Upload struct {
	rows   Blobs
	ctx    context.Context //nolint:containedctx // a BlobWriter is the extent of one upload
	upload int64
	n      int
	chunk  []byte
	hash   hash.Hash
	size   int64
}

// NewUpload begins a content. ctx bounds all of its chunks.
func NewUpload(ctx context.Context, rows Blobs) (*Upload, error) {
	upload, err := rows.NewBlob(ctx)
	if err != nil {
		return nil, err
	}
	return &Upload{rows: rows, ctx: ctx, upload: upload, hash: sha1.New()}, nil
}

// Write stores each chunk that is full.
func (u *Upload) Write(p []byte) (n int, err error) {
	for len(p) > 0 {
		part := p[:min(len(p), ChunkSize-len(u.chunk))]
		u.chunk = append(u.chunk, part...)
		if len(u.chunk) == ChunkSize {
			if err := u.put(); err != nil {
				return n, err
			}
		}
		u.hash.Write(part)
		u.size += int64(len(part))
		n += len(part)
		p = p[len(part):]
	}
	return n, nil
}

// Size returns the bytes written.
func (u *Upload) Size() int64 { return u.size }

func (u *Upload) put() error {
	if len(u.chunk) == 0 {
		return nil
	}
	err := u.rows.PutChunk(u.ctx, u.upload, u.n, u.chunk)
	u.n++
	u.chunk = u.chunk[:0]
	return err
}

// Sum returns the digest of what was written.
func (u *Upload) Sum() [20]byte { return [20]byte(u.hash.Sum(nil)) }

// End stores the last chunk, gives the content its digest, and returns its size in bytes.
func (u *Upload) End(ctx context.Context, digest string) (size int64, err error) {
	if err := u.put(); err != nil {
		return 0, err
	}
	return u.size, u.rows.EndBlob(ctx, u.upload, digest, u.size)
}

// Drop removes what was stored. What it cannot remove goes with a later clean-up.
func (u *Upload) Drop() { _ = u.rows.DropBlob(context.WithoutCancel(u.ctx), u.upload) }

// Chunks has the parts of contents, as [Blobs] says.
type Chunks interface {
	// Chunk reads a part of a content.
	Chunk(ctx context.Context, upload int64, n int) ([]byte, error)
}

// ChunksOf returns the parts of contents as a Reader sees them.
func ChunksOf(r Reader) Chunks { return chunks{r} }

type chunks struct{ r Reader }

// Chunk reads in the transaction of the Reader.
func (c chunks) Chunk(_ context.Context, upload int64, n int) ([]byte, error) {
	return c.r.Chunk(upload, n)
}

// NewContent returns a content of so many bytes.
func NewContent(rows Chunks, upload, size int64) *Content {
	return &Content{rows: rows, upload: upload, size: size, loaded: -1}
}

var errShort = errors.New("a part of the content of a blob is too short")

// Content reads the content of a blob, one chunk at a time. Only one goroutine may use it.
type Content struct {
	rows   Chunks
	upload int64
	size   int64
	at     int64
	chunk  []byte
	loaded int // the number of chunk, -1 for none
}

// Read reads from one chunk.
func (c *Content) Read(p []byte) (int, error) {
	if c.at >= c.size {
		return 0, io.EOF
	}
	n := int(c.at / ChunkSize)
	if c.loaded != n {
		chunk, err := c.rows.Chunk(context.Background(), c.upload, n)
		if err != nil {
			return 0, err
		}
		c.chunk, c.loaded = chunk, n
	}
	from := int(c.at % ChunkSize)
	if from >= len(c.chunk) {
		return 0, errShort
	}
	read := copy(p, c.chunk[from:])
	c.at += int64(read)
	return read, nil
}

// Seek moves the place of the next Read.
func (c *Content) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += c.at
	case io.SeekEnd:
		offset += c.size
	}
	if offset < 0 {
		return 0, errors.New("the place lies before the content")
	}
	c.at = offset
	return offset, nil
}

// Close forgets the chunk.
func (c *Content) Close() error {
	c.chunk, c.loaded = nil, -1
	return nil
}
