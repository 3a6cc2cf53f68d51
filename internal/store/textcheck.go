package store

import (
	"fmt"
	"hash/maphash"
	"slices"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"github.com/tandemdb/tandem/internal/query/fulltext"
	"github.com/tandemdb/tandem/internal/query/sql"
)

// textDamage compares a full-text index with the documents.
func (tx *Tx) textDamage(c *Collection, i Index) (what string, err error) {
	if err := tx.c.queries.EnableFullText(); err != nil {
		return "", sqlFault(err, "check index", i.Name)
	}
	x, err := i.texts(c)
	if err != nil {
		return "", err
	}
	steps := []func() (string, error){
		func() (string, error) { return tx.missingPart(x.Parts()) },
		func() (string, error) { return tx.textIntegrity(x) },
		func() (string, error) { return tx.textWaits(x) },
		func() (string, error) { return tx.wrongWords(x, *i.Text) },
	}
	for _, step := range steps {
		what, err := step()
		err = readable(err, &what)
		if err != nil || what != "" {
			return what, err
		}
	}
	return "", nil
}

func (tx *Tx) missingPart(names []string) (what string, err error) {
	err = tx.once(`SELECT name FROM sqlite_schema`, func(s *sqlite3.Stmt) error {
		names = slices.DeleteFunc(names, func(name string) bool { return name == s.ColumnText(0) })
		return nil
	})
	if err == nil && len(names) > 0 {
		what = fmt.Sprintf("%q is missing", names[0])
	}
	return what, err
}

func (tx *Tx) textIntegrity(x sql.TextIndex) (what string, err error) {
	err = tx.once(`PRAGMA integrity_check(`+sqlite3.QuoteIdentifier(x.Table())+`)`, func(s *sqlite3.Stmt) error {
		if text := s.ColumnText(0); text != "ok" {
			what, _, _ = strings.Cut(text, " for FTS5 table")
		}
		return nil
	})
	return what, err
}

func (tx *Tx) textWaits(x sql.TextIndex) (what string, err error) {
	err = tx.once(x.Waiting(), func(s *sqlite3.Stmt) error {
		if n := s.ColumnInt64(0); n > 0 {
			what = fmt.Sprintf("it has not followed %d changes", n)
		}
		return nil
	})
	return what, err
}

// wrongWords compares the places of words in the index with those in the documents: their sums of hashes, by document.
func (tx *Tx) wrongWords(x sql.TextIndex, o fulltext.Options) (what string, err error) {
	seed := maphash.MakeSeed()
	sums := map[int64]uint64{}
	words := fulltext.NewTokenizer(o)
	err = tx.once(x.Texts(), func(s *sqlite3.Stmt) error {
		sum := uint64(0)
		for column := range x.Paths {
			place := int64(0)
			err := words.Each(s.ColumnText(column+1), func(w fulltext.Word) error {
				sum += placeHash(seed, w.Text, int64(column), place)
				place++
				return nil
			})
			if err != nil {
				return err
			}
		}
		sums[s.ColumnInt64(0)] = sum
		return nil
	})
	if err != nil {
		return "", err
	}
	documents := len(sums)
	err = tx.once(`SELECT term, doc, substr(col, 2), offset FROM `+sqlite3.QuoteIdentifier(x.Places()), func(s *sqlite3.Stmt) error {
		sums[s.ColumnInt64(1)] -= placeHash(seed, s.ColumnText(0), s.ColumnInt64(2), s.ColumnInt64(3))
		return nil
	})
	if err != nil {
		return "", err
	}
	for seq, sum := range sums {
		if sum != 0 {
			return fmt.Sprintf("it has other words than the document with sequence %d", seq), nil
		}
	}
	return tx.wrongDocuments(x, documents)
}

// wrongDocuments compares the number of documents. A document may have no words.
func (tx *Tx) wrongDocuments(x sql.TextIndex, want int) (what string, err error) {
	err = tx.once(`SELECT count(*) FROM `+sqlite3.QuoteIdentifier(x.Table()+"_docsize"), func(s *sqlite3.Stmt) error {
		if n := s.ColumnInt64(0); n != int64(want) {
			what = fmt.Sprintf("it has %d documents, and should have %d", n, want)
		}
		return nil
	})
	return what, err
}

func placeHash(seed maphash.Seed, word string, column, place int64) uint64 {
	return maphash.Comparable(seed, struct {
		word          string
		column, place int64
	}{word, column, place})
}
