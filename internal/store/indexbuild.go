package store

import (
	"context"
	"runtime"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/query/plan"
)

// indexStep is how many documents enter an index in one transaction, so that others write between them.
const indexStep = 1000

// Progress is told how many documents of about how many a building index has.
type Progress func(done, total int64)

// CreateIndex creates an index in c, in place of another of its name. One of the same definition stays. It
// fails with fault.Invalid for a name, and fault.InvalidQuery for an expression that cannot be.
//
// SQLite builds an index of documents with one statement, during which nobody else can write. Others
// are built in steps, and are used from the last one on. Steps that are cut off are gone on with by the next CreateIndex
// of the same definition, or by [DB.Compact].
func (db *DB) CreateIndex(ctx context.Context, c *Collection, i Index, progress Progress) error {
	if err := db.onlyInFolders("create index", queryHint); err != nil {
		return err
	}
	if !i.inSteps() {
		return db.Update(ctx, func(tx *Tx) error { return tx.CreateIndex(c, i, progress) })
	}
	err := db.Update(ctx, func(tx *Tx) error { return tx.beginIndex(c, i) })
	if err != nil {
		return err
	}
	return db.fillIndex(ctx, c, i, progress)
}

// fillIndex takes the remaining steps of building an index.
func (db *DB) fillIndex(ctx context.Context, c *Collection, i Index, progress Progress) error {
	var done int64
	for {
		var n, live int64
		err := db.Update(ctx, func(tx *Tx) (err error) {
			if n, err = tx.fillStep(c, i); err != nil {
				return err
			}
			k, err := tx.counters(c)
			live = k.live
			return err
		})
		if err != nil {
			return err
		}
		done += n
		if n < indexStep {
			progress.tell(done, done)
			if err := db.tellDoubts(ctx, c, i); err != nil {
				return err
			}
			return db.trainIndex(ctx, c, i, runtime.GOMAXPROCS(0))
		}
		progress.tell(done, max(live, done))
	}
}

func (p Progress) tell(done, total int64) {
	if p != nil {
		p(done, total)
	}
}

// CreateIndex is [DB.CreateIndex] within a transaction.
func (tx *Tx) CreateIndex(c *Collection, i Index, progress Progress) error {
	if err := tx.inSQLite("create index"); err != nil {
		return err
	}
	return tx.atomic(func() error {
		if !i.inSteps() {
			return tx.createValueIndex(c, i, progress)
		}
		if err := tx.beginIndex(c, i); err != nil {
			return err
		}
		for {
			if n, err := tx.fillStep(c, i); err != nil || n < indexStep {
				return err
			}
		}
	})
}

func (tx *Tx) createValueIndex(c *Collection, i Index, progress Progress) error {
	statement, err := tx.mayCreate(c, i)
	if err != nil || statement == "" {
		return err
	}
	if err := tx.saveIndex(c, indexRecord{Index: i, Built: i.versions()}); err != nil {
		return err
	}
	if err := tx.raiseFormat(indexedFormat); err != nil {
		return err
	}
	return tx.watched(c, i, progress, statement)
}

// watched runs the statement that builds an index of documents, and ends it with the context.
func (tx *Tx) watched(c *Collection, i Index, progress Progress, statement string) error {
	bound, where, err := i.bound(plan.Expressions)
	if err != nil {
		return err
	}
	k, err := tx.counters(c)
	if err != nil {
		return err
	}
	properties := int64(max(1, plan.Properties(append(bound, where)...)))
	defer tx.c.queries.Watch(func(calls int64) error {
		progress.tell(min(calls/properties, k.live), k.live)
		return tx.ctx.Err()
	})()
	err = tx.c.passing(func() error { return tx.c.Exec(statement) })
	if ctxErr := tx.ctx.Err(); err != nil && ctxErr != nil {
		return ctxErr
	}
	return sqlFault(err, "create index", i.Name)
}

// beginIndex creates an index that no document has entered, unless it is there.
func (tx *Tx) beginIndex(c *Collection, i Index) error {
	return tx.atomic(func() error {
		if changed, err := tx.redefine(c, i); err != nil || changed {
			return err
		}
		statement, err := tx.mayCreate(c, i)
		if err != nil || statement == "" {
			return err
		}
		if err := tx.saveIndex(c, indexRecord{Index: i, Built: i.versions(), Position: new(Sequence)}); err != nil {
			return err
		}
		return tx.changeIndex(i, statement, "create index")
	})
}

// mayCreate checks an index and removes another of its name. It returns the SQL that creates the index, "" if it is
// there.
func (tx *Tx) mayCreate(c *Collection, i Index) (string, error) {
	if i.Name == "" || strings.ContainsAny(i.Name, "\"\x00") {
		return "", fault.Invalid.In("create index", i.Name).Says("the name of an index has at least one character, and no quote")
	}
	statement, err := i.create(c)
	if err != nil {
		return "", err
	}
	if _, err := tx.Collection(c.scope, c.name); err != nil {
		return "", err
	}
	old, err := tx.Index(c, i.Name)
	if err != nil || old != nil && old.equal(i) {
		return "", err
	}
	if err := tx.otherCase(c, i.Name); err != nil {
		return "", err
	}
	return statement, tx.DeleteIndex(c, i.Name)
}

// otherCase refuses the name of an index that SQLite takes for the name of another.
func (tx *Tx) otherCase(c *Collection, name string) error {
	return tx.eachIndex(c, func(r indexRecord) error {
		if r.Name == name || !strings.EqualFold(r.Name, name) {
			return nil
		}
		return fault.Invalid.In("create index", name).Says("there is an index %q, whose name differs by the case of letters only", r.Name).
			Try("choose another name, or delete that index first")
	})
}

// fillStep lets the next documents enter an index, and returns how many: fewer than indexStep at the end.
func (tx *Tx) fillStep(c *Collection, i Index) (n int64, err error) {
	err = tx.atomic(func() error {
		r, err := tx.indexRecord(c, i.Name)
		if err != nil {
			return err
		}
		if r == nil || !r.equal(i) {
			return fault.NotFound.In("create index", i.Name).Says("somebody has deleted the index meanwhile")
		}
		if r.Position == nil {
			return nil
		}
		var last Sequence
		if n, last, err = tx.stepEnd(c, *r.Position); err != nil {
			return err
		}
		if err := tx.enter(c, i, *r.Position, last); err != nil {
			return err
		}
		if r.Position = &last; n < indexStep {
			r.Position = nil
		}
		return tx.saveIndex(c, *r)
	})
	return n, err
}

// stepEnd counts the documents of a step, and returns the sequence of its last one.
func (tx *Tx) stepEnd(c *Collection, after Sequence) (n int64, last Sequence, err error) {
	last = after
	text := forCollection(`SELECT count(*), max(seq) FROM (SELECT seq FROM docs_# WHERE seq > ? ORDER BY seq LIMIT ?)`, c.id)
	err = tx.once(text, func(s *sqlite3.Stmt) error {
		if n = s.ColumnInt64(0); n > 0 {
			last = Sequence(s.ColumnInt64(1))
		}
		return nil
	}, int64(after), int64(indexStep))
	return n, last, err
}

// enter lets documents of a range of sequences enter an index.
func (tx *Tx) enter(c *Collection, i Index, after, last Sequence) error {
	if err := tx.beginWrite(more); err != nil {
		return err
	}
	if i.Text != nil {
		return tx.enterText(c, i, after, last)
	}
	if i.Vector != nil {
		return tx.enterVectors(c, i, after, last)
	}
	x, err := i.arrays(c)
	if err != nil {
		return err
	}
	return tx.once(x.Fill(), nil, int64(after), int64(last))
}

// once runs a statement that is not worth keeping prepared.
func (tx *Tx) once(text string, row func(*sqlite3.Stmt) error, args ...any) error {
	return tx.onceTo("use database", text, row, args...)
}

// onceTo is once for an operation that its errors name.
func (tx *Tx) onceTo(op, text string, row func(*sqlite3.Stmt) error, args ...any) error {
	if err := tx.alive(); err != nil {
		return err
	}
	s, _, err := tx.c.Prepare(text)
	if err != nil {
		return sqlFault(err, op, tx.db.path)
	}
	defer s.Close()
	return sqlFault(query(s, row, args...), op, tx.db.path)
}
