//go:build unix

package store_test

import (
	"flag"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/tandemdb/tandem/internal/store"
	"github.com/tandemdb/tandem/internal/store/queries"
)

var ratios = flag.Int("ratios", 0, "compare queries over so many documents of 1 kB with SQLite's own functions of JSON")

// TestRatios prints what queries cost, in processor time of the process, as a ratio to SQL over the same file that asks
// the same with json_extract and json_each.
func TestRatios(t *testing.T) {
	if *ratios == 0 {
		t.Skip("it measures: give -ratios")
	}
	r := &rig{t: t, db: open(t, store.Options{})}
	r.load()
	for _, tt := range []struct {
		what, query, raw, most string
		index                  store.Index
		rawIndex               string
	}{
		{what: "filter", query: "SELECT name FROM items WHERE price > 900", raw: "SELECT body->>'name' FROM D WHERE json_extract(body, '$.price') > 900", most: "0.5"},
		{what: "count(*) with the filter", query: "SELECT count(*) FROM items WHERE price > 900", raw: "SELECT count(*) FROM D WHERE json_extract(body, '$.price') > 900", most: "1.2 of the filter"},
		{what: "ORDER BY, LIMIT 10", query: "SELECT name FROM items ORDER BY stock LIMIT 10", raw: "SELECT body->>'name' FROM D ORDER BY json_extract(body, '$.stock') LIMIT 10", most: "0.6"},
		{what: "GROUP BY", query: "SELECT shop, count(*), avg(price) FROM items GROUP BY shop", raw: "SELECT json_extract(body, '$.shop') AS s, count(*), avg(json_extract(body, '$.price')) FROM D GROUP BY s", most: "0.7"},
		{what: "UNNEST with a condition", query: "SELECT i.name FROM items AS i UNNEST i.tags AS t WHERE t = 't3'", raw: "SELECT body->>'name' FROM D, json_each(body, '$.tags') AS t WHERE t.value = 't3'", most: "0.6"},
		{what: "UNNEST with groups", query: "SELECT t, count(*) FROM items AS i UNNEST i.tags AS t GROUP BY t", raw: "SELECT t.value AS v, count(*) FROM D, json_each(body, '$.tags') AS t GROUP BY v", most: "0.6"},
		{what: "JOIN and GROUP BY", query: "SELECT s.city, count(*) FROM items AS i JOIN shops AS s ON META(s).id = i.shop GROUP BY s.city", raw: "SELECT json_extract(s.body, '$.city') AS c, count(*) FROM D JOIN S AS s ON s.id = json_extract(D.body, '$.shop') GROUP BY c", most: "0.6"},
		{
			what: "filter through an index", query: "SELECT name FROM items WHERE price > 990", raw: "SELECT body->>'name' FROM D WHERE json_extract(body, '$.price') > 990", most: "1",
			index: store.Index{Name: "price", Expressions: []string{"price"}}, rawIndex: "CREATE INDEX raw_price ON D (json_extract(body, '$.price'))",
		},
		{
			what: "ORDER BY, LIMIT 1000 through an index", query: "SELECT name FROM items ORDER BY stock LIMIT 1000", raw: "SELECT body->>'name' FROM D ORDER BY json_extract(body, '$.stock') LIMIT 1000", most: "1.5",
			index: store.Index{Name: "stock", Expressions: []string{"stock"}}, rawIndex: "CREATE INDEX raw_stock ON D (json_extract(body, '$.stock'))",
		},
		{
			what: "UNNEST through an index", query: "SELECT i.name FROM items AS i UNNEST i.parts AS p WHERE p = 17", raw: "SELECT body->>'name' FROM D JOIN raw_parts AS p ON p.seq = D.seq WHERE p.value = 17", most: "1",
			index:    store.Index{Name: "parts", Array: "parts"},
			rawIndex: "CREATE TABLE raw_parts AS SELECT t.value AS value, seq FROM D, json_each(body, '$.parts') AS t; CREATE INDEX raw_part ON raw_parts (value, seq)",
		},
	} {
		if tt.index.Name != "" {
			if err := r.db.CreateIndex(background, r.items, tt.index, nil); err != nil {
				t.Fatal(err)
			}
			r.exec(tt.rawIndex)
		}
		ours, theirs := r.compare(tt.query, tt.raw)
		t.Logf("%-40s %6.2f   (most: %s)   %v against %v", tt.what, float64(ours)/float64(theirs), tt.most, ours, theirs)
	}
	took := r.cpu(func() { r.query("SELECT count(*) FROM items") })
	t.Logf("%-40s %6.2f ms (most: 1)", "count(*)", float64(took)/1e6)
	r.loads()
}

// rig has a database with items and shops.
type rig struct {
	t     *testing.T
	db    *store.DB
	items *store.Collection
	names *strings.Replacer // D and S in SQL
}

func item(n int) []byte {
	return fmt.Appendf(nil, `{"text":"%s","name":"item %d","price":%d.5,"stock":%d,"shop":"s%d","tags":["t%d","t%d","all"],"parts":[%d,%d,%d]}`,
		strings.Repeat("lorem ipsum ", 74), n, n*7919%1000, n*104729%5000, n%50, n%7, n%11, n%1009, n%1013, n%1019)
}

func (r *rig) load() {
	var err error
	if r.items, err = r.db.CreateCollection(background, store.DefaultName, "items"); err != nil {
		r.t.Fatal(err)
	}
	shops, err := r.db.CreateCollection(background, store.DefaultName, "shops")
	if err != nil {
		r.t.Fatal(err)
	}
	saveMany(r.t, r.db, r.items, *ratios, item)
	saveMany(r.t, r.db, shops, 50, func(n int) []byte { return fmt.Appendf(nil, `{"city":"c%d"}`, n%10) })
	r.names = strings.NewReplacer(" D ", " docs_2 AS D ", " D,", " docs_2 AS D,", "ON D ", "ON docs_2 ", " S ", " docs_3 ")
}

// saveMany saves documents in batches.
func saveMany(t *testing.T, db *store.DB, c *store.Collection, n int, body func(int) []byte) {
	const batch = 1000
	for from := 0; from < n; from += batch {
		update(t, db, func(tx *store.Tx) error {
			for i := from; i < min(n, from+batch); i++ {
				if _, err := tx.Save(c, store.Edit{ID: fmt.Sprintf("s%d", i), Body: body(i)}); err != nil {
					return err
				}
			}
			return nil
		})
	}
}

// compare runs both three times in turn, and returns the least that each has taken.
func (r *rig) compare(query, raw string) (ours, theirs time.Duration) {
	for range 3 {
		a := r.cpu(func() { r.query(query) })
		b := r.cpu(func() { r.raw(raw) })
		if ours == 0 || a < ours {
			ours = a
		}
		if theirs == 0 || b < theirs {
			theirs = b
		}
	}
	return ours, theirs
}

// cpu returns the processor time that the process has used for f.
func (r *rig) cpu(f func()) time.Duration {
	used := func() time.Duration {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			r.t.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	before := used()
	f()
	return used() - before
}

func (r *rig) query(text string) {
	view(r.t, r.db, func(tx *store.Tx) error {
		q, err := planOf(tx, text)
		if err != nil {
			return err
		}
		var row []byte
		return tx.Query(background, q, nil, store.QueryLimits{}, func(rows *queries.Rows) error {
			row, _ = rows.AppendJSON(row[:0], 0)
			return nil
		})
	})
}

func (r *rig) conn() *sqlite3.Conn {
	c, err := sqlite3.Open(filepath.Join(r.db.Path(), "db.sqlite3"))
	if err != nil {
		r.t.Fatal(err)
	}
	runner, err := queries.Prepare(c) // for the indexes of the tables
	if err != nil {
		r.t.Fatal(err)
	}
	if err := runner.EnableFullText(); err != nil {
		r.t.Fatal(err)
	}
	return c
}

func (r *rig) exec(text string) {
	c := r.conn()
	defer c.Close()
	if err := c.Exec(r.names.Replace(text)); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) raw(text string) {
	c := r.conn()
	defer c.Close()
	s, _, err := c.Prepare(r.names.Replace(text))
	if err != nil {
		r.t.Fatal(err)
	}
	defer s.Close()
	for s.Step() {
		_ = s.ColumnRawText(0)
	}
	if err := s.Err(); err != nil {
		r.t.Fatal(err)
	}
}

// loads compares the rates of loading with and without indexes.
func (r *rig) loads() {
	load := func(indexes ...store.Index) time.Duration {
		db := open(r.t, store.Options{})
		for _, i := range indexes {
			createIndex(r.t, db, i)
		}
		return r.cpu(func() { saveMany(r.t, db, defaults(r.t, db), *ratios/4, item) })
	}
	price, shop := store.Index{Name: "price", Expressions: []string{"price"}}, store.Index{Name: "shop", Expressions: []string{"shop, stock"}}
	tags := store.Index{Name: "tags", Array: "tags"}
	without := load()
	r.t.Logf("%-40s %6.0f %%  (least: 50)", "load with two value indexes, of the rate without", 100*float64(without)/float64(load(price, shop)))
	r.t.Logf("%-40s %6.0f %%", "load with an array index", 100*float64(without)/float64(load(tags)))
}
