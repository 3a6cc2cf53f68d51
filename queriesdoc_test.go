package tandem_test

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/internal/query/value"
)

// example is a query of docs/queries.md with the parameters and rows below it.
type example struct {
	query, params string
	rows          []string
}

var exampleForm = regexp.MustCompile("(?s)```sql\n(.*?)```\n\n(?:with `(.*?)`\n\n)?```json\n(.*?)```")

func examples(t testing.TB) (all []example) {
	t.Helper()
	page, err := os.ReadFile("docs/queries.md")
	check(t, err)
	for _, m := range exampleForm.FindAllStringSubmatch(string(page), -1) {
		all = append(all, example{m[1], m[2], strings.Split(strings.TrimSuffix(m[3], "\n"), "\n")})
	}
	return all
}

// travel returns a database with the documents that the page asks for.
func travel(t testing.TB) *tandem.Database {
	t.Helper()
	db := newDatabase(t, tandem.Options{})
	for _, name := range []string{"airlines", "hotels", "routes"} {
		f, err := os.Open(filepath.Join("..", "shared", "data", "travel", name+".jsonl"))
		if err != nil {
			t.Skipf("the travel data is not beside the work tree: %v", err)
		}
		defer f.Close()
		c, err := db.CreateCollection(t.Context(), "travel", name)
		check(t, err)
		check(t, db.InBatch(t.Context(), func(b *tandem.Batch) error { return load(b, c, bufio.NewScanner(f)) }))
		if name == "hotels" {
			words := tandem.FullTextIndex{Expressions: []string{"name, description"}, Language: "en"}
			check(t, c.CreateIndex(t.Context(), "words", words))
		}
	}
	return db
}

func load(b *tandem.Batch, c *tandem.Collection, lines *bufio.Scanner) error {
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var members map[string]json.RawMessage
		if err := json.Unmarshal(lines.Bytes(), &members); err != nil {
			return err
		}
		var id string
		if err := json.Unmarshal(members["_id"], &id); err != nil {
			return err
		}
		delete(members, "_id")
		delete(members, "image") // refers to a blob that is not there
		d := tandem.NewDocument(id)
		if err := d.Encode(members); err != nil {
			return err
		}
		if err := b.Save(c, d); err != nil {
			return err
		}
	}
	return lines.Err()
}

// sorted returns a row with the keys of objects in order, which is that of nobody.
func sorted(row string) string { return string(value.FromJSON([]byte(row)).AppendJSON(nil)) }

func TestTheQueriesOfTheDocsGiveTheirResults(t *testing.T) {
	t.Parallel()
	all := examples(t)
	if len(all) < 20 {
		t.Fatalf("docs/queries.md: got %d queries, want 20", len(all))
	}
	db := travel(t)
	for _, e := range all {
		params := tandem.Parameters{}
		if e.params != "" {
			check(t, json.Unmarshal([]byte(e.params), &params))
		}
		var got []string
		for row, err := range db.Query(t.Context(), e.query, params) {
			if err != nil {
				t.Fatalf("%s\n%v", e.query, err)
			}
			got = append(got, sorted(string(row.JSON())))
		}
		for i, row := range e.rows {
			e.rows[i] = sorted(row)
		}
		if want := strings.Join(e.rows, "\n"); strings.Join(got, "\n") != want {
			t.Errorf("%s\ngot\n%s\nwant\n%s", e.query, strings.Join(got, "\n"), want)
		}
	}
}
