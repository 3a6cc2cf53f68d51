package store

import (
	"context"

	"github.com/ncruces/go-sqlite3"
)

// UpgradeVersioning makes new edits get version vectors. Documents keep the tree revisions
// they have until they are edited. There is no way back. It does nothing where version
// vectors are in use already.
func (db *DB) UpgradeVersioning(ctx context.Context) error {
	return db.set(ctx, metaVersioning, string(VersionVectors))
}

// KeepBases says whether the body that a change replaces is kept until the next change, so
// that clients of a listener can be sent deltas. What known remotes have is kept in any case.
// The setting is part of the database, so that other processes heed it too.
func (db *DB) KeepBases(ctx context.Context, keep bool) error {
	var value int64
	if keep {
		value = 1
	}
	return db.set(ctx, metaKeepBases, value)
}

// set changes a setting, for every process that has the database open.
func (db *DB) set(ctx context.Context, key string, value any) error {
	return db.Update(ctx, func(tx *Tx) error {
		if err := tx.beginWrite(last); err != nil {
			return err
		}
		db.writer.state.settings = true
		return sqlFault(tx.c.set(key, value), "set "+key, db.path)
	})
}

// reload reads what other commits may have changed of the writer's state.
func (w *writer) reload() error {
	w.state.fresh = false // so that a failure below is tried again
	clock, err := readTime(w.c, metaClock)
	if err != nil {
		return err
	}
	reserved, err := readTime(w.c, metaReserved)
	if err != nil {
		return err
	}
	versioning, err := readVersioning(w.c)
	if err != nil {
		return err
	}
	keep := false
	err = w.c.get(metaKeepBases, func(s *sqlite3.Stmt) { keep = s.ColumnBool(0) })
	if err != nil {
		return err
	}
	w.db.versioning.Store(&versioning)
	w.db.keepsBases.Store(keep)
	purged, err := readTime(w.c, metaPurged)
	if err != nil {
		return err
	}
	// After a start the clock begins past what was reserved then, unless that was far ahead and given up.
	w.state.clock, w.state.reserved = max(clock, min(w.db.meta.reserved, reserved)), reserved
	w.state.latestPurged, w.state.purges = purged, 0
	w.state.counters, w.state.fresh = nil, true
	return nil
}
