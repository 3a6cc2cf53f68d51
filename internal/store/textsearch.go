package store

import (
	"time"

	"github.com/tandemdb/tandem/internal/query/eval"
	"github.com/tandemdb/tandem/internal/query/fulltext"
	"github.com/tandemdb/tandem/internal/query/plan"
	"github.com/tandemdb/tandem/internal/query/sql"
	"github.com/tandemdb/tandem/internal/query/syntax"
	"github.com/tandemdb/tandem/internal/query/value"
	"github.com/tandemdb/tandem/internal/store/queries"
)

// textSearch is a full-text search of a query.
type textSearch struct {
	index  sql.TextIndex
	search fulltext.Search
	ranked bool
}

// textSearches reads the texts of a query's searches, and enters their indexes in its tables.
func (tx *Tx) textSearches(q *plan.Query, params map[string]value.Value, tables map[plan.Collection]sql.Table) (all []textSearch, err error) {
	for _, m := range q.Matches {
		of := q.Sources[m.Source].Collection
		r, x, err := tx.textIndex(of, m.Index)
		if err != nil {
			return nil, err
		}
		t := tables[of]
		if t.Texts == nil {
			t.Texts = map[string]sql.TextIndex{}
		}
		t.Texts[m.Index] = x
		tables[of] = t
		s, err := readSearch(m, params, *r.Text, x)
		if err != nil {
			return nil, err
		}
		all = append(all, textSearch{x, s, m.Ranked})
	}
	return all, nil
}

// textIndex finds an index that a query names.
func (tx *Tx) textIndex(of plan.Collection, name string) (*indexRecord, sql.TextIndex, error) {
	c, err := tx.Collection(of.Scope, of.Name)
	if err != nil {
		return nil, sql.TextIndex{}, err
	}
	r, err := tx.indexRecord(c, name)
	switch {
	case err != nil:
	case r == nil || r.Text == nil:
		err = syntax.Failed("there is no full-text index %q in %s", name, c.FullName()).
			Try("create one with Collection.CreateIndex, or tandem index create --fulltext")
	default:
		err = r.ready("full-text")
	}
	if err != nil {
		return nil, sql.TextIndex{}, err
	}
	x, err := r.texts(c)
	return r, x, err
}

// usable reports whether queries can use the index: it is built, and by this version of Tandem.
func (r *indexRecord) usable() bool { return r.Position == nil && r.Built == r.versions() }

// ready refuses an index that queries cannot use.
func (r *indexRecord) ready(kind string) error {
	switch {
	case r.Built != r.versions():
		return syntax.Failed("the %s index %q was built by another version of Tandem", kind, r.Name).
			Try("open the database for writing, which builds it anew")
	case r.Position != nil:
		return syntax.Failed("the %s index %q is not built yet", kind, r.Name).
			Try("create it again, which continues the building, or wait for the program that builds it")
	}
	return nil
}

// readSearch reads the text of a search. A value that is no text or number has no words.
func readSearch(m plan.Search, params map[string]value.Value, o fulltext.Options, x sql.TextIndex) (fulltext.Search, error) {
	v, err := eval.Constant(m.Text, params, time.Local)
	if err != nil {
		return fulltext.Search{}, syntax.Failed("%v", err)
	}
	text := ""
	if v.Kind() == value.String || v.IsNumber() {
		text = v.Display()
	}
	columns := make([]string, len(x.Paths))
	for i, p := range x.Paths {
		columns[i] = plan.PathName(p)
	}
	s, err := fulltext.Parse(text, fulltext.NewTokenizer(o), columns)
	if err != nil {
		return s, syntax.Failed("the text of MATCH() is wrong: %v", err)
	}
	return s, nil
}

// search makes the searches of a query ready to run: they find what the transaction has changed, and know the totals of
// their ranks.
func (tx *Tx) search(run *queryRun) error {
	for _, s := range run.nearest {
		run.values.Nearest = append(run.values.Nearest, tx.nearest(s))
	}
	if len(run.searches) == 0 {
		return nil
	}
	runner := tx.c.queries
	if err := runner.EnableFullText(); err != nil {
		return err
	}
	if tx.group != nil {
		if err := runner.ApplyTexts(); err != nil {
			return textFault(err, "run query", tx.db.path)
		}
	}
	for _, s := range run.searches {
		v := queries.Search{Query: s.search.Query()}
		if s.ranked {
			var err error
			if v.Totals, err = runner.Totals(s.index, s.search); err != nil {
				return err
			}
		}
		run.values.Searches = append(run.values.Searches, v)
	}
	return nil
}
