package queries_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tandemdb/tandem/internal/query/querytest"
)

const benchmarked = 20_000 // documents of 1 kB

// shops returns documents of 1 kB with what the benchmarks ask for near their end.
func shops() querytest.Data {
	items := make([]querytest.Document, benchmarked)
	for i := range items {
		body := fmt.Sprintf(`{"text":"%s","name":"item %d","price":%d.5,"stock":%d,"shop":"s%d","tags":["t%d","t%d","all"]}`,
			strings.Repeat("lorem ipsum ", 75), i, i*7919%1000, i*104729%5000, i%50, i%7, i%11)
		items[i] = querytest.Document{ID: fmt.Sprint(i), Sequence: int64(i + 1), Body: []byte(body)}
	}
	all := make([]querytest.Document, 50)
	for i := range all {
		all[i] = querytest.Document{ID: fmt.Sprintf("s%d", i), Sequence: int64(i + 1), Body: fmt.Appendf(nil, `{"city":"c%d"}`, i%10)}
	}
	return querytest.Data{"_default.items": items, "_default.shops": all}
}

// BenchmarkQueries compares queries with SQL that asks the same with SQLite's own functions of JSON.
func BenchmarkQueries(b *testing.B) {
	db := open(b, shops())
	items, shops := "", ""
	for c, table := range db.tables {
		if c.Name == "items" {
			items = table
		} else {
			shops = table
		}
	}
	for _, bench := range []struct{ name, query, raw string }{
		{"filter", "SELECT name FROM items WHERE price > 900", "SELECT body->>'name' FROM items WHERE json_extract(body, '$.price') > 900"},
		{"count", "SELECT count(*) FROM items WHERE price > 900", "SELECT count(*) FROM items WHERE json_extract(body, '$.price') > 900"},
		{"order", "SELECT name FROM items ORDER BY stock LIMIT 10", "SELECT body->>'name' FROM items ORDER BY json_extract(body, '$.stock') LIMIT 10"},
		{"group", "SELECT shop, count(*), avg(price) FROM items GROUP BY shop", "SELECT json_extract(body, '$.shop') AS s, count(*), avg(json_extract(body, '$.price')) FROM items GROUP BY s"},
		{"unnest", "SELECT t, count(*) FROM items i UNNEST i.tags AS t GROUP BY t", "SELECT t.value AS v, count(*) FROM items, json_each(body, '$.tags') AS t GROUP BY v"},
		{
			"join", "SELECT s.city, count(*) FROM items i JOIN shops s ON META(s).id = i.shop GROUP BY s.city",
			"SELECT json_extract(s.body, '$.city') AS c, count(*) FROM items JOIN shops AS s ON s.id = json_extract(items.body, '$.shop') GROUP BY c",
		},
	} {
		b.Run(bench.name+"/tandem", func(b *testing.B) {
			for b.Loop() {
				if _, _, err := db.run(bench.query, nil, time.UTC); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(bench.name+"/raw", func(b *testing.B) {
			sql := strings.NewReplacer("FROM items", "FROM "+items+" AS items", "JOIN shops", "JOIN "+shops).Replace(bench.raw)
			for b.Loop() {
				if err := db.scan(sql); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// scan runs a statement and reads its first column.
func (db *database) scan(sql string) error {
	s, _, err := db.conn.Prepare(sql)
	if err != nil {
		return err
	}
	defer s.Close()
	for s.Step() {
		_ = s.ColumnText(0)
	}
	return s.Err()
}
