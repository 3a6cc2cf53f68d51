package store

import (
	"errors"
	"fmt"

	"github.com/ncruces/go-sqlite3"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/query/plan"
	"github.com/tandemdb/tandem/internal/query/sql"
	"github.com/tandemdb/tandem/internal/query/syntax"
)

func textName(c *Collection, name string) string { return forCollection("text_#_", c.id) + name }

// texts returns a full-text index.
func (i Index) texts(c *Collection) (x sql.TextIndex, err error) {
	x = sql.TextIndex{Name: textName(c, i.Name), Docs: forCollection("docs_#", c.id), Tokenizer: "tandem " + i.Text.Arguments()}
	terms, where, err := i.bound(plan.Expressions)
	if err != nil {
		return x, err
	}
	x.Where = where
	for _, t := range terms {
		p, ok := t.(*plan.Property)
		if !ok || len(p.Path) == 0 {
			return x, syntax.Errorf(0, "a full-text index takes properties, not expressions")
		}
		x.Paths = append(x.Paths, p.Path)
	}
	if len(x.Paths) == 0 {
		return x, fault.Invalid.In("create index", i.Name).Says("a full-text index needs a property")
	}
	return x, nil
}

// changeIndex runs the SQL that creates or deletes an index.
func (tx *Tx) changeIndex(i Index, statement, op string) error {
	if i.Text != nil {
		if err := tx.c.queries.EnableFullText(); err != nil {
			return sqlFault(err, op, i.Name)
		}
	}
	if err := tx.raiseFormat(i.format()); err != nil {
		return err
	}
	return sqlFault(tx.c.Exec(statement), op, i.Name)
}

// raiseFormat makes programs refuse the database that do not know a format.
func (tx *Tx) raiseFormat(to int64) error {
	version, err := pragma(tx.c, `PRAGMA user_version`)
	if err == nil && version < to {
		err = tx.c.Exec(fmt.Sprintf(`PRAGMA user_version=%d`, to))
	}
	return sqlFault(err, "use database", tx.db.path)
}

// enterText notes documents that a full-text index is to have, and has it read them.
func (tx *Tx) enterText(c *Collection, i Index, after, last Sequence) error {
	x, err := i.texts(c)
	if err != nil {
		return err
	}
	if err := tx.once(x.Fill(), nil, int64(after), int64(last)); err != nil {
		return err
	}
	return sqlFault(tx.c.queries.ApplyText(x.Name), "create index", i.Name)
}

// TextIndexes implements [plan.Catalog].
func (c catalog) TextIndexes(of plan.Collection) (names []string) {
	coll, err := c.tx.Collection(of.Scope, of.Name)
	if err != nil {
		return nil
	}
	_ = c.tx.eachIndex(coll, func(r indexRecord) error { // an error makes the query fail that needs the index
		if r.Text != nil {
			names = append(names, r.Name)
		}
		return nil
	})
	return names
}

// textFault describes an error of a transaction whose changes full-text indexes have to follow. SQLite does not tell
// which table is damaged.
func textFault(err error, op, subject string) error {
	if errors.Is(err, sqlite3.MISMATCH) {
		return fault.TooNew.Says("another version of Tandem has built a full-text index of it anew").
			Try("open the database again, or update this program").In(op, subject).Because(err)
	}
	if errors.Is(err, sqlite3.CORRUPT) || errors.Is(err, sqlite3.CONSTRAINT) {
		return fault.CorruptData.Says("a full-text index, or the database file, is damaged").
			Try("compact the database, which builds a damaged index anew; or restore it from a backup").In(op, subject).Because(err)
	}
	return sqlFault(err, op, subject)
}
