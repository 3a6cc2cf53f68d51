package tandem

import (
	"context"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/store"
)

// Collection is a named set of documents in a database. After the collection's deletion its
// methods fail with [ErrNotFound], even if a new collection has the same name. All methods may
// be called from any goroutine.
type Collection struct {
	db   *Database
	coll *store.Collection
}

// Database returns the database that the collection is in.
func (c *Collection) Database() *Database { return c.db }

// Scope returns the name of the collection's scope.
func (c *Collection) Scope() string { return c.coll.Scope() }

// Name returns the collection's name within its scope.
func (c *Collection) Name() string { return c.coll.Name() }

// FullName returns "scope.name".
func (c *Collection) FullName() string { return c.coll.FullName() }

// Count returns the number of documents, without deleted documents.
func (c *Collection) Count(ctx context.Context) (n uint64, err error) {
	err = c.db.view(ctx, func(tx *store.Tx) error {
		n, err = tx.Count(c.coll)
		return err
	})
	return n, err
}

// Document returns the document with the given ID. It fails with [ErrNotFound] if the document
// does not exist or was deleted.
func (c *Collection) Document(ctx context.Context, id string) (d *Document, err error) {
	err = c.db.view(ctx, func(tx *store.Tx) error {
		d, err = c.document(tx, id)
		return err
	})
	return d, err
}

func (c *Collection) document(tx *store.Tx, id string) (*Document, error) {
	head, err := tx.Document(c.coll, id)
	if err != nil {
		return nil, err
	}
	if head.Deleted {
		return nil, fault.NotFound.In("get document", id).Says("the document was deleted")
	}
	return stored(c, head), nil
}

// Get decodes the document with an ID into what v points to: [Collection.Document] and
// [Document.Decode] in one.
func (c *Collection) Get(ctx context.Context, id string, v any) error {
	d, err := c.Document(ctx, id)
	if err != nil {
		return err
	}
	return d.Decode(v)
}

// LastSequence returns the sequence of the latest change, 0 if there was none.
func (c *Collection) LastSequence(ctx context.Context) (last uint64, err error) {
	err = c.db.view(ctx, func(tx *store.Tx) error {
		seq, err := tx.LastSequence(c.coll)
		last = uint64(seq)
		return err
	})
	return last, err
}

// Expiration returns when a document will be purged, the zero time for never. It fails with
// [ErrNotFound] if there is no such document.
func (c *Collection) Expiration(ctx context.Context, id string) (at time.Time, err error) {
	err = c.db.view(ctx, func(tx *store.Tx) error {
		head, err := tx.Head(c.coll, id)
		if err == nil {
			at = head.Expiry
		}
		return err
	})
	return at, err
}
