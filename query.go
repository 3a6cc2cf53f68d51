package tandem

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/tandemdb/tandem/failure"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/query/plan"
	"github.com/tandemdb/tandem/internal/query/syntax"
	"github.com/tandemdb/tandem/internal/query/value"
	"github.com/tandemdb/tandem/internal/store"
)

// QueryError tells why a query is invalid or has failed. See package failure for its fields. It
// matches [ErrInvalidQuery].
type QueryError = failure.QueryError

// Query is a compiled SQL++ query, which may be run many times. docs/queries.md describes the
// language. All methods may be called from any goroutine.
type Query struct {
	db   *Database
	text string
	plan *plan.Query

	mu     sync.Mutex // guards the following
	params map[string]value.Value
	live   map[*liveQuery]struct{} // those that follow it
}

// Parameters maps the names of a query's parameters, without $, to their values. Values are
// encoded by the rules of [Document.Encode]. A parameter without a value is missing, like a
// property that a document lacks.
//
// Functions that take parameters also accept a struct or another map. Package encoding/json
// encodes it as a JSON object, whose members are the parameters.
type Parameters map[string]any

// CreateQuery compiles a query. An error about the text is a [*QueryError].
func (db *Database) CreateQuery(text string) (*Query, error) {
	return db.compile(context.Background(), text)
}

// CreateQuery compiles a query in which _ is this collection, as FROM _; other collections are
// named as in [Database.CreateQuery].
func (c *Collection) CreateQuery(text string) (q *Query, err error) {
	err = c.db.view(context.Background(), func(tx *store.Tx) error {
		q, err = c.db.compileWithin(tx, text, func(all plan.Catalog) plan.Catalog {
			return ofCollection{all, plan.Collection{Scope: c.Scope(), Name: c.Name()}}
		})
		return err
	})
	return q, err
}

// ofCollection is a catalog in which _ is another collection than the default one.
type ofCollection struct {
	plan.Catalog
	own plan.Collection
}

// Collection implements [plan.Catalog].
func (o ofCollection) Collection(scope, name string) (plan.Collection, bool) {
	if scope == "" && name == "_" {
		return o.Catalog.Collection(o.own.Scope, o.own.Name)
	}
	return o.Catalog.Collection(scope, name)
}

func (db *Database) compile(ctx context.Context, text string) (q *Query, err error) {
	err = db.view(ctx, func(tx *store.Tx) error {
		q, err = db.compileIn(tx, text)
		return err
	})
	return q, err
}

func (db *Database) compileIn(tx *store.Tx, text string) (*Query, error) {
	return db.compileWithin(tx, text, func(all plan.Catalog) plan.Catalog { return all })
}

// compileWithin compiles a query whose names of collections mean what the catalog says that view
// makes of the database's.
func (db *Database) compileWithin(tx *store.Tx, text string, view func(plan.Catalog) plan.Catalog) (*Query, error) {
	s, err := syntax.Parse(text)
	if err != nil {
		return nil, err
	}
	catalog, err := tx.Catalog()
	if err != nil {
		return nil, err
	}
	p, err := plan.Of(s, view(catalog))
	if err != nil {
		return nil, err
	}
	return &Query{db: db, text: text, plan: p}, nil
}

// Columns returns the names of the result columns. A column is named by its alias, by the last
// name of its property, or else $1, $2 and so on.
func (q *Query) Columns() []string { return q.plan.ColumnNames() }

// Collections returns the full names of the collections that the query reads, sorted, each once.
func (q *Query) Collections() []string {
	names := make(map[string]bool)
	for _, source := range q.plan.Sources {
		if from := source.Collection; from != (plan.Collection{}) { // UNNEST has none
			names[from.Scope+"."+from.Name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// SetParameters replaces the parameters for later runs. Those who follow the query get its result
// with the new parameters, whether it differs or not. SetParameters fails with
// [ErrInvalidParameter] if the query has no such parameter, or with [ErrBadJSON].
func (q *Query) SetParameters(p any) error {
	params, err := q.encode(p)
	if err != nil {
		return err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.params = params
	for l := range q.live {
		l.mail.Switch(l.query(over(params, l.given)))
	}
	return nil
}

// encode copies parameters as values.
func (q *Query) encode(given any) (map[string]value.Value, error) {
	p, err := parametersOf(given)
	if err != nil {
		return nil, err
	}
	params := make(map[string]value.Value, len(p))
	for name, v := range p {
		text, err := encode(v)
		if err != nil {
			return nil, fault.About(err, "set parameter", "$"+name)
		}
		params[name] = value.FromJSON(text)
	}
	return params, q.plan.CheckParams(params)
}

// parametersOf returns the members of a struct or map as parameters.
func parametersOf(given any) (Parameters, error) {
	if p, ok := given.(Parameters); ok || given == nil {
		return p, nil
	}
	text, err := encode(given)
	if err != nil {
		return nil, fault.About(err, "set parameters", "")
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(text, &members) != nil { // the text is not an object
		return nil, fault.InvalidParam.In("set parameters", "").Says("%T has no names of parameters", given).
			Try(`give tandem.Parameters{"name": value}, a struct or a map`)
	}
	p := Parameters{}
	for name, member := range members {
		p[name] = member
	}
	return p, nil
}

// with returns the parameters of one run. Given parameters override those set before.
func (q *Query) with(given []any) (map[string]value.Value, error) {
	own, err := q.encodeAll(given)
	if err != nil {
		return nil, err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	return over(q.params, own), nil
}

// encodeAll copies all given parameters; the last value of a name counts.
func (q *Query) encodeAll(given []any) (map[string]value.Value, error) {
	params := map[string]value.Value{}
	for _, p := range given {
		more, err := q.encode(p)
		if err != nil {
			return nil, err
		}
		maps.Copy(params, more)
	}
	return params, nil
}

// over returns params, with the values of own in place of those of the same names.
func over(params, own map[string]value.Value) map[string]value.Value {
	all := make(map[string]value.Value, len(params)+len(own))
	maps.Copy(all, params)
	maps.Copy(all, own)
	return all
}

// Explain describes for people how the query would run: its SQL and SQLite's plan. In the plan,
// SCAN reads a whole collection, SEARCH uses an index, and a TEMP B-TREE sorts. The form of the
// description may change.
func (q *Query) Explain(ctx context.Context, given ...any) (string, error) {
	params, err := q.with(given)
	if err != nil {
		return "", err
	}
	var text string
	var steps []string
	err = q.db.view(ctx, func(tx *store.Tx) error {
		text, steps, err = tx.ExplainQuery(q.plan, params)
		return err
	})
	if err != nil {
		return "", err
	}
	return text + "\n\n" + strings.Join(steps, "\n") + "\n", nil
}
