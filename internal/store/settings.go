package store

import (
	"context"

	"github.com/ncruces/go-sqlite3"
)

// UpgradeVersioning makes new edits use version vectors. Documents keep their tree revisions until
// they are edited. The upgrade cannot be undone. If the database uses version vectors already, alone or for
// [Both], it does nothing.
func (db *DB) UpgradeVersioning(ctx context.Context) error {
	if db.Versioning() == Both {
		return db.View(ctx, func(*Tx) error { return nil }) // which a closed database refuses
	}
	return db.set(ctx, metaVersioning, string(VersionVectors))
}

// KeepBases sets whether the body that a change replaces stays until the next change, so that a
// listener can send deltas to its clients. Bodies that known remotes have are kept in any case. The
// database stores the setting, so that other processes follow it.
func (db *DB) KeepBases(ctx context.Context, keep bool) error {
	var value int64
	if keep {
		value = 1
	}
	return db.set(ctx, metaKeepBases, value)
}

// set changes a setting for every process that has the database open.
func (db *DB) set(ctx context.Context, key string, value any) error {
	return db.Update(ctx, func(tx *Tx) error {
		tx.state.settings = true
		return sqlFault(tx.rows.set(key, value, last), "set "+key, db.path)
	})
}

// reload reads the part of the writer's state that other processes' commits may have changed.
func (w *writer) reload() error {
	w.state.fresh = false // so that the next transaction tries again after a failure below
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
	branches := false
	if err := w.c.get(metaBranches, func(s *sqlite3.Stmt) { branches = s.ColumnBool(0) }); err != nil {
		return err
	}
	w.db.versioning.Store(&versioning)
	w.db.keepsBases.Store(keep)
	w.db.hasBranches.Store(branches)
	met, err := readMet(w.c)
	if err != nil {
		return err
	}
	w.db.met.Store(&met)
	purged, err := readTime(w.c, metaPurged)
	if err != nil {
		return err
	}
	// After a start the clock begins past the time that was reserved, unless that lay far ahead and
	// was given up.
	w.state.clock, w.state.reserved = max(clock, min(w.db.meta.reserved, reserved)), reserved
	w.state.latestPurged, w.state.purges = purged, 0
	w.state.counters, w.state.fresh = nil, true
	return nil
}
