package store

import (
	"fmt"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/query/eval"
	"github.com/tandemdb/tandem/internal/query/fulltext"
	"github.com/tandemdb/tandem/internal/query/plan"
	"github.com/tandemdb/tandem/internal/query/sql"
	"github.com/tandemdb/tandem/internal/query/syntax"
	"github.com/tandemdb/tandem/internal/query/value"
	"github.com/tandemdb/tandem/internal/store/queries"
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

// textTables looks up the full-text indexes that a query searches.
func (tx *Tx) textTables(q *plan.Query, tables map[plan.Collection]sql.Table) error {
	for _, m := range q.Matches {
		of := q.Sources[m.Source].Collection
		c, err := tx.Collection(of.Scope, of.Name)
		if err != nil {
			return err
		}
		r, err := tx.indexRecord(c, m.Index)
		switch {
		case err != nil:
			return err
		case r == nil || r.Text == nil:
			return syntax.Failed("there is no full-text index %q in %s", m.Index, c.FullName())
		case r.Built != r.versions():
			return syntax.Failed("the full-text index %q was built by another version of Tandem", m.Index).
				Try("open the database for writing, which builds it anew")
		case r.Position != nil:
			return syntax.Failed("the full-text index %q is not built yet", m.Index).
				Try("create it again, which continues the building, or wait for the program that builds it")
		}
		x, err := r.texts(c)
		if err != nil {
			return err
		}
		t := tables[of]
		if t.Texts == nil {
			t.Texts = map[string]sql.TextIndex{}
		}
		t.Texts[m.Index] = x
		tables[of] = t
	}
	return nil
}

// searches reads the texts of a query's searches, and counts for the ranks.
func (tx *Tx) searches(q *plan.Query, params map[string]value.Value, tables map[plan.Collection]sql.Table) ([]queries.Search, error) {
	if len(q.Matches) == 0 {
		return nil, nil
	}
	runner := tx.c.queries
	if err := runner.EnableFullText(); err != nil {
		return nil, sqlFault(err, "run query", tx.db.path)
	}
	if tx.group != nil { // what the transaction has changed so far is found, too
		if err := runner.ApplyTexts(); err != nil {
			return nil, sqlFault(err, "run query", tx.db.path)
		}
	}
	all := make([]queries.Search, len(q.Matches))
	for i, m := range q.Matches {
		of := q.Sources[m.Source].Collection
		s, err := tx.search(of, m, params)
		if err != nil {
			return nil, err
		}
		all[i].Query = s.Query()
		if !m.Ranked {
			continue
		}
		if all[i].Totals, err = runner.Totals(tables[of].Texts[m.Index], s); err != nil {
			return nil, interrupted(tx.ctx, sqlFault(err, "run query", tx.db.path))
		}
	}
	return all, nil
}

// search reads the text of a search.
func (tx *Tx) search(of plan.Collection, m plan.Search, params map[string]value.Value) (fulltext.Search, error) {
	v, err := eval.Constant(m.Text, params, time.Local)
	if err != nil {
		return fulltext.Search{}, syntax.Failed("%v", err)
	}
	text := ""
	if v.Kind() == value.String {
		text = v.Text()
	} else if v.IsNumber() {
		text = v.Display()
	}
	c, err := tx.Collection(of.Scope, of.Name)
	if err != nil {
		return fulltext.Search{}, err
	}
	r, err := tx.indexRecord(c, m.Index)
	if err != nil {
		return fulltext.Search{}, err
	}
	x, err := r.texts(c)
	if err != nil {
		return fulltext.Search{}, err
	}
	names := make([]string, len(x.Paths))
	for i, p := range x.Paths {
		names[i] = plan.PathName(p)
	}
	s, err := fulltext.Parse(text, fulltext.NewTokenizer(*r.Text), names)
	if err != nil {
		return s, syntax.Failed("the text of MATCH() is wrong: %v", err)
	}
	return s, nil
}
