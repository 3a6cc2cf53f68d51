package store

import (
	"context"
	"errors"
	"sync"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/store/row"
)

// hub is what a DB has in place of a folder's files where its rows are in an engine that several nodes share.
type hub struct {
	rows     row.Database
	writer   *hubWriter
	stop     context.CancelFunc // of the watch
	watching context.Context    //nolint:containedctx // of the watch, which ends with Close

	hold   holdTimes // of the lock of all nodes
	duties nodeDuties
	mail   chan struct{} // capacity 1: the inbox has letters
	mu     sync.Mutex    // guards reborn
	reborn chan struct{} // closed and replaced when the engine has lost commits
}

// Reborn returns a channel that is closed when the database has lost commits that peers may have seen: sessions with
// them are to begin again. It is nil for a database in a folder.
func (db *DB) Reborn() <-chan struct{} {
	if db.hub == nil {
		return nil
	}
	db.hub.mu.Lock()
	defer db.hub.mu.Unlock()
	return db.hub.reborn
}

// NodeStats counts what this node does with the engine; ok is false for a database in a folder.
func (db *DB) NodeStats() (stats row.Stats, ok bool) {
	if db.hub == nil {
		return row.Stats{}, false
	}
	return db.hub.rows.Stats(), true
}

// renew closes the channel of [DB.Reborn].
func (h *hub) renew() {
	h.mu.Lock()
	defer h.mu.Unlock()
	close(h.reborn)
	h.reborn = make(chan struct{})
}

// OpenHub opens the database at a URL of an engine, and creates a missing one unless [Options].MustExist is
// set. It fails as [Open] does, and with fault.Unsupported for options that only folders have.
func OpenHub(ctx context.Context, engine row.Engine, url string, o Options) (*DB, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	if o.Secret != nil {
		return nil, fault.Unsupported.In("open database", "").Says("the encryption of a database of nodes is its engine's").
			Try("leave the key out, and encrypt the disks of the database server")
	}
	o = o.withDefaults()
	return openHub(ctx, engine, url, o, nil)
}

func openHub(ctx context.Context, engine row.Engine, url string, o Options, copyOf *[16]byte) (*DB, error) {
	rows, err := engine.Open(ctx, url, row.Options{
		Versioning: string(o.Versioning), MustExist: o.MustExist, ReadOnly: o.ReadOnly, Logger: o.Logger, CopyOf: copyOf,
	})
	if err != nil {
		return nil, err
	}
	db := startHub(rows, o)
	if err := db.readPast(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// readPast reads which databases this one was copied from, and whom it has met.
func (db *DB) readPast(ctx context.Context) error {
	return db.View(ctx, func(tx *Tx) error {
		text, err := tx.Info(hubPrevious, hubPrevious)
		if err != nil {
			return err
		}
		db.meta.previous = previousIn(text)
		settings, err := tx.rows.settings()
		db.setMet(settings[metaMet])
		return err
	})
}

func startHub(rows row.Database, o Options) *DB {
	is := rows.Identity()
	versioning := Versioning(is.Versioning)
	db := &DB{
		path: rows.Place(), options: o, bounded: make(map[string]int),
		meta:    meta{public: is.Public, private: is.Private, source: is.Source, versioning: versioning},
		closing: make(chan struct{}), done: make(chan struct{}),
	}
	db.versioning.Store(&versioning)
	db.met.Store(new(string))
	db.hub = &hub{rows: rows, hold: usualHold, mail: make(chan struct{}, 1), reborn: make(chan struct{})}
	db.hub.duties = nodeDuties{renewal: dutyRenewal, unsure: dutyUnsure, holders: make(map[string]int)}
	db.hub.watching, db.hub.stop = context.WithCancel(context.Background())
	db.hub.writer = newHubWriter(db)
	expirer := newExpirer(db)
	db.signals.expiry = expirer.wake
	db.work.Go(db.hub.writer.run)
	db.work.Go(func() {
		rows.Watch(db.hub.watching, row.News{
			Changed: func() {
				db.signals.notifyAll()
				db.signals.wakeExpirer()
			},
			Reborn: db.hub.renew,
			Mail:   func() { signal(db.hub.mail) },
		})
	})
	if !o.ReadOnly && !o.making {
		db.work.Go(func() { takeMail(db) })
		db.work.Go(expirer.run)
	}
	return db
}

// close ends the DB, after all work on it.
func (h *hub) close() { h.rows.Close() }

// view is [DB.View].
func (h *hub) view(ctx context.Context, db *DB, fn func(*Tx) error) error {
	isUndone := func(err error) bool { return errors.Is(err, row.ErrUndone) }
	return repeatWhile(ctx, isUndone, repeatPause, func() error { return h.viewOnce(ctx, db, fn) })
}

// viewOnce is [DB.ViewOnce].
func (h *hub) viewOnce(ctx context.Context, db *DB, fn func(*Tx) error) (err error) {
	r, err := h.rows.Read(ctx)
	if err != nil {
		return fault.About(err, "read database", db.path)
	}
	tx := &Tx{db: db, ctx: ctx, now: db.options.Now()}
	tx.rows = &hubRows{tx: tx, r: r}
	defer func() {
		if p := recover(); p != nil {
			err = fault.Unexpected.In("read database", db.path).Says("the function panicked: %v", p)
		}
		tx.end()
		r.End()
	}()
	err = fn(tx)
	if ctx.Err() != nil && err != nil && !errors.Is(err, ctx.Err()) && fault.Of(err) == nil {
		return ctx.Err()
	}
	return err
}

// onlyInFolders is the error of what needs a folder.
func (db *DB) onlyInFolders(op, hint string) error {
	if db.hub == nil {
		return nil
	}
	return fault.Unsupported.In(op, db.path).Says("a database in PostgreSQL cannot do that").Try(hint)
}

const queryHint = "ask the tables by SQL: each collection has one, named scope.name, with the documents as jsonb in the column doc"
