package store

import (
	"context"
	"crypto/sha1" // the protocol names blobs by their SHA-1
	"errors"
	"hash"
	"io"
	"io/fs"
	"os"
	"sync"

	"github.com/tandemdb/tandem/internal/document"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/seal"
	"github.com/tandemdb/tandem/internal/store/row"
)

// BlobWriter stores the content of one blob piece by piece. Commit or Abort ends it. Only one
// goroutine may use it.
type BlobWriter struct {
	db     *DB
	hub    *row.Upload  // in place of the following, where the rows are in an engine; nil after Commit or Abort
	file   *os.File     // nil after Commit or Abort
	sealed *seal.Writer // between the content and the file; nil where blobs are not encrypted
	hash   hash.Hash
	size   int64
}

// BlobWriter begins a new blob.
func (db *DB) BlobWriter(ctx context.Context) (*BlobWriter, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := db.enter("write blob"); err != nil {
		return nil, err
	}
	defer db.leave()
	if db.options.ReadOnly {
		return nil, notWriteable().In("write blob", db.path)
	}
	if db.hub != nil {
		upload, err := db.hub.newUpload(ctx)
		if err != nil {
			return nil, fault.About(err, "write blob", db.path)
		}
		return &BlobWriter{db: db, hub: upload}, nil
	}
	if err := db.access.use(ctx); err != nil {
		return nil, err
	}
	file, err := db.blobs.create()
	if err != nil {
		db.access.unuse()
		return nil, fileFault(err, "write blob", db.path)
	}
	w := &BlobWriter{db: db, file: file, hash: sha1.New()}
	if keys := db.access.keys; keys != nil {
		w.sealed = keys.NewWriter(file)
	}
	return w, nil
}

// Write appends to the content.
func (w *BlobWriter) Write(p []byte) (int, error) {
	if w.hub != nil {
		return w.hub.Write(p)
	}
	if w.file == nil {
		return 0, w.over()
	}
	if err := w.db.blobs.files.step(StepWrite, w.file.Name(), ""); err != nil {
		return 0, fileFault(err, "write blob", w.db.path)
	}
	n, err := w.content().Write(p)
	w.hash.Write(p[:n])
	w.size += int64(n)
	return n, fileFault(err, "write blob", w.db.path)
}

// content returns the writer for the blob's content.
func (w *BlobWriter) content() io.Writer {
	if w.sealed != nil {
		return w.sealed
	}
	return w.file
}

// Commit stores the blob under its digest. If want is neither empty nor this digest, Commit stores
// nothing and fails with fault.CorruptData. A document should refer to the blob within a day:
// otherwise [DB.Compact] removes it.
func (w *BlobWriter) Commit(ctx context.Context, want string) (digest string, size int64, err error) {
	if w.hub != nil {
		return w.commitHub(ctx, want)
	}
	return w.commit(want, func(digest string) error {
		return w.db.Update(ctx, func(tx *Tx) error { return tx.addPending(digest) })
	})
}

// CommitIn is Commit within a running transaction. If the transaction fails later, [DB.Compact]
// removes the blob.
func (w *BlobWriter) CommitIn(tx *Tx) (digest string, size int64, err error) {
	if w.hub != nil {
		return w.commitHubIn(tx)
	}
	return w.commit("", tx.addPending)
}

// commitHubIn asks on the transaction's own connection first: it may hold the content's row, for which another one
// would wait.
func (w *BlobWriter) commitHubIn(tx *Tx) (digest string, size int64, err error) {
	key := blobKey(w.hub.Sum())
	has, err := tx.rows.hasBlob(key)
	if err != nil {
		w.Abort()
		return "", 0, err
	}
	if !has {
		digest, size, err = w.commitHub(tx.ctx, "")
		if h, ok := tx.rows.(*hubRows); ok && err == nil {
			h.o.blobs[key] = true // the transaction's snapshot may be older
		}
		return digest, size, err
	}
	size = w.hub.Size()
	w.Abort()
	return document.Digest(key), size, nil
}

func (w *BlobWriter) commitHub(ctx context.Context, want string) (digest string, size int64, err error) {
	digest, size, err = commitUpload(ctx, w.hub, want)
	if err == nil {
		w.hub = nil
		return digest, size, nil
	}
	w.Abort()
	return "", 0, err
}

func (w *BlobWriter) commit(want string, addPending func(digest string) error) (digest string, size int64, err error) {
	if w.file == nil {
		return "", 0, w.over()
	}
	defer w.Abort()
	key := blobKey(w.hash.Sum(nil))
	digest = document.Digest(key)
	if want != "" && want != digest {
		return "", 0, fault.CorruptData.In("write blob", want).Says("the content has digest %s", digest)
	}
	part := w.file.Name()
	if err := w.closeFile(key); err != nil {
		return "", 0, fileFault(err, "write blob", digest)
	}
	// Before the file gets its name, clean-ups of all processes must see the pending entry, or wait
	// for the writer's lock.
	if err := addPending(digest); err != nil {
		return "", 0, err
	}
	if err := w.db.blobs.adopt(part, key); err != nil {
		return "", 0, fileFault(err, "write blob", digest)
	}
	w.file = nil
	defer w.db.access.unuse()
	return digest, w.size, nil
}

// Abort drops the content. After Commit, or a second time, it does nothing.
func (w *BlobWriter) Abort() {
	if w.hub != nil {
		w.hub.Drop()
		w.hub = nil
	}
	if w.file == nil {
		return
	}
	_ = w.file.Close() // the file is removed below, whatever Close reports
	_ = os.Remove(w.file.Name())
	w.file = nil
	w.db.access.unuse()
}

func (w *BlobWriter) closeFile(key blobKey) error {
	if w.sealed != nil {
		if err := w.sealed.Close(key[:]); err != nil {
			return err
		}
	}
	return w.db.blobs.complete(w.file)
}

func (w *BlobWriter) over() error {
	return fault.NotOpen.In("write blob", "").Says("the blob was committed or aborted")
}

// Blob is the content of a blob, open for reading. Only one goroutine may use it.
type Blob struct {
	io.ReadSeekCloser
	Size int64 // bytes

	unuse func()
}

// Close closes the file and lets the database change its encryption again.
func (b *Blob) Close() error {
	defer b.unuse()
	return b.ReadSeekCloser.Close()
}

// OpenBlob opens the content of a blob; the caller closes it. It fails with fault.NotFound if the
// database lacks the content, and with fault.Invalid for a malformed digest.
func (db *DB) OpenBlob(digest string) (*Blob, error) {
	const op = "read blob"
	key, ok := keyOf(digest)
	if !ok {
		return nil, fault.Invalid.In(op, digest).Says("malformed digest")
	}
	if err := db.enter(op); err != nil {
		return nil, err
	}
	defer db.leave()
	if db.hub != nil {
		return db.hub.openBlob(digest)
	}
	if err := db.access.useSoon(); err != nil {
		return nil, err
	}
	blob, err := db.blobs.open(key)
	if err != nil {
		db.access.unuse()
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fault.NotFound.In(op, digest).Says("its content is not in the database")
		}
		return nil, fileFault(err, op, digest)
	}
	blob.unuse = sync.OnceFunc(db.access.unuse)
	return blob, nil
}

// HasBlob reports whether the database has the content of a blob.
func (db *DB) HasBlob(digest string) bool {
	key, ok := keyOf(digest)
	if ok && db.hub != nil {
		return db.hub.hasBlob(digest)
	}
	if !ok || db.access.useSoon() != nil {
		return false
	}
	defer db.access.unuse()
	return db.blobs.has(key)
}
