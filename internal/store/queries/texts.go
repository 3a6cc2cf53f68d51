package queries

import (
	"encoding/binary"
	"errors"
	"slices"
	"strings"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/ext/fts5"

	"github.com/tandemdb/tandem/internal/query/fulltext"
	"github.com/tandemdb/tandem/internal/query/sql"
)

// Search is a full-text search, and what its ranks are made of.
type Search struct {
	Query  string // in the language of FTS5
	Totals string // see [Runner.Totals]
}

// registerTexts registers what triggers of full-text indexes call. FTS5 itself waits for [Runner.EnableFullText].
func (r *Runner) registerTexts(c *sqlite3.Conn, paths pathCache) error {
	r.changed = map[string]bool{}
	var b []byte
	words := scalar(c, "tandem_words", 2, func(ctx sqlite3.Context, a []sqlite3.Value) {
		text := paths.of(a[1]).Find(a[0].RawText())
		if text == nil {
			return
		}
		if b = appendWords(b[:0], text); len(b) > 0 {
			ctx.ResultRawText(b)
		}
		if r.watch != nil {
			r.called(ctx)
		}
	})
	changed := c.CreateFunction("tandem_changed", 1, sqlite3.INNOCUOUS, func(_ sqlite3.Context, a ...sqlite3.Value) {
		if name := a[0].RawText(); !r.changed[string(name)] {
			r.changed[string(name)] = true
		}
	})
	return errors.Join(words, changed)
}

// EnableFullText registers FTS5 on the connection, with our words and ranks, unless it is there. The connections of
// databases without a full-text index do without.
func (r *Runner) EnableFullText() error {
	if r.fullText {
		return nil
	}
	err := fts5.RegisterCustom(r.c, func(api *fts5.API) error {
		return errors.Join(api.CreateTokenizer("tandem", newTokenizer), api.CreateFunction("tandem_rank", newRank()),
			api.CreateFunction("tandem_hits", r.addHits))
	})
	r.fullText = err == nil
	return err
}

// ApplyTexts has the full-text indexes follow what the transaction has changed.
func (r *Runner) ApplyTexts() error {
	for name := range r.changed {
		err := r.ApplyText(name)
		if err != nil && !strings.HasSuffix(err.Error(), "no such table: "+sql.TextIndex{Name: name}.Changed()) { // the index may be gone
			return err
		}
	}
	return nil
}

// ApplyText has one index follow what is noted for it.
func (r *Runner) ApplyText(name string) error {
	if err := r.EnableFullText(); err != nil {
		return err
	}
	text := sql.ApplyText(name)
	stmt, err := r.prepare(text, nil, Values{})
	if err != nil {
		return err
	}
	err = stmt.Exec()
	r.keep(text, stmt)
	return err
}

// HasChangedTexts reports whether full-text indexes have followed changes of the transaction, or still have to.
func (r *Runner) HasChangedTexts() bool { return len(r.changed) > 0 }

// ForgetChanges is called when the transaction is over.
func (r *Runner) ForgetChanges() { clear(r.changed) }

// tokenizer gives the words of a text to FTS5.
type tokenizer struct {
	words *fulltext.Tokenizer
	same  bool // the index has the words of this version
}

func newTokenizer(args []string) (fts5.Tokenizer, error) {
	o, same := fulltext.FromArguments(args)
	return tokenizer{fulltext.NewTokenizer(o), same}, nil
}

// Tokenize fails with [sqlite3.MISMATCH] for an index that another version of this package has built meanwhile.

func (t tokenizer) Tokenize(_ fts5.TokenizeFlag, text, _ string, token fts5.TokenCallback) error {
	if !t.same {
		return sqlite3.MISMATCH
	}
	return t.words.Each(text, func(w fulltext.Word) error { return token(0, w.Text, w.Start, w.End) })
}

// newRank returns the function of FTS5 that ranks a row: the sum, over phrases and columns, of the hits here by the hits
// in all documents. Its argument is the result of [Runner.Totals].
func newRank() fts5.ExtensionFunction {
	var hits []float64
	return func(fts fts5.Context, ctx sqlite3.Context, a ...sqlite3.Value) {
		totals := a[0].RawText()
		columns := fts.ColumnCount()
		hits = slices.Grow(hits[:0], len(totals)/totalSize)[:len(totals)/totalSize]
		clear(hits)
		n, err := fts.InstCount()
		for i := 0; i < n && err == nil; i++ {
			var phrase, column int
			if phrase, column, _, err = fts.Inst(i); err == nil && phrase*columns+column < len(hits) {
				hits[phrase*columns+column]++
			}
		}
		if err != nil {
			ctx.ResultError(err)
			return
		}
		sum := 0.0
		for i, n := range hits {
			if n > 0 {
				sum += n / max(n, float64(binary.LittleEndian.Uint64(totals[i*totalSize:])))
			}
		}
		ctx.ResultFloat(sum)
	}
}

const totalSize = 8
