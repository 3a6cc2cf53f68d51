package queries

import (
	"encoding/binary"
	"slices"
	"strconv"
	"strings"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/ext/fts5"

	"github.com/tandemdb/tandem/internal/query/fulltext"
	"github.com/tandemdb/tandem/internal/query/sql"
)

// Totals returns how many hits each phrase of a search has in each column of an index, eight bytes each.
func (r *Runner) Totals(x sql.TextIndex, s fulltext.Search) (string, error) {
	if err := r.EnableFullText(); err != nil {
		return "", err
	}
	var b []byte
	known := map[string][]byte{} // a search may have a phrase many times
	for _, p := range s.Phrases() {
		totals, there := known[p.Query()]
		if !there {
			if err := r.count(x, p); err != nil {
				return "", err
			}
			for _, n := range r.hits {
				totals = binary.LittleEndian.AppendUint64(totals, uint64(n))
			}
			known[p.Query()] = totals
		}
		b = append(b, totals...)
	}
	return string(b), nil
}

// count counts the hits of a phrase in all documents.
func (r *Runner) count(x sql.TextIndex, p fulltext.Phrase) error {
	r.hits = slices.Grow(r.hits[:0], len(x.Paths))[:len(x.Paths)]
	clear(r.hits)
	if table := sqlite3.QuoteIdentifier(x.Table()); len(p.Words) > 1 || p.First {
		return r.each("SELECT tandem_hits("+table+") FROM "+table+" WHERE "+table+" MATCH ?1", nil, p.Query())
	}
	add := func(s *sqlite3.Stmt) {
		column, err := strconv.Atoi(strings.TrimPrefix(s.ColumnText(0), "c"))
		if err == nil && column < len(r.hits) {
			r.hits[column] = s.ColumnInt64(1)
		}
	}
	terms := sqlite3.QuoteIdentifier(x.Terms())
	word := p.Words[0]
	if !p.Prefix {
		return r.each("SELECT col, cnt FROM "+terms+" WHERE term = ?1", add, word)
	}
	after := []byte(word) // the first text that does not begin with it
	after[len(after)-1]++
	return r.each("SELECT col, sum(cnt) FROM "+terms+" WHERE term >= ?1 AND term < ?2 GROUP BY col", add, word, string(after))
}

// each runs a statement, whose parameters are texts.
func (r *Runner) each(text string, row func(*sqlite3.Stmt), args ...string) error {
	stmt, err := r.prepare(text, nil, Values{})
	if err != nil {
		return err
	}
	for i, a := range args {
		if err := stmt.BindText(i+1, a); err != nil {
			_ = stmt.Close() // err came first
			return err
		}
	}
	for stmt.Step() {
		if row != nil {
			row(stmt)
		}
	}
	err = stmt.Err()
	r.keep(text, stmt)
	return err
}

// addHits is a function of FTS5 that adds the hits of a row to those of the phrase that is counted.
func (r *Runner) addHits(fts fts5.Context, ctx sqlite3.Context, _ ...sqlite3.Value) {
	n, err := fts.InstCount()
	for i := 0; i < n && err == nil; i++ {
		var column int
		if _, column, _, err = fts.Inst(i); err == nil && column < len(r.hits) {
			r.hits[column]++
		}
	}
	if err != nil {
		ctx.ResultError(err)
	}
}
