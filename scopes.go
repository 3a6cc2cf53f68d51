package tandem

import (
	"context"
	"slices"

	"github.com/tandemdb/tandem/internal/document"
	"github.com/tandemdb/tandem/internal/store"
)

// DefaultName is the name of the default collection, and of the scope it is in.
const DefaultName = store.DefaultName

// ParseCollectionName reads "scope.collection", or "collection" in the default scope. A name
// that breaks the rules is [ErrInvalid]: see [Database.CreateCollection].
func ParseCollectionName(text string) (scope, name string, err error) {
	return document.ParseCollectionName(text)
}

// Scopes lists the scopes that have collections, by name.
func (db *Database) Scopes(ctx context.Context) ([]string, error) {
	all, err := db.Collections(ctx)
	if err != nil {
		return nil, err
	}
	var scopes []string
	for _, c := range all {
		scopes = append(scopes, c.Scope())
	}
	slices.Sort(scopes)
	return slices.Compact(scopes), nil
}

// Collections lists the collections of all scopes, by scope and name. The default one is
// always among them.
func (db *Database) Collections(ctx context.Context) ([]*Collection, error) {
	var stored []*store.Collection
	err := db.view(ctx, func(tx *store.Tx) (err error) {
		stored, err = tx.Collections()
		return err
	})
	if err != nil {
		return nil, err
	}
	all := make([]*Collection, len(stored))
	for i, coll := range stored {
		all[i] = &Collection{db: db, coll: coll}
	}
	return all, nil
}

// Collection returns an existing collection, or [ErrNotFound].
func (db *Database) Collection(ctx context.Context, scope, name string) (*Collection, error) {
	var coll *store.Collection
	err := db.view(ctx, func(tx *store.Tx) (err error) {
		coll, err = tx.Collection(scope, name)
		return err
	})
	return db.collection(coll, err)
}

// DefaultCollection returns the collection "_default._default", which every database has.
func (db *Database) DefaultCollection(ctx context.Context) (*Collection, error) {
	return db.Collection(ctx, DefaultName, DefaultName)
}

// CreateCollection returns the collection of that name, and creates it if there is none. Scope
// and name have each 1 to 251 of the characters A-Z a-z 0-9 _ % -, and do not begin with _ or
// %; "_default" is a scope too. The error for others is [ErrInvalid].
func (db *Database) CreateCollection(ctx context.Context, scope, name string) (*Collection, error) {
	b, err := db.toChange(ctx, "create collection")
	switch {
	case err != nil: // but one that exists needs no change
		if coll, findErr := db.Collection(ctx, scope, name); findErr == nil {
			return coll, nil
		}
		return nil, err
	case b != nil:
		return b.CreateCollection(scope, name)
	}
	return db.collection(db.store.CreateCollection(ctx, scope, name))
}

// DeleteCollection removes a collection with all its documents. The removal is not synced. It
// fails with [ErrNotFound] if there is no such collection, and with [ErrInvalid] for the default
// collection.
func (db *Database) DeleteCollection(ctx context.Context, scope, name string) error {
	if err := db.toChangeAlone(ctx, "delete collection"); err != nil {
		return err
	}
	return db.store.DeleteCollection(ctx, scope, name)
}

func (db *Database) collection(coll *store.Collection, err error) (*Collection, error) {
	if err != nil {
		return nil, err
	}
	return &Collection{db: db, coll: coll}, nil
}
