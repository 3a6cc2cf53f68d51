package queries

import (
	"errors"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"github.com/tandemdb/tandem/internal/query/collation"
	"github.com/tandemdb/tandem/internal/query/fulltext"
	"github.com/tandemdb/tandem/internal/query/function"
	"github.com/tandemdb/tandem/internal/query/sql"
	"github.com/tandemdb/tandem/internal/query/value"
	"github.com/tandemdb/tandem/internal/query/vector"
)

// Runner runs queries on one connection.
type Runner struct {
	c     *sqlite3.Conn
	idle  map[string]*sqlite3.Stmt // prepared statements that do not run, by their text
	calls int64                    // to find a property, since watch was set
	watch func(int64) error        // nil if nobody does

	asking  int       // queries that take a step; a function that fails then fails them
	cursors []*cursor // in the items of arrays, by number; nil where one was closed
	grouped groupedRows
	another bool // statement has to take the place of the last one, which has failed

	fullText bool            // FTS5 is there
	changed  map[string]bool // the full-text indexes that have to follow changes
	hits     []int64         // of the phrase that Totals counts, by column

	lists map[string]*vector.Lists // the centroids of vector indexes, by their tables and tokens
	share func(token string, read func() (*vector.Lists, error)) (*vector.Lists, error)
}

// The bounds of the statements that a connection keeps.
const (
	maxIdle     = 50
	maxIdleText = 16 << 10
)

// Prepare registers on a connection everything that queries need.
func Prepare(c *sqlite3.Conn) (*Runner, error) {
	r := &Runner{c: c, idle: map[string]*sqlite3.Stmt{}}
	if err := r.register(c); err != nil {
		return nil, err
	}
	return r, nil
}

// Close lets go of the statements that are kept.
func (r *Runner) Close() {
	for _, stmt := range r.idle {
		_ = stmt.Close() // its last run had no error
	}
	clear(r.idle)
}

// watchedCalls is how many calls lie between those of a function given to [Runner.Watch].
const watchedCalls = 1000

// Watch has f called now and then, with the number of times that the running statement has looked for a property
// in a document. An error of f ends the statement. The result ends the watch.
func (r *Runner) Watch(f func(calls int64) error) (end func()) {
	r.calls, r.watch = 0, f
	return func() { r.watch = nil }
}

// called counts a call.
func (r *Runner) called(ctx sqlite3.Context) {
	if r.calls++; r.calls%watchedCalls != 0 {
		return
	}
	if err := r.watch(r.calls); err != nil {
		ctx.ResultError(err)
	}
}

// Versions names the versions of what indexes are built with. An index that has another is not what this program
// would build.
func Versions() string {
	return "functions " + function.Version + ", collations " + collation.Version + ", triggers " + sql.TriggerVersion
}

// TextVersions is [Versions] for full-text indexes.
func TextVersions() string {
	return Versions() + ", words " + fulltext.Version + ", text triggers " + sql.TextTriggerVersion
}

// VectorVersions is [Versions] for vector indexes.
func VectorVersions() string { return Versions() + ", vector triggers " + sql.VectorTriggerVersion }

// Values are the values that a statement's parameters are bound to.
type Values struct {
	Params        map[string]value.Value
	Now           int64 // Unix milliseconds
	Limit, Offset int64 // Limit -1 means no limit
	Searches      []Search
	Nearest       []*Nearest
}

func (v Values) of(b sql.Binding) value.Value {
	switch b.Kind {
	case sql.Now:
		return value.OfInt(v.Now)
	case sql.Limit:
		return value.OfInt(v.Limit)
	case sql.Offset:
		return value.OfInt(v.Offset)
	case sql.Search:
		return value.OfString(v.Searches[b.Number].Query)
	case sql.Totals:
		return value.OfString(v.Searches[b.Number].Totals)
	case sql.Param, sql.Target:
	}
	p := v.Params[b.Param]
	switch {
	case b.Form == sql.Key:
		return p.Untagged()
	case b.Form == sql.List && p.Kind() != value.Array:
		return value.Value{}
	}
	return p
}

// Run begins a query. The rows must be closed before the connection ends its transaction.
func (r *Runner) Run(s *sql.Statement, v Values) (*Rows, error) {
	stmt, err := r.prepare(s.Text, s.Bindings, v)
	if err != nil {
		return nil, err
	}
	return &Rows{runner: r, s: s, values: v, stmt: stmt}, nil
}

// Explain returns SQLite's plan of a query, one step per element.
func (r *Runner) Explain(s *sql.Statement, v Values) (steps []string, err error) {
	stmt, err := r.prepare("EXPLAIN QUERY PLAN "+s.Text, s.Bindings, v)
	if err != nil {
		return nil, err
	}
	for stmt.Step() {
		steps = append(steps, stmt.ColumnText(3))
	}
	err = stmt.Err()
	_ = stmt.Close() // reports the step's error again
	return steps, err
}

func (r *Runner) prepare(text string, bindings []sql.Binding, v Values) (*sqlite3.Stmt, error) {
	stmt := r.idle[text]
	delete(r.idle, text) // the same query may run twice at a time
	if stmt == nil {
		var err error
		if stmt, _, err = r.c.Prepare(text); err != nil {
			return nil, err
		}
	}
	for i, b := range bindings {
		if err := bind(stmt, i+1, b, v); err != nil {
			_ = stmt.Close() // err came first
			return nil, err
		}
	}
	return stmt, nil
}

func bind(s *sqlite3.Stmt, param int, b sql.Binding, v Values) error {
	if b.Kind == sql.Target {
		return s.BindPointer(param, v.Nearest[b.Number])
	}
	return bindValue(s, param, v.of(b))
}

// keep has a statement that runs no more for the next run of the same query. SQLite prepares it anew if the
// collections or indexes change.
func (r *Runner) keep(text string, stmt *sqlite3.Stmt) {
	if len(text) > maxIdleText || r.idle[text] != nil || stmt.Reset() != nil || stmt.ClearBindings() != nil {
		_ = stmt.Close() // reports the last step's error again
		return
	}
	if len(r.idle) >= maxIdle {
		r.Close()
	}
	r.idle[text] = stmt
}

// Rows iterates over the rows of a running query.
type Rows struct {
	runner *Runner
	s      *sql.Statement
	values Values
	stmt   *sqlite3.Stmt // nil if another could not take its place
	err    error         // why not
}

// Next advances to the next row and reports whether there is one.
func (r *Rows) Next() bool {
	if r.stmt == nil || r.step() {
		return r.stmt != nil
	}
	return r.runner.another && r.sort() && r.Next()
}

func (r *Rows) step() bool {
	r.runner.asking++
	defer func() { r.runner.asking-- }()
	return r.stmt.Step()
}

// sort begins the query anew with the statement that always ends.
func (r *Rows) sort() bool {
	r.Close()
	r.runner.another = false
	r.s = r.s.Sorting
	r.stmt, r.err = r.runner.prepare(r.s.Text, r.s.Bindings, r.values)
	r.Scanned() // an earlier run is not counted
	return r.err == nil
}

// Scanned returns how many steps from row to row the query has made without an index since the last call.
func (r *Rows) Scanned() int64 {
	if r.stmt == nil {
		return 0
	}
	return int64(r.stmt.Status(sqlite3.STMTSTATUS_FULLSCAN_STEP, true))
}

// Err returns the error that ended Next, or nil at the end of the rows.
func (r *Rows) Err() error {
	if r.stmt == nil {
		return r.err
	}
	return r.stmt.Err()
}

// Close ends the query.
func (r *Rows) Close() {
	clear(r.runner.grouped.rows)
	if r.stmt != nil {
		r.runner.keep(r.s.Text, r.stmt)
	}
}

// AppendJSON appends the JSON of a column, and reports false for MISSING.
func (r *Rows) AppendJSON(dst []byte, column int) ([]byte, bool) {
	if r.stmt.ColumnType(column) == sqlite3.NULL {
		return dst, false
	}
	if r.s.Columns[column] == sql.Written {
		return append(dst, r.stmt.ColumnRawText(column)...), true
	}
	return r.value(column).AppendJSON(dst), true
}

// Value returns the value of a column.
func (r *Rows) Value(column int) value.Value {
	if r.s.Columns[column] == sql.Written && r.stmt.ColumnType(column) == sqlite3.TEXT {
		return value.FromJSON(r.stmt.ColumnRawText(column))
	}
	return r.value(column)
}

func (r *Rows) value(column int) value.Value {
	var v value.Value
	switch r.stmt.ColumnType(column) {
	case sqlite3.INTEGER:
		v = value.OfInt(r.stmt.ColumnInt64(column))
	case sqlite3.FLOAT:
		v = value.OfDouble(r.stmt.ColumnFloat(column))
	case sqlite3.TEXT:
		v = value.OfString(r.stmt.ColumnText(column))
	case sqlite3.BLOB:
		v = sql.ParseBlob(r.stmt.ColumnRawBlob(column))
	case sqlite3.NULL:
	}
	if r.s.Columns[column] == sql.Truth && v.Kind() == value.Int {
		return value.OfBool(v.Int() != 0)
	}
	return v
}

// Complaint returns the text of an error with which a function refuses its arguments, or SQLite
// refuses a query. It reports false for other errors, such as those of the disk.
func Complaint(err error) (string, bool) {
	if !errors.Is(err, sqlite3.ERROR) {
		return "", false
	}
	text := err.Error()
	for _, prefix := range []string{"sqlite3: SQL logic error: ", "sqlite3: "} {
		text = strings.TrimPrefix(text, prefix)
	}
	return text, true
}
