package tandem

import (
	"context"
	"encoding/json"
	"maps"
	"strings"
	"sync"

	"github.com/tandemdb/tandem/failure"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/query/plan"
	"github.com/tandemdb/tandem/internal/query/syntax"
	"github.com/tandemdb/tandem/internal/query/value"
	"github.com/tandemdb/tandem/internal/store"
)

// QueryError tells why a query is invalid, or has failed: package failure has its fields. It matches
// [ErrInvalidQuery].
type QueryError = failure.QueryError

// Query is a compiled SQL++ query, which may be run many times. docs/queries.md describes the
// language. All methods may be called from any goroutine.
type Query struct {
	db   *Database
	text string
	plan *plan.Query

	mu     sync.Mutex // guards the following
	params map[string]value.Value
}

// Parameters are the values of a query's parameters by their names without $. A value becomes JSON as
// [Document.Encode] has it. A parameter that is not given is missing, as a property that a document lacks.
//
// Wherever parameters are given, a struct or another map does as well, which becomes a JSON object by the rules of
// encoding/json, with the parameters as its members.
type Parameters map[string]any

// CreateQuery compiles a query. An error about the text is a [*QueryError].
func (db *Database) CreateQuery(text string) (*Query, error) {
	return db.compile(context.Background(), text)
}

func (db *Database) compile(ctx context.Context, text string) (q *Query, err error) {
	err = db.view(ctx, func(tx *store.Tx) error {
		q, err = db.compileIn(tx, text)
		return err
	})
	return q, err
}

func (db *Database) compileIn(tx *store.Tx, text string) (*Query, error) {
	s, err := syntax.Parse(text)
	if err != nil {
		return nil, err
	}
	catalog, err := tx.Catalog()
	if err != nil {
		return nil, err
	}
	p, err := plan.Of(s, catalog)
	if err != nil {
		return nil, err
	}
	return &Query{db: db, text: text, plan: p}, nil
}

// Columns returns the names of the result columns: an alias, or the last name of a property, or $1, $2 and so on.
func (q *Query) Columns() []string { return q.plan.ColumnNames() }

// SetParameters replaces the parameters for later runs. It fails with [ErrInvalidParameter] if the
// query has no such parameter, or with [ErrBadJSON].
func (q *Query) SetParameters(p any) error {
	params, err := q.encode(p)
	if err != nil {
		return err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.params = params
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

// parametersOf returns the parameters that a struct or map has.
func parametersOf(given any) (Parameters, error) {
	if p, ok := given.(Parameters); ok || given == nil {
		return p, nil
	}
	text, err := encode(given)
	if err != nil {
		return nil, fault.About(err, "set parameters", "")
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(text, &members) != nil { // it is no object
		return nil, fault.InvalidParam.In("set parameters", "").Says("%T has no names of parameters", given).
			Try(`give tandem.Parameters{"name": value}, a struct or a map`)
	}
	p := Parameters{}
	for name, member := range members {
		p[name] = member
	}
	return p, nil
}

// with returns the parameters of one run: the given ones, and the set ones for the rest.
func (q *Query) with(given []any) (map[string]value.Value, error) {
	q.mu.Lock()
	params := maps.Clone(q.params)
	q.mu.Unlock()
	for _, p := range given {
		more, err := q.encode(p)
		if err != nil {
			return nil, err
		}
		if params == nil {
			params = map[string]value.Value{}
		}
		maps.Copy(params, more)
	}
	return params, nil
}

// Explain returns how the query would be run, for people: its SQL, and the plan of SQLite, in which SCAN reads a whole
// collection, SEARCH uses an index, and a TEMP B-TREE sorts. Its form may change.
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
