package store

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"

	"github.com/ncruces/go-sqlite3"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/query/syntax"
)

// damage describes an index that disagrees with the documents.
type damage struct {
	collection *Collection
	index      indexRecord
	what       string
}

// damagedIndexes checks all indexes.
func (tx *Tx) damagedIndexes() (all []damage, err error) {
	var of *Collection
	var integrity func() ([]string, error) // of its table, which all its indexes share
	err = tx.eachCollectionIndex(func(c *Collection, r indexRecord) error {
		if of != c {
			of, integrity = c, sync.OnceValues(func() ([]string, error) { return tx.integrity(c) })
		}
		what, err := tx.indexDamage(c, r, integrity)
		if what != "" {
			all = append(all, damage{c, r, what})
		}
		return err
	})
	return all, err
}

func (tx *Tx) eachCollectionIndex(yield func(*Collection, indexRecord) error) error {
	collections, err := tx.Collections()
	if err != nil {
		return err
	}
	for _, c := range collections {
		if err := tx.eachIndex(c, func(r indexRecord) error { return yield(c, r) }); err != nil {
			return err
		}
	}
	return nil
}

// indexDamage describes the damage of an index, or returns "" for a sound index.
func (tx *Tx) indexDamage(c *Collection, r indexRecord, integrity func() ([]string, error)) (what string, err error) {
	switch {
	case r.Built != r.versions():
		return "it was built by another version of Tandem", nil
	case r.Position != nil:
		return "its building was cut off", nil
	case r.Text != nil:
		return tx.textDamage(c, r.Index)
	case r.Vector != nil:
		return tx.vectorDamage(c, r.Index)
	case r.Array != "":
		return tx.arrayDamage(c, r)
	}
	there := false
	name := indexName(c, r.Name)
	err = tx.once(`SELECT 1 FROM sqlite_schema WHERE type = 'index' AND name = ?`, func(*sqlite3.Stmt) error { there = true; return nil }, name)
	if err == nil && !there {
		return "it is not in the file", nil
	}
	if err != nil {
		return "", err
	}
	said, err := integrity()
	for _, text := range said {
		if before, ours := strings.CutSuffix(text, " index "+name); ours {
			return before + " it", err
		}
	}
	return "", err
}

// mostFaults is how many faults SQLite finds in a table before it gives up: a second damaged index may
// hide behind the first one.
const mostFaults = 100

// integrity returns what SQLite finds wrong with the table of a collection and its indexes: one fault of
// each at least.
func (tx *Tx) integrity(c *Collection) (all []string, err error) {
	err = tx.once(fmt.Sprintf(`PRAGMA integrity_check('%s')`, forCollection("docs_#", c.id)), func(s *sqlite3.Stmt) error {
		all = append(all, s.ColumnText(0))
		return nil
	})
	if err != nil || len(all) < mostFaults {
		return all, err
	}
	all = nil
	known := map[string]bool{} // by what follows the number of the row
	// The check of a single table takes no limit, so this is the check of all.
	err = tx.once(fmt.Sprintf(`PRAGMA integrity_check(%d)`, math.MaxInt32), func(s *sqlite3.Stmt) error {
		text := s.ColumnText(0)
		_, of, _ := strings.Cut(text, " index ")
		if !known[of] {
			known[of] = true
			all = append(all, text)
		}
		return nil
	})
	return all, err
}

// arrayDamage compares an index of arrays with the documents.
func (tx *Tx) arrayDamage(c *Collection, r indexRecord) (what string, err error) {
	x, err := r.arrays(c)
	if err != nil {
		return "", err
	}
	for _, trigger := range []string{" insert", " update", " delete"} {
		what = "a trigger is missing"
		err := tx.once(`SELECT 1 FROM sqlite_schema WHERE type = 'trigger' AND name = ?`, func(*sqlite3.Stmt) error { what = ""; return nil }, x.Table+trigger)
		if err != nil || what != "" {
			return what, err
		}
	}
	err = tx.once(x.Absent()+" LIMIT 1", func(s *sqlite3.Stmt) error {
		what = fmt.Sprintf("an item of document %q is missing from it", s.ColumnText(0))
		return nil
	})
	if err != nil || what != "" {
		err = readable(err, &what)
		return what, err
	}
	var has, want int64
	count := func(n *int64) func(*sqlite3.Stmt) error {
		return func(s *sqlite3.Stmt) error { *n = s.ColumnInt64(0); return nil }
	}
	if err = tx.once(`SELECT count(*) FROM `+quotedName(x.Table), count(&has)); err == nil {
		err = tx.once(x.Entries(), count(&want))
	}
	if err == nil && has != want {
		what = fmt.Sprintf("it has %d entries, and should have %d", has, want)
	}
	err = readable(err, &what)
	return what, err
}

// readable turns an error with which SQLite reports a broken index into a description of the
// damage.
func readable(err error, what *string) error {
	if errors.Is(err, fault.CorruptData) || errors.Is(err, sqlite3.ERROR) {
		*what = err.Error()
		return nil
	}
	return err
}

// repairIndexes builds damaged indexes anew. The search runs beside other transactions.
func (db *DB) repairIndexes(ctx context.Context) error {
	var found []damage
	err := db.View(ctx, func(tx *Tx) (err error) {
		found, err = tx.damagedIndexes()
		return err
	})
	if err != nil {
		return err
	}
	for _, d := range found {
		if err := db.rebuildIndex(ctx, d.collection, d.index); err != nil {
			return err
		}
	}
	return nil
}

// rebuildIndex builds an index anew, unless somebody has changed it meanwhile.
func (db *DB) rebuildIndex(ctx context.Context, c *Collection, r indexRecord) error {
	gone := false
	err := db.Update(ctx, func(tx *Tx) error {
		return tx.atomic(func() error {
			now, err := tx.indexRecord(c, r.Name)
			if err != nil {
				return err
			}
			if gone = now == nil || !now.equal(r.Index); gone {
				return nil
			}
			if kept, err := tx.keepLazy(c, r); err != nil || kept {
				return err
			}
			if err := tx.DeleteIndex(c, r.Name); err != nil {
				return err
			}
			if r.inSteps() {
				return tx.beginIndex(c, r.Index)
			}
			return tx.createValueIndex(c, r.Index, nil)
		})
	})
	if err != nil || gone || !r.inSteps() {
		return err
	}
	return db.fillIndex(ctx, c, r.Index, nil)
}

// refreshIndexes rebuilds indexes that were built with other versions of functions and collations.
// Such an index could miss documents or sort them differently.
func (db *DB) refreshIndexes(ctx context.Context) error {
	type stale struct {
		c *Collection
		r indexRecord
	}
	var all []stale
	err := db.View(ctx, func(tx *Tx) error {
		return tx.eachCollectionIndex(func(c *Collection, r indexRecord) error {
			if r.Built != r.versions() {
				all = append(all, stale{c, r})
			}
			return nil
		})
	})
	if err != nil || len(all) == 0 {
		return err
	}
	if db.options.ReadOnly {
		db.unindexed = true
		return nil
	}
	for _, s := range all {
		if err := db.rebuildIndex(ctx, s.c, s.r); err != nil {
			return tooNewIndex(s.r.Name, err)
		}
	}
	return nil
}

// tooNewIndex is the error for an index with functions that only a later version of this package
// knows.
func tooNewIndex(name string, err error) error {
	var invalid *syntax.Error
	if !errors.As(err, &invalid) {
		return err
	}
	return fault.TooNew.In("build index", name).Because(err).Try("update this program")
}
