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

// Catalog returns the collections under the names that queries use: `_` and the database's own name
// stand for the default collection.
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

// Query runs a query within the transaction and calls row for each row until row fails. row must
// not keep its argument. Query fails with fault.InvalidParam, with fault.InvalidQuery if the query
// cannot run with these parameters, or with fault.NotFound if a collection was deleted.
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

// ExplainQuery returns the SQL of a query, and SQLite's plan with one step per line.
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
		tables[src.Collection] = t
	}
	return tables, nil
}

// queryFault describes why a valid query failed while it ran: a function failed, or a sum was too
// large.
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
