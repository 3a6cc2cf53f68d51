package couch

import (
	"context"

	"github.com/tandemdb/tandem/internal/store"
)

// Pass is what Collection.Couch of package tandem asks for. Only packages of this module can make one.
type Pass struct{ _ struct{} }

// Access is how a collection reads and changes its database.
type Access struct {
	View    func(ctx context.Context, do func(*store.Tx) error) error
	Update  func(ctx context.Context, do func(*store.Tx) error) error
	Durable func(ctx context.Context, do func(*store.Tx) error) error // likewise, and on the disk then

	// Install takes the content of blobs out of a body.
	Install func(ctx context.Context, body []byte) ([]byte, error)
}

// Collection is a collection as clients of CouchDB use it. It may be used from any goroutine.
type Collection struct {
	access Access
	coll   *store.Collection
}

// New returns the view of a collection.
func New(access Access, coll *store.Collection) Collection { return Collection{access, coll} }

// Local returns a local document and its revision: see [store.Tx.Local].
func (c Collection) Local(ctx context.Context, id string) (rev string, body []byte, err error) {
	err = c.access.View(ctx, func(tx *store.Tx) error {
		rev, body, err = tx.Local(c.coll, id)
		return err
	})
	return rev, body, err
}

// SetLocal stores a local document, or removes it if body is nil: see [store.Tx.SetLocal]. Afterwards it
// is on the disk, and so is everything that was stored before.
func (c Collection) SetLocal(ctx context.Context, id, expect string, body []byte) (rev string, err error) {
	err = c.access.Durable(ctx, func(tx *store.Tx) error {
		rev, err = tx.SetLocal(c.coll, id, expect, body)
		return err
	})
	return rev, err
}
