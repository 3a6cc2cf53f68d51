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

	// Documents holds the documents of DocumentIDs, in the same order, as the changes left them;
	// nil stands for a purged document. It is empty without [ChangeOptions].Documents.
	Documents []*Document
}

// DocumentChange tells that a document has changed.
type DocumentChange struct {
	Collection *Collection
	DocumentID string

	// Document is the document as the change left it, nil if it was purged, or without
	// [ChangeOptions].Documents.
	Document *Document
}

// AddChangeListener calls fn after documents of any collection have changed, including
// collections created later. Each call is about one collection.
//
// fn is called on a goroutine of its own, one call at a time. It never delays writers: the next
// call reports all changes made while fn ran, each document once. fn may use the database, but
// must not close it. The calls end with [ListenerToken.Remove], and when the database closes;
// closing waits for a running call. ctx bounds only the start. A nil fn is [ErrInvalid].
func (db *Database) AddChangeListener(
	ctx context.Context, fn func(CollectionChange), options ...ChangeOptions,
) (*ListenerToken, error) {
	if fn == nil {
		return nil, errNoListener
	}
	return db.observe(ctx, &databaseWatch{db: db, fn: fn, documents: withDocuments(options)})
}

// AddChangeListener calls fn after documents of the collection have changed, as
// [Database.AddChangeListener] does. The calls end with the collection, too.
func (c *Collection) AddChangeListener(
	ctx context.Context, fn func(CollectionChange), options ...ChangeOptions,
) (*ListenerToken, error) {
	if fn == nil {
		return nil, errNoListener
	}
	return c.db.observe(ctx, newCollectionWatch(c, fn, withDocuments(options)), c.coll)
}

// AddDocumentChangeListener calls fn after the document with the given ID has changed, as
// [Database.AddChangeListener] does. The document need not exist. Purges by other processes are
// reported too.
func (c *Collection) AddDocumentChangeListener(
	ctx context.Context, id string, fn func(DocumentChange), options ...ChangeOptions,
) (*ListenerToken, error) {
	if fn == nil {
		return nil, errNoListener
	}
	return c.db.observe(ctx, &documentWatch{c: c, id: id, fn: fn, document: withDocuments(options)}, c.coll)
}

var errNoListener = fault.Invalid.In("add change listener", "").Says("the function is nil")

// collectionWatch follows one collection's changes.
type collectionWatch struct {
	feed   changeFeed
	fn     func(CollectionChange)
	purged []string // not reported yet
}

func newCollectionWatch(c *Collection, fn func(CollectionChange), documents bool) *collectionWatch {
	return &collectionWatch{feed: changeFeed{c: c, documents: documents}, fn: fn}
}

func (w *collectionWatch) begin(ctx context.Context) error {
	last, err := w.feed.c.LastSequence(ctx)
	w.feed.since = store.Sequence(last)
	return err
}

func (w *collectionWatch) look(ctx context.Context, purged []store.Purge) error {
	for _, p := range purged {
		if p.Collection.FullName() == w.feed.c.FullName() {
			w.purged = append(w.purged, p.ID)
		}
	}
	for more := true; more; {
		var docs []*store.Document
		var err error
		docs, more, err = w.feed.next(ctx)
		if err != nil {
			return err
		}
		if change := w.take(docs); len(change.DocumentIDs) > 0 && ctx.Err() == nil {
			w.fn(change)
		}
	}
	return ctx.Err()
}

// take returns the change to report, and moves past it.
func (w *collectionWatch) take(docs []*store.Document) CollectionChange {
	change := CollectionChange{Collection: w.feed.c, DocumentIDs: make([]string, 0, len(docs)+len(w.purged))}
	add := func(id string, d *Document) {
		change.DocumentIDs = append(change.DocumentIDs, id)
		if w.feed.documents {
			change.Documents = append(change.Documents, d)
		}
	}
	for _, doc := range docs {
		add(doc.ID, w.feed.changeOf(doc).Document)
		w.feed.since = doc.Sequence
	}
	for _, id := range w.purged {
		if !slices.Contains(change.DocumentIDs, id) {
			add(id, nil)
		}
	}
	w.purged = nil
	return change
}

// databaseWatch follows the changes of all collections.
type databaseWatch struct {
	db        *Database
	fn        func(CollectionChange)
	documents bool
	all       map[string]*collectionWatch // by full name
}

func (w *databaseWatch) begin(ctx context.Context) error {
	all, err := w.db.Collections(ctx)
	if err != nil {
		return err
	}
	w.all = make(map[string]*collectionWatch)
	for _, c := range all {
		one := newCollectionWatch(c, w.fn, w.documents)
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
			one = newCollectionWatch(c, w.fn, w.documents)
		}
		err := one.look(ctx, purged)
		if errors.Is(err, ErrNotFound) { // it was deleted; c may have got its name
			one = newCollectionWatch(c, w.fn, w.documents)
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
	c        *Collection
	id       string
	fn       func(DocumentChange)
	document bool        // reads it, too
	rev      revision.ID // "" for none
}

func (w *documentWatch) begin(ctx context.Context) (err error) {
	_, err = w.changed(ctx)
	return err
}

func (w *documentWatch) look(ctx context.Context, _ []store.Purge) error {
	change, err := w.changed(ctx)
	if err != nil || change == nil || ctx.Err() != nil {
		return err
	}
	w.fn(*change)
	return nil
}

// changed returns the change since the last call, or nil.
func (w *documentWatch) changed(ctx context.Context) (change *DocumentChange, err error) {
	err = w.c.db.view(ctx, func(tx *store.Tx) error {
		heads, err := tx.Heads(w.c.coll, []string{w.id})
		if err != nil {
			return err
		}
		var rev revision.ID
		if heads[0] != nil {
			rev = heads[0].Rev.ID
		}
		if rev == w.rev {
			return nil
		}
		change = &DocumentChange{Collection: w.c, DocumentID: w.id}
		if w.document && heads[0] != nil {
			doc, err := tx.Document(w.c.coll, w.id)
			if err != nil {
				return err
			}
			change.Document = stored(w.c, doc)
		}
		w.rev = rev
		return nil
	})
	return change, err
}
