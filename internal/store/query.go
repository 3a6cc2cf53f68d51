package store

import (
	"time"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/query/eval"
	"github.com/tandemdb/tandem/internal/query/plan"
	"github.com/tandemdb/tandem/internal/query/sql"
	"github.com/tandemdb/tandem/internal/query/value"
	"github.com/tandemdb/tandem/internal/store/queries"
)

// Catalog returns the collections as queries name them: `_` and the database's own name stand for the default one.
func (tx *Tx) Catalog() (plan.Catalog, error) {
	all, err := tx.Collections()
	if err != nil {
		return nil, err
	}
	c := catalog{database: tx.db.Name(), known: map[plan.Collection]bool{}}
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

// Query runs a query on what the transaction sees, and calls row for each of its rows until row fails. The rows
// may not be kept. It fails with fault.InvalidParam, fault.InvalidQuery when the query cannot be run with these
// parameters, or fault.NotFound when a collection is gone.
func (tx *Tx) Query(q *plan.Query, params map[string]value.Value, row func(*queries.Rows) error) error {
	s, v, runner, err := tx.translate(q, params)
	if err != nil {
		return err
	}
	rows, err := runner.Run(s, v)
	if err != nil {
		return tx.queryFault(err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows); err != nil {
			return err
		}
	}
	return tx.queryFault(rows.Err())
}

// ExplainQuery returns the SQL of a query and SQLite's plan of it, a step a line.
func (tx *Tx) ExplainQuery(q *plan.Query, params map[string]value.Value) (text string, steps []string, err error) {
	s, v, runner, err := tx.translate(q, params)
	if err != nil {
		return "", nil, err
	}
	steps, err = runner.Explain(s, v)
	return s.Text, steps, tx.queryFault(err)
}

func (tx *Tx) translate(q *plan.Query, params map[string]value.Value) (*sql.Statement, queries.Values, *queries.Runner, error) {
	v := queries.Values{Params: params, Now: tx.now.UnixMilli()}
	if err := q.CheckParams(params); err != nil {
		return nil, v, nil, err
	}
	tables, err := tx.tables(q)
	if err != nil {
		return nil, v, nil, err
	}
	if v.Limit, v.Offset, err = eval.Limits(q, eval.Input{Params: params, Location: time.Local}); err != nil {
		return nil, v, nil, fault.InvalidQuery.Because(err)
	}
	s, err := sql.Translate(q, func(c plan.Collection) sql.Table { return tables[c] }, time.Local)
	if err != nil {
		return nil, v, nil, err
	}
	return s, v, tx.c.queries, err
}

// tables finds the tables of a query's collections.
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
		if tx.group == nil { // a writer's counters are saved with the commit
			t.Live = forCollection("SELECT live FROM collections WHERE id = #", c.id)
		}
		tables[src.Collection] = t
	}
	return tables, nil
}

// queryFault says what SQLite has against a query that was found valid: a function of it has failed, a sum is too large.
func (tx *Tx) queryFault(err error) error {
	if err == nil {
		return nil
	}
	if ctxErr := tx.ctx.Err(); ctxErr != nil {
		return interrupted(tx.ctx, err)
	}
	if text, ok := queries.Complaint(err); ok {
		return fault.InvalidQuery.Says("the query failed: %s", text)
	}
	return sqlFault(err, "run query", tx.db.path)
}
