package store

import (
	"context"
	"errors"

	"github.com/ncruces/go-sqlite3"

	"github.com/tandemdb/tandem/internal/document"
	"github.com/tandemdb/tandem/internal/fault"
)

// DefaultName is the name of the default collection, and of its scope.
const DefaultName = "_default"

// Collection names one collection of a database. It is immutable and safe for concurrent use. After
// the collection is deleted, every use fails with fault.NotFound, even if a new collection has the
// same name.
type Collection struct {
	id          int64
	scope, name string
}

// Number returns the collection's number. No other collection of the database has or will have it.
func (c *Collection) Number() int64 { return c.id }

// Scope returns the name of the collection's scope.
func (c *Collection) Scope() string { return c.scope }

// Name returns the collection's name within its scope.
func (c *Collection) Name() string { return c.name }

// FullName returns "scope.name".
func (c *Collection) FullName() string { return c.scope + "." + c.name }

// Collections lists the collections by scope and name.
func (db *DB) Collections(ctx context.Context) (all []*Collection, err error) {
	err = db.View(ctx, func(tx *Tx) error {
		all, err = tx.Collections()
		return err
	})
	return all, err
}

// Collection returns an existing collection, or fault.NotFound.
func (db *DB) Collection(ctx context.Context, scope, name string) (c *Collection, err error) {
	err = db.View(ctx, func(tx *Tx) error {
		c, err = tx.Collection(scope, name)
		return err
	})
	return c, err
}

// CreateCollection returns the collection of that name, and creates it if necessary. It fails with
// fault.Invalid if a name is too long or has characters that are not allowed.
func (db *DB) CreateCollection(ctx context.Context, scope, name string) (c *Collection, err error) {
	if err := document.CheckCollectionName(scope, name); err != nil {
		return nil, err
	}
	if !db.readersBehind.Load() || db.options.ReadOnly {
		if c, err := db.Collection(ctx, scope, name); err == nil {
			return c, nil
		}
	}
	err = db.Update(ctx, func(tx *Tx) error {
		c, err = tx.CreateCollection(scope, name)
		return err
	})
	if err == nil {
		db.readersBehind.Store(true)
	}
	return c, err
}

// CreateCollection is [DB.CreateCollection] within a transaction.
func (tx *Tx) CreateCollection(scope, name string) (c *Collection, err error) {
	if err := document.CheckCollectionName(scope, name); err != nil {
		return nil, err
	}
	if c, err := tx.Collection(scope, name); !errors.Is(err, fault.NotFound) {
		return c, err
	}
	err = tx.atomic(func() error {
		c, err = tx.rows.addCollection(scope, name, more)
		return sqlFault(err, "create collection", scope+"."+name)
	})
	return c, err
}

// DeleteCollection removes a collection with all its documents. The default collection
// cannot be deleted (fault.Invalid); one that does not exist gives fault.NotFound.
func (db *DB) DeleteCollection(ctx context.Context, scope, name string) error {
	if scope == DefaultName && name == DefaultName {
		return fault.Invalid.In("delete collection", scope+"."+name).Says("the default collection cannot be deleted")
	}
	return db.Update(ctx, func(tx *Tx) error { return tx.deleteCollection(scope, name) })
}

func (tx *Tx) deleteCollection(scope, name string) error {
	c, err := tx.Collection(scope, name)
	if err != nil {
		return err
	}
	if err := tx.beginWrite(more); err != nil {
		return err
	}
	if err := tx.notePurgedAll(c); err != nil {
		return err
	}
	if err := tx.forgetIndexes(c); err != nil {
		return err
	}
	s := tx.state
	s.deleted = append(s.deleted, c.id)
	return sqlFault(tx.rows.dropCollection(c, more), "delete collection", c.FullName())
}

// Collections lists the collections by scope and name.
func (tx *Tx) Collections() (all []*Collection, err error) {
	all, err = tx.rows.collections()
	return all, sqlFault(err, "list collections", tx.db.path)
}

// Collection returns an existing collection, or fault.NotFound.
func (tx *Tx) Collection(scope, name string) (*Collection, error) {
	number, err := tx.rows.collection(scope, name)
	c := &Collection{id: number, scope: scope, name: name}
	if err != nil {
		return nil, sqlFault(err, "open collection", c.FullName())
	}
	if c.id == 0 {
		return nil, fault.NotFound.In("open collection", c.FullName()).Says("there is no such collection").
			Try("create it, or list the collections there are")
	}
	return c, nil
}

// exists reports whether c still exists.
func (tx *Tx) exists(c *Collection) (bool, error) {
	now, err := tx.Collection(c.scope, c.name)
	if errors.Is(err, fault.NotFound) {
		return false, nil
	}
	return err == nil && now.id == c.id, err
}

// fault describes err, which arose while op was done to document id of c. It reports a missing
// table as a deleted collection.
func (tx *Tx) fault(c *Collection, err error, op, id string) error {
	if err == nil || tx.over {
		return err
	}
	var code sqlite3.ErrorCode
	if errors.As(err, &code) && code == sqlite3.ERROR {
		if exists, findErr := tx.exists(c); findErr == nil && !exists {
			return fault.NotFound.In(op, id).Says("the collection %s was deleted", c.FullName())
		}
	}
	return fault.About(sqlFault(err, op, id), op, id)
}
