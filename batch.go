package tandem

import (
	"context"
	"errors"
	"io"
	"slices"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/store"
)

// Batch is a transaction under way: see [Database.InBatch]. Its methods are those of
// [Collection] with the collection as an argument, and see the changes of the batch so far.
type Batch struct {
	ctx context.Context //nolint:containedctx // a Batch is the extent of one call
	db  *Database
	tx  *store.Tx

	goroutine uint64 // of fn

	undo []documentState // to restore if the batch fails

	wasEmpty map[string]bool // by full name: collections as the first Restore found them

	ended     chan error // capacity 1: how fn has ended
	committed chan error // capacity 1: how the transaction has
}

// documentState remembers what a document was.
type documentState struct {
	of  *Document
	was Document
}

// InBatch calls fn and then commits all changes that fn made through b, in one transaction,
// which is many times as fast as one commit each. If fn fails or panics, nothing is changed, and
// the Document values that fn saved get back their former state.
//
// fn makes its changes through b, or by methods of the database and its collections with the
// context of [Batch.Context], which join the batch. A write with another context would wait for
// the very batch that it is called in, so it fails with [ErrInvalid], as does a batch within a
// batch. A read with another context sees the state before the batch. Other writers wait while
// fn runs, so fn should be quick and must not wait for goroutines that write. Once ctx has
// ended, a batch does not begin, and the methods of b fail with ctx's error.
//
// In a database that nodes share, other nodes wait for a second at most. Then they go on, and the batch fails with
// [ErrBusy] if one of them has changed what it has read; nothing of it is stored then. A batch that has listed documents, or
// made or deleted a collection, after its first change fails with [ErrBusy] once it has lasted for ten seconds.
func (db *Database) InBatch(ctx context.Context, fn func(b *Batch) error) error {
	if err := db.toChangeAlone(ctx, "begin batch"); err != nil {
		return err
	}
	b := &Batch{ctx: ctx, db: db, ended: make(chan error, 1), committed: make(chan error, 1)}
	begun := make(chan *store.Tx)
	go func() { // which waits for fn: a panic is the caller's, and must not end the writer
		b.committed <- db.store.UpdateOnce(ctx, func(tx *store.Tx) error {
			begun <- tx
			return <-b.ended
		})
	}()
	select {
	case b.tx = <-begun:
		return b.run(fn)
	case err := <-b.committed:
		return err
	}
}

func (b *Batch) run(fn func(b *Batch) error) error {
	returned := false
	b.goroutine = goroutineID()
	b.db.batch.Store(b)
	defer func() {
		if !returned { // a panic, or the end of the goroutine, which goes on
			_ = b.end(errors.New("the function of the batch did not return"))
		}
	}()
	err := fn(b)
	returned = true
	return b.end(err)
}

// end commits the batch, or undoes it because of err.
func (b *Batch) end(err error) error {
	b.db.batch.Store(nil)
	b.ended <- err
	err = <-b.committed
	if err != nil {
		b.restore()
	}
	return err
}

// restore gives documents the state they had before the batch.
func (b *Batch) restore() {
	for _, saved := range slices.Backward(b.undo) {
		*saved.of = saved.was
	}
}

// Context returns a context that joins the batch: methods of the database, its collections and its
// queries called with this context read and write in the batch. Use it only on the goroutine of
// the batch's function, while that function runs.
func (b *Batch) Context() context.Context { return b.db.joining(b.ctx, b) }

func (b *Batch) read(ctx context.Context, fn func(*store.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := b.usable(); err != nil {
		return err
	}
	return fn(b.tx)
}

// usable reports whether a context of the batch may be used here and now.
func (b *Batch) usable() error {
	const op = "use database"
	switch {
	case b.db.batch.Load() != b:
		return fault.NotOpen.In(op, b.db.Path()).Says("the batch of the context is over").
			Try("use the context of a batch within its function alone")
	case b.goroutine != goroutineID():
		return fault.Invalid.In(op, b.db.Path()).Says("a batch is for one goroutine").
			Try("use the context of a batch on the goroutine of its function alone")
	}
	return nil
}

// Document is [Collection.Document].
func (b *Batch) Document(c *Collection, id string) (*Document, error) {
	if err := b.check(c); err != nil {
		return nil, err
	}
	return c.document(b.tx, id)
}

// Get is [Collection.Get].
func (b *Batch) Get(c *Collection, id string, v any) error {
	d, err := b.Document(c, id)
	if err != nil {
		return err
	}
	return d.Decode(v)
}

// Expect says which documents the batch will save or read next. A database that nodes share then reads them from
// its server at once, in place of one by one; in a folder, Expect has no effect.
func (b *Batch) Expect(c *Collection, ids ...string) error {
	if err := b.check(c); err != nil {
		return err
	}
	return b.tx.Expect(c.coll, slices.Values(ids))
}

// CreateBlob is [Database.CreateBlob]. If the batch fails, the stored content stays until
// [Database.Compact] removes it.
func (b *Batch) CreateBlob(contentType string, r io.Reader) (*Blob, error) {
	return b.db.createBlob(b.ctx, contentType, r, func(w *store.BlobWriter) (string, int64, error) { return w.CommitIn(b.tx) })
}

// Save is [Collection.Save]. The content of new blobs is stored as by [Batch.CreateBlob].
func (b *Batch) Save(c *Collection, d *Document) error {
	return b.SaveWithConcurrency(c, d, LastWriteWins)
}

// SaveWithConcurrency is [Collection.SaveWithConcurrency], with new blobs as in [Batch.Save].
func (b *Batch) SaveWithConcurrency(c *Collection, d *Document, control ConcurrencyControl) error {
	body, err := install(d.body, b.CreateBlob)
	if err != nil {
		return fault.About(err, "save document", d.id)
	}
	return b.change(c, d, store.Edit{Body: body, FailOnConflict: control == FailOnConflict})
}

// Import is [Batch.Save] for data from elsewhere: the content of blobs that the document refers
// to may be missing. Peers then get the document without the content, too.
func (b *Batch) Import(c *Collection, d *Document) error {
	body, err := install(d.body, b.CreateBlob)
	if err != nil {
		return fault.About(err, "import document", d.id)
	}
	return b.change(c, d, store.Edit{Body: body, AllowAbsentBlobs: true})
}

// Put is [Collection.Put], with new blobs as in [Batch.Save].
func (b *Batch) Put(c *Collection, id string, v any) error {
	d := &Document{id: id}
	if err := d.Encode(v); err != nil {
		return err
	}
	return b.Save(c, d)
}

// Delete is [Collection.Delete].
func (b *Batch) Delete(c *Collection, d *Document) error {
	return b.DeleteWithConcurrency(c, d, LastWriteWins)
}

// DeleteWithConcurrency is [Collection.DeleteWithConcurrency].
func (b *Batch) DeleteWithConcurrency(c *Collection, d *Document, control ConcurrencyControl) error {
	return b.change(c, d, store.Edit{Deleted: true, FailOnConflict: control == FailOnConflict})
}

// Purge is [Collection.Purge].
func (b *Batch) Purge(c *Collection, id string) error {
	if err := b.check(c); err != nil {
		return err
	}
	return b.tx.Purge(c.coll, id)
}

func (b *Batch) change(c *Collection, d *Document, e store.Edit) error {
	if err := b.check(c); err != nil {
		return err
	}
	head, err := c.edit(b.tx, d, e)
	if err != nil {
		return err
	}
	b.undo = append(b.undo, documentState{of: d, was: *d})
	d.adopt(c, head)
	return nil
}

func (b *Batch) check(c *Collection) error {
	if c.db != b.db {
		return fault.Invalid.In("use collection", c.FullName()).
			Says("the batch is of database %s, the collection of %s", b.db.Name(), c.db.Name())
	}
	return nil
}
