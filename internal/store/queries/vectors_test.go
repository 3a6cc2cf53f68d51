package queries_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/tandemdb/tandem/internal/query/eval"
	"github.com/tandemdb/tandem/internal/query/plan"
	"github.com/tandemdb/tandem/internal/query/querytest"
	"github.com/tandemdb/tandem/internal/query/sql"
	"github.com/tandemdb/tandem/internal/query/syntax"
	"github.com/tandemdb/tandem/internal/query/value"
	"github.com/tandemdb/tandem/internal/store/queries"
)

// database is a connection with a table for each collection.
type database struct {
	*queries.Runner
	conn   *sqlite3.Conn
	data   querytest.Data
	tables map[plan.Collection]string
}

func open(t testing.TB, data querytest.Data) *database {
	t.Helper()
	c, err := sqlite3.Open(":memory:")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	runner, err := queries.Prepare(c)
	if err != nil {
		t.Fatal(err)
	}
	db := &database{runner, c, data, map[plan.Collection]string{}}
	for name, docs := range data {
		db.load(t, name, docs)
	}
	return db
}

func (db *database) load(t testing.TB, name string, docs []querytest.Document) {
	t.Helper()
	scope, coll, _ := strings.Cut(name, ".")
	table := fmt.Sprintf("docs_%d", len(db.tables)+1)
	db.tables[plan.Collection{Scope: scope, Name: coll}] = table
	must(t, db.conn.Exec(`CREATE TABLE `+table+` (seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, flags INTEGER NOT NULL,
		rev TEXT NOT NULL, history TEXT NOT NULL, known TEXT NOT NULL, expiry INTEGER, body TEXT NOT NULL) STRICT; BEGIN`))
	s, _, err := db.conn.Prepare(`INSERT INTO ` + table + ` VALUES (?, ?, ?, '', '', '', ?, ?)`)
	must(t, err)
	defer s.Close()
	for _, d := range docs {
		must(t, s.BindInt64(1, d.Sequence))
		must(t, s.BindText(2, d.ID))
		must(t, s.BindBool(3, d.Deleted))
		must(t, s.BindNull(4))
		if d.Expiration != 0 {
			must(t, s.BindInt64(4, d.Expiration))
		}
		must(t, s.BindText(5, string(d.Body)))
		must(t, s.Exec())
	}
	must(t, db.conn.Exec(`COMMIT`))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// run translates and runs a query.
func (db *database) run(query string, params map[string]value.Value, local *time.Location) ([]string, [][]value.Value, error) {
	s, err := syntax.Parse(query)
	if err != nil {
		return nil, nil, err
	}
	q, err := plan.Of(s, db.data)
	if err != nil {
		return nil, nil, err
	}
	rows, err := db.rows(q, params, local)
	return q.ColumnNames(), rows, err
}

func (db *database) rows(q *plan.Query, params map[string]value.Value, local *time.Location) ([][]value.Value, error) {
	if err := q.CheckParams(params); err != nil {
		return nil, err
	}
	s, err := sql.Translate(q, func(c plan.Collection) sql.Table { return sql.Table{Name: db.tables[c]} }, local)
	if err != nil {
		return nil, err
	}
	v := queries.Values{Params: params}
	if v.Limit, v.Offset, err = eval.Limits(q, eval.Input{Params: params, Location: local}); err != nil {
		return nil, err
	}
	rows, err := db.Run(s, v)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.Text, err)
	}
	defer rows.Close()
	var all [][]value.Value
	for rows.Next() {
		row := make([]value.Value, len(q.Columns))
		for i := range row {
			row[i] = rows.Value(i)
		}
		all = append(all, row)
	}
	return all, rows.Err()
}

func TestTheTranslationAgreesWithTheVectors(t *testing.T) {
	t.Parallel()
	check(t, open(t, querytest.Load(t)), querytest.Vectors(t))
}

// Indexes change how queries are run, and not what they give.
func TestTheTranslationAgreesWithTheVectorsThroughIndexes(t *testing.T) {
	t.Parallel()
	const odd = "_default.odd"
	db := open(t, querytest.Data{odd: querytest.Load(t)[odd]})
	table := db.tables[plan.Collection{Scope: "_default", Name: "odd"}]
	for _, text := range []string{
		"v", "kind, n", "kind, v", "kind, s COLLATE NOCASE", "kind, s COLLATE UNICODE", "kind, s COLLATE (UNICODE NOCASE)", "upper(name)",
		"type(v)", "a.b.c[0].d[1]", "META().id", "kind, isnumber(v), v", "boss", "kind, grp",
	} {
		list, err := syntax.ParseExpressions(text)
		must(t, err)
		bound, err := plan.Expressions(list)
		must(t, err)
		var terms []string
		for _, x := range bound {
			terms = append(terms, sql.IndexTerm(x))
		}
		must(t, db.conn.Exec(`CREATE INDEX "`+text+`" ON `+table+` (`+strings.Join(terms, ", ")+`)`))
	}
	check(t, db, slices.DeleteFunc(querytest.Vectors(t), func(v querytest.Vector) bool {
		return !strings.Contains(v.Query, "FROM odd ") || v.Error != nil
	}))
}

func check(t *testing.T, db *database, vectors []querytest.Vector) {
	t.Helper()
	for _, v := range vectors {
		t.Run(v.Name, func(t *testing.T) {
			columns, rows, err := db.run(v.Query, v.Parameters(), v.Location(t))
			if wrong := v.Check(columns, rows, err); wrong != "" {
				t.Errorf("%s\n%s\nnote: %s%s", v.Query, wrong, v.Note, v.Differs)
			}
		})
	}
}
