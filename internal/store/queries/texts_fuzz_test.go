package queries_test

import (
	"testing"

	"github.com/ncruces/go-sqlite3"

	"github.com/tandemdb/tandem/internal/query/fulltext"
	"github.com/tandemdb/tandem/internal/query/sql"
	"github.com/tandemdb/tandem/internal/query/value"
	"github.com/tandemdb/tandem/internal/store/queries"
)

// FuzzMatch has FTS5 understand every search that is not refused, and count the hits of its phrases.
func FuzzMatch(f *testing.F) {
	for _, text := range []string{
		`a AND (b OR "c d*") NOT e`, "title:^x NEAR/2 y", "body:a NEAR b NEAR/2 title:c", "((a) b*) OR the", "c0:a", "^a* ^\"b c\"", "- ' ; :", "é* 日",
		"a NEAR/1000000 b", "NEAR(a b, 2)", "\"\"", "a\x00b", "((((((((((((((a))))))))))))))", "a NOT (b NOT (c NOT d))",
	} {
		f.Add(text)
	}
	c, err := sqlite3.Open(":memory:")
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { c.Close() })
	runner, err := queries.Prepare(c)
	if err == nil {
		err = runner.EnableFullText()
	}
	o := fulltext.Options{Language: "en", IgnoreAccents: true}
	x := sql.TextIndex{Name: "text", Docs: "docs", Tokenizer: "tandem " + o.Arguments(), Paths: make([]value.Path, 2)}
	for i, name := range []string{"title", "body"} {
		x.Paths[i] = value.Path{value.Key(name)}
	}
	if err == nil {
		err = c.Exec(`CREATE TABLE docs (seq INTEGER PRIMARY KEY, flags, body);` + x.Create() +
			`INSERT INTO docs VALUES (1, 0, '{"title":"a b","body":["c d",{"e":true}]}'), (2, 0, '{"title":"x y z"}'), (3, 1, '{"title":"a"}')`)
	}
	if err == nil {
		err = runner.ApplyTexts()
	}
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := fulltext.Parse(text, fulltext.NewTokenizer(o), []string{"title", "body"})
		if err != nil {
			return
		}
		totals, err := runner.Totals(x, s)
		if err != nil {
			t.Errorf("%q as %s: totals: %v", text, s.Query(), err)
		}
		stmt, _, err := c.Prepare(`SELECT rowid, tandem_rank("text index", ?2) FROM "text index" WHERE "text index" MATCH ?1`)
		if err != nil {
			t.Fatal(err)
		}
		defer stmt.Close()
		if err := stmt.BindText(1, s.Query()); err != nil {
			t.Fatal(err)
		}
		if err := stmt.BindText(2, totals); err != nil {
			t.Fatal(err)
		}
		for stmt.Step() {
			if rank := stmt.ColumnFloat(1); stmt.ColumnInt(0) > 2 || rank <= 0 || rank > float64(len(totals)) {
				t.Errorf("%q as %s: row %d has rank %v", text, s.Query(), stmt.ColumnInt(0), rank)
			}
		}
		if err := stmt.Err(); err != nil {
			t.Errorf("%q as %s: %v", text, s.Query(), err)
		}
	})
}
