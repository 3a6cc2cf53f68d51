package store

import (
	"context"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/tandemdb/tandem/internal/query/eval"
	"github.com/tandemdb/tandem/internal/query/plan"
	"github.com/tandemdb/tandem/internal/query/sql"
	"github.com/tandemdb/tandem/internal/query/syntax"
	"github.com/tandemdb/tandem/internal/query/value"
	"github.com/tandemdb/tandem/internal/store/queries"
)

// Catalog returns the collections under the names that queries use: `_` and the database's own name
// stand for the default collection.
func (tx *Tx) Catalog() (plan.Catalog, error) {
	all, err := tx.Collections()
	if err != nil {
		return nil, err
	}
	c := catalog{database: tx.db.Name(), known: map[plan.Collection]bool{}, tx: tx}
	for _, coll := range all {
		c.known[plan.Collection{Scope: coll.scope, Name: coll.name}] = true
		c.names = append(c.names, coll.FullName())
	}
	return c, nil
}

type catalog struct {
	database string
	known    map[plan.Collection]bool
	names    []string
	tx       *Tx
}

func (c catalog) Collections() []string { return c.names }

func (c catalog) Collection(scope, name string) (plan.Collection, bool) {
	found := plan.Collection{Scope: scope, Name: name}
	if scope == "" || scope == "_" {
		found.Scope = DefaultName
	}
	if scope == "" && !c.known[found] && (name == "_" || name == c.database) {
		found.Name = DefaultName
	}
	return found, c.known[found]
}

// Query runs a query within the transaction and calls row for each row until row fails. row must
// not keep its argument. Query fails with fault.InvalidParam, with fault.InvalidQuery if the query
// cannot run with these parameters or exceeds a limit, or with fault.NotFound if a collection was deleted.
func (tx *Tx) Query(
	ctx context.Context, q *plan.Query, params map[string]value.Value, l QueryLimits, row func(*queries.Rows) error,
) error {
	_, err := tx.QueryScanned(ctx, q, params, l, row)
	return err
}

// QueryCount returns how many rows a query has, or as [Tx.Query] fails.
func (tx *Tx) QueryCount(ctx context.Context, q *plan.Query, params map[string]value.Value, l QueryLimits) (int64, error) {
	return tx.number(ctx, (*sql.Statement).Count, q, params, l)
}

// QueryExists returns whether a query has rows, or as [Tx.Query] fails.
func (tx *Tx) QueryExists(ctx context.Context, q *plan.Query, params map[string]value.Value, l QueryLimits) (bool, error) {
	n, err := tx.number(ctx, (*sql.Statement).Exists, q, params, l)
	return n != 0, err
}

// number runs the statement that is made of a query's, and has one number.
func (tx *Tx) number(
	ctx context.Context, of func(*sql.Statement) *sql.Statement, q *plan.Query, params map[string]value.Value, l QueryLimits,
) (n int64, err error) {
	run, err := tx.translate(q, params)
	if err != nil {
		return 0, err
	}
	run.statement = of(run.statement)
	err = tx.run(ctx, run, l, eachRow(func(rows *queries.Rows) error {
		n = rows.Value(0).Int()
		return nil
	}))
	return n, err
}

// QueryScanned is [Tx.Query], and returns how many rows the query has read one after another without an index. SQLite counts the steps to the next row: the first row of a scan within another is
// missing, and the only row of a collection.
func (tx *Tx) QueryScanned(
	ctx context.Context, q *plan.Query, params map[string]value.Value, l QueryLimits, row func(*queries.Rows) error,
) (n int64, err error) {
	run, err := tx.translate(q, params)
	if err != nil {
		return 0, err
	}
	err = tx.run(ctx, run, l, func(rows *queries.Rows) error {
		rows.Scanned() // an earlier run is not counted
		err := eachRow(row)(rows)
		if n = rows.Scanned(); n > 0 {
			n++ // the first row
		}
		return err
	})
	return n, err
}

// eachRow calls row for each row, until row fails.
func eachRow(row func(*queries.Rows) error) func(*queries.Rows) error {
	return func(rows *queries.Rows) error {
		for rows.Next() {
			if err := row(rows); err != nil {
				return err
			}
		}
		return nil
	}
}

// run runs a query. use takes its rows.
func (tx *Tx) run(ctx context.Context, run *queryRun, l QueryLimits, use func(*queries.Rows) error) error {
	return tx.limited(ctx, l, func() error {
		if err := tx.search(run); err != nil {
			return tx.queryFault(ctx, err, l)
		}
		rows, err := tx.c.queries.Run(run.statement, run.values)
		if err != nil {
			return tx.queryFault(ctx, err, l)
		}
		defer tx.c.widen()
		defer rows.Close()
		if err := use(rows); err != nil {
			return err
		}
		return tx.queryFault(ctx, rows.Err(), l)
	})
}

// SchemaVersion returns a number that changes with the collections and indexes.
func (tx *Tx) SchemaVersion() (version int64, err error) {
	s, err := tx.stmt(sqlSchemaVersion)
	if err != nil {
		return 0, err
	}
	err = query(s, func(s *sqlite3.Stmt) error { version = s.ColumnInt64(0); return nil })
	return version, sqlFault(err, "use database", tx.db.path)
}

// ExplainQuery returns the SQL of a query, and SQLite's plan with one step per line.
func (tx *Tx) ExplainQuery(q *plan.Query, params map[string]value.Value) (text string, steps []string, err error) {
	run, err := tx.translate(q, params)
	if err == nil {
		err = tx.search(run)
	}
	if err != nil {
		return "", nil, err
	}
	steps, err = tx.c.queries.Explain(run.statement, run.values)
	return run.statement.Text, steps, tx.queryFault(tx.ctx, err, QueryLimits{})
}

// queryRun is a query that is translated for one run.
type queryRun struct {
	statement *sql.Statement
	values    queries.Values
	searches  []textSearch    // their values are still to be found out
	nearest   []nearestSearch // likewise
}

func (tx *Tx) translate(q *plan.Query, params map[string]value.Value) (run *queryRun, err error) {
	if err := tx.inSQLite("run query"); err != nil {
		return nil, err
	}
	run = &queryRun{values: queries.Values{Params: params, Now: tx.now.UnixMilli()}}
	if err := q.CheckParams(params); err != nil {
		return nil, err
	}
	tables, err := tx.tables(q)
	if err != nil {
		return nil, err
	}
	if run.searches, err = tx.textSearches(q, params, tables); err != nil {
		return nil, err
	}
	if run.nearest, err = tx.nearestSearches(q, params, tables); err != nil {
		return nil, err
	}
	v := &run.values
	if v.Limit, v.Offset, err = eval.Limits(q, eval.Input{Params: params, Location: time.Local}); err != nil {
		return nil, syntax.Failed("%v", err)
	}
	if err := nearestLimit(q, *v); err != nil {
		return nil, err
	}
	run.statement, err = sql.Translate(q, func(c plan.Collection) sql.Table { return tables[c] }, time.Local)
	return run, err
}

// CollectionsOf returns the collections that a query reads, each once. It fails with fault.NotFound if one was deleted.
func (tx *Tx) CollectionsOf(q *plan.Query) (all []*Collection, err error) {
	known := map[plan.Collection]bool{}
	for _, src := range q.Sources {
		if src.Items != nil || known[src.Collection] {
			continue
		}
		known[src.Collection] = true
		c, err := tx.Collection(src.Collection.Scope, src.Collection.Name)
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}

// tables looks up the tables of a query's collections.
func (tx *Tx) tables(q *plan.Query) (map[plan.Collection]sql.Table, error) {
	tables := map[plan.Collection]sql.Table{}
	for _, src := range q.Sources {
		if src.Items != nil {
			continue
		}
		c, err := tx.Collection(src.Collection.Scope, src.Collection.Name)
		if err != nil {
			return nil, err
		}
		t := sql.Table{Name: forCollection("docs_#", c.id)}
		if tx.group == nil { // in a writing transaction the counters are saved only with the commit
			t.Live = forCollection("SELECT live FROM collections WHERE id = #", c.id)
		}
		if t.NotIndexed = tx.db.unindexed; !t.NotIndexed && q.GoesThroughArrays() {
			if t.Arrays, err = tx.arrayIndexes(c); err != nil {
				return nil, err
			}
		}
		if q.GroupBy != nil && q.Limit != nil && !t.NotIndexed {
			if t.Leading, err = tx.leadingTerms(c); err != nil {
				return nil, err
			}
		}
		tables[src.Collection] = t
	}
	return tables, nil
}
