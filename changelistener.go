package tandem

import (
	"context"
	"errors"
	"slices"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/store"
)

// CollectionChange lists the documents of a collection that were saved, deleted or purged by
// this program, a peer or another process. Purges by other processes are not reported.
type CollectionChange struct {
	Collection  *Collection
	DocumentIDs []string // in the order of their changes, at least one
}

// DocumentChange tells that a document has changed.
type DocumentChange struct {
	Collection *Collection
	DocumentID string
}

// AddChangeListener calls fn after documents of any collection have changed, including
// collections created later. Each call is about one collection.
//
// fn is called on a goroutine of its own, one call at a time. It never delays writers: the next
// call reports all changes made while fn ran, each document once. fn may use the database, but
// must not close it. The calls end with [ListenerToken.Remove], and when the database closes,
// which waits for a running call. ctx bounds the start alone. A nil fn is [ErrInvalid].
func (db *Database) AddChangeListener(ctx context.Context, fn func(CollectionChange)) (*ListenerToken, error) {
	if fn == nil {
		return nil, errNoListener
	}
	return db.observe(ctx, &databaseWatch{db: db, fn: fn})
}

// AddChangeListener calls fn after documents of the collection have changed, as
// [Database.AddChangeListener] does. The calls end with the collection, too.
func (c *Collection) AddChangeListener(ctx context.Context, fn func(CollectionChange)) (*ListenerToken, error) {
	if fn == nil {
		return nil, errNoListener
	}
	return c.db.observe(ctx, &collectionWatch{c: c, fn: fn}, c.coll)
}

// AddDocumentChangeListener calls fn after the document with an ID, which need not exist, has
// changed, as [Database.AddChangeListener] does; purges by other processes are reported too.
func (c *Collection) AddDocumentChangeListener(
	ctx context.Context, id string, fn func(DocumentChange),
) (*ListenerToken, error) {
	if fn == nil {
		return nil, errNoListener
	}
	return c.db.observe(ctx, &documentWatch{c: c, id: id, fn: fn}, c.coll)
}

var errNoListener = fault.Invalid.In("add change listener", "").Says("the function is nil")

// collectionWatch follows one collection's changes.
type collectionWatch struct {
	c      *Collection
	fn     func(CollectionChange)
	since  store.Sequence
	purged []string // not told yet
}

func (w *collectionWatch) begin(ctx context.Context) error {
	last, err := w.c.LastSequence(ctx)
	w.since = store.Sequence(last)
	return err
}

func (w *collectionWatch) look(ctx context.Context, purged []store.Purge) error {
	for _, p := range purged {
		if p.Collection.FullName() == w.c.FullName() {
			w.purged = append(w.purged, p.ID)
		}
	}
	for {
		heads, err := w.c.headsSince(ctx, w.since, changesPortion)
		if err != nil {
			return err
		}
		if ids := w.take(heads); len(ids) > 0 && ctx.Err() == nil {
			w.fn(CollectionChange{Collection: w.c, DocumentIDs: ids})
		}
		if len(heads) < changesPortion {
			return ctx.Err()
		}
	}
}

// take gives the IDs to tell, and goes past them.
func (w *collectionWatch) take(heads []*store.Document) []string {
	ids := make([]string, 0, len(heads)+len(w.purged))
	for _, head := range heads {
		ids = append(ids, head.ID)
		w.since = head.Sequence
	}
	for _, id := range w.purged {
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	w.purged = nil
	return ids
}

// databaseWatch follows the changes of all collections.
type databaseWatch struct {
	db  *Database
	fn  func(CollectionChange)
	all map[string]*collectionWatch // by full name
}

func (w *databaseWatch) begin(ctx context.Context) error {
	all, err := w.db.Collections(ctx)
	if err != nil {
		return err
	}
	w.all = make(map[string]*collectionWatch)
	for _, c := range all {
		one := &collectionWatch{c: c, fn: w.fn}
		if err := one.begin(ctx); err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		w.all[c.FullName()] = one
	}
	return nil
}

func (w *databaseWatch) look(ctx context.Context, purged []store.Purge) error {
	collections, err := w.db.Collections(ctx)
	if err != nil {
		return err
	}
	all := make(map[string]*collectionWatch, len(collections))
	for _, c := range collections {
		one := w.all[c.FullName()]
		if one == nil {
			one = &collectionWatch{c: c, fn: w.fn}
		}
		err := one.look(ctx, purged)
		if errors.Is(err, ErrNotFound) { // it was deleted; c may have got its name
			one = &collectionWatch{c: c, fn: w.fn}
			err = one.look(ctx, purged)
		}
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		all[c.FullName()] = one
	}
	w.all = all
	return nil
}

// documentWatch follows one document.
type documentWatch struct {
	c   *Collection
	id  string
	fn  func(DocumentChange)
	rev revision.ID // "" for none
}

func (w *documentWatch) begin(ctx context.Context) (err error) {
	w.rev, err = w.current(ctx)
	return err
}

func (w *documentWatch) look(ctx context.Context, _ []store.Purge) error {
	rev, err := w.current(ctx)
	if err != nil || rev == w.rev || ctx.Err() != nil {
		return err
	}
	w.rev = rev
	w.fn(DocumentChange{Collection: w.c, DocumentID: w.id})
	return nil
}

func (w *documentWatch) current(ctx context.Context) (rev revision.ID, err error) {
	err = w.c.db.view(ctx, func(tx *store.Tx) error {
		heads, err := tx.Heads(w.c.coll, []string{w.id})
		if err == nil && heads[0] != nil {
			rev = heads[0].Rev.ID
		}
		return err
	})
	return rev, err
}
