package queries_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"
	"pgregory.net/rapid"

	"github.com/tandemdb/tandem/internal/query/eval"
	"github.com/tandemdb/tandem/internal/query/plan"
	"github.com/tandemdb/tandem/internal/query/querytest"
	"github.com/tandemdb/tandem/internal/query/sql"
	"github.com/tandemdb/tandem/internal/query/syntax"
	"github.com/tandemdb/tandem/internal/query/value"
	"github.com/tandemdb/tandem/internal/store/queries"
	"github.com/tandemdb/tandem/internal/testsize"
)

// database is a connection with a table for each collection.
type database struct {
	*queries.Runner
	conn   *sqlite3.Conn
	data   querytest.Data
	tables map[plan.Collection]string

	arrays  []sql.ArrayIndex // of the only table
	through int              // how many queries have used one of them
	sorting bool             // SQLite makes the groups
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
	db := &database{runner, c, data, map[plan.Collection]string{}, nil, 0, false}
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
	db.insert(t, table, docs)
	must(t, db.conn.Exec(`COMMIT`))
}

func (db *database) insert(t testing.TB, table string, docs []querytest.Document) {
	t.Helper()
	for _, d := range docs {
		must(t, db.write(`INSERT INTO `+table+` VALUES (?1, ?2, ?3, '', '', '', ?4, ?5) ON CONFLICT DO NOTHING`, d))
	}
}

// update makes a document the one of its ID, as an edit does.
func (db *database) update(table string, d querytest.Document) error {
	return db.write(`UPDATE `+table+` SET seq = ?1, flags = ?3, expiry = ?4, body = ?5 WHERE id = ?2`, d)
}

func (db *database) write(text string, d querytest.Document) error {
	s, _, err := db.conn.Prepare(text)
	if err != nil {
		return err
	}
	defer s.Close()
	expiry := s.BindNull(4)
	if d.Expiration != 0 {
		expiry = s.BindInt64(4, d.Expiration)
	}
	err = errors.Join(s.BindInt64(1, d.Sequence), s.BindText(2, d.ID), s.BindBool(3, d.Deleted), expiry, s.BindText(5, string(d.Body)))
	if err != nil {
		return err
	}
	return s.Exec()
}

// checkArrays compares the indexes of arrays with the documents.
func (db *database) checkArrays(t rapid.TB) {
	for _, x := range db.arrays {
		number := func(text string) (n int64) {
			s, _, err := db.conn.Prepare(text)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if s.Step() {
				n = s.ColumnInt64(0)
			}
			return n
		}
		absent := number("SELECT count(*) FROM (" + x.Absent() + ")")
		if got, want := number(`SELECT count(*) FROM `+x.Table), number(x.Entries()); got != want || absent > 0 {
			t.Errorf("%v: got %d entries, want %d; %d documents are absent", x.Path, got, want, absent)
		}
	}
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
	s, err := sql.Translate(q, func(c plan.Collection) sql.Table { return sql.Table{Name: db.tables[c], Arrays: db.arrays} }, local)
	if err != nil {
		return nil, err
	}
	if db.sorting && s.Sorting != nil {
		s = s.Sorting
	}
	db.through += strings.Count(s.Text, ".id IN (SELECT id FROM")
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
	db := open(t, querytest.Load(t))
	check(t, db, querytest.Vectors(t))
	db.sorting = true
	check(t, db, slices.DeleteFunc(querytest.Vectors(t), func(v querytest.Vector) bool { return !strings.Contains(v.Query, "GROUP BY") }))
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
	for i, v := range vectors {
		if i%testsize.Pick(5, 1) != 0 {
			continue
		}
		t.Run(v.Name, func(t *testing.T) {
			columns, rows, err := db.run(v.Query, v.Parameters(), v.Location(t))
			if wrong := v.Check(columns, rows, err); wrong != "" {
				t.Errorf("%s\n%s\nnote: %s%s", v.Query, wrong, v.Note, v.Differs)
			}
		})
	}
}
