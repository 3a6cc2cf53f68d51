package store

import (
	"context"
	"crypto/sha1" // the protocol names blobs by their SHA-1
	"fmt"
	"io"
	"regexp"

	"github.com/ncruces/go-sqlite3"

	"github.com/tandemdb/tandem/internal/document"
	"github.com/tandemdb/tandem/internal/revision"
)

// Problem is one defect of a database.
type Problem struct {
	Where string // a collection and document, a blob, or the file
	What  string
}

func (p Problem) String() string { return p.Where + ": " + p.What }

// maxProblems bounds a report: further defects tell the reader nothing new.
const maxProblems = 100

// Check reads the whole database and returns its defects, at most the first 100. It checks SQLite's
// own structures, each row and body, and the content of each blob that a document refers to. The
// error concerns the check itself.
func (db *DB) Check(ctx context.Context) ([]Problem, error) {
	if db.hub != nil {
		return db.hub.check(ctx, db)
	}
	k := &checker{db: db, blobs: make(map[blobKey]string), absent: make(map[string]bool)}
	err := db.View(ctx, func(tx *Tx) error {
		err := tx.Infos(absentBlobs, func(digest string, _ []byte) error { k.absent[digest] = true; return nil })
		if err != nil {
			return err
		}
		all, err := tx.Collections()
		if err != nil {
			return err
		}
		if err := k.measure(ctx, tx, all); err != nil {
			return err
		}
		if err := k.file(tx); err != nil {
			return err
		}
		k.progress.add(k.rowsInAll)
		for _, c := range all {
			if err := k.collection(tx, c); err != nil {
				return err
			}
		}
		return k.indexes(tx)
	})
	if err != nil {
		return k.problems, err
	}
	if err := k.contents(ctx); err != nil {
		return k.problems, err
	}
	k.progress.end()
	return k.problems, nil
}

type checker struct {
	db       *DB
	problems []Problem
	blobs    map[blobKey]string // blobs that documents refer to, and one document of each
	absent   map[string]bool    // digests of blobs whose content may be missing

	progress  *progress // each row counts twice, for SQLite's own check and for ours, and each blob once
	rowsInAll uint64
}

// measure finds out how much there is to check.
func (k *checker) measure(ctx context.Context, tx *Tx, all []*Collection) error {
	for _, c := range all {
		n, err := tx.CountSince(c, 0)
		if err != nil {
			return err
		}
		k.rowsInAll += n
	}
	blobs, _, err := k.db.blobs.extent()
	if err != nil {
		return fileFault(err, "list blobs", k.db.path)
	}
	k.progress = progressOf(ctx, 2*k.rowsInAll+blobs)
	return nil
}

func (k *checker) found(where, what string, args ...any) {
	if len(k.problems) < maxProblems {
		k.problems = append(k.problems, Problem{Where: where, What: fmt.Sprintf(what, args...)})
	}
}

// indexes checks that the indexes for queries say what the documents do.
func (k *checker) indexes(tx *Tx) error {
	all, err := tx.damagedIndexes()
	for _, d := range all {
		k.found(d.collection.FullName(), "the index %q is damaged: %s; compacting the database builds it anew", d.index.Name, d.what)
	}
	return err
}

// ofIndex matches what SQLite says of an index for queries.
var ofIndex = regexp.MustCompile(` index query_|main\.text_\d|"text_\d`)

// file runs SQLite's own integrity check. What is wrong with indexes for queries is found later, by their names.
func (k *checker) file(tx *Tx) error {
	return k.rows(tx, fmt.Sprintf(`PRAGMA integrity_check(%d)`, maxProblems), func(s *sqlite3.Stmt) error {
		if text := s.ColumnText(0); text != "ok" && !ofIndex.MatchString(text) {
			k.found(databaseFile, "%s", text)
		}
		return nil
	})
}

// collection checks every row of c, and the counters against the rows.
func (k *checker) collection(tx *Tx, c *Collection) error {
	counted, err := tx.loadCounters(c)
	if err != nil {
		return err
	}
	var last Sequence
	var live int64
	err = k.rows(tx, forCollection(docColumns+`ORDER BY seq`, c.id), func(s *sqlite3.Stmt) error {
		var d Document
		if err := readDocument(s, withBody, &d); err != nil {
			k.found(c.FullName()+"/"+d.ID, "%v", err)
		} else {
			k.document(c.FullName()+"/"+d.ID, &d)
		}
		last = d.Sequence
		k.progress.add(1)
		if !d.Deleted {
			live++
		}
		return nil
	})
	if err != nil {
		return err
	}
	k.counters(c, counted, last, live)
	return k.kept(tx, c)
}

// counters compares what is counted of a collection with its rows.
func (k *checker) counters(c *Collection, counted counters, last Sequence, live int64) {
	if int64(last) > counted.last {
		k.found(c.FullName(), "sequence %d is beyond the last one given, %d", last, counted.last)
	}
	if live != counted.live {
		k.found(c.FullName(), "has %d documents, but %d are counted", live, counted.live)
	}
}

func (k *checker) document(where string, d *Document) {
	if err := document.CheckID(d.ID); err != nil {
		k.found(where, "%v", err)
	}
	k.revision(where, d.Rev)
	info, err := document.Check(d.Body)
	if err != nil {
		k.found(where, "%v", err)
		return
	}
	if want := infoFlags(info); d.flags&(flagBlobs|flagAttachments) != want {
		k.found(where, "flags are %#x, but the body asks for %#x", d.flags, want)
	}
	k.refers(where, d.Body)
}

func (k *checker) revision(where string, rev revision.Rev) {
	if _, err := revision.ParseID(string(rev.ID)); err != nil {
		k.found(where, "%v", err)
	}
}

// refers notes the blobs that a body refers to.
func (k *checker) refers(where string, body []byte) {
	err := eachBlob(body, func(key blobKey) error {
		k.blobs[key] = where
		return nil
	})
	if err != nil {
		k.found(where, "%v", err)
	}
}

// kept checks the revisions that c keeps beside the heads.
func (k *checker) kept(tx *Tx, c *Collection) error {
	sql := forCollection(`SELECT k.id, k.remote, k.rev, k.history, k.body, d.flags
		FROM kept_# AS k LEFT JOIN docs_# AS d ON d.id = k.id`, c.id)
	return k.rows(tx, sql, func(s *sqlite3.Stmt) error {
		where := c.FullName() + "/" + s.ColumnText(0) + " " + s.ColumnText(2)
		rev, err := readRev(s, 2)
		if err != nil {
			k.found(where, "%v", err)
		}
		k.revision(where, rev)
		body := s.ColumnBlob(4, nil)
		if _, err := document.Check(body); err != nil {
			k.found(where, "%v", err)
		}
		k.refers(where, body)
		want := int64(flagKept)
		if s.ColumnInt64(1) != 0 {
			want = flagConflicted
		}
		if s.ColumnInt64(5)&want == 0 {
			k.found(where, "is kept, but its document does not know")
		}
		return nil
	})
}

// contents reads the content of every blob that a document refers to.
func (k *checker) contents(ctx context.Context) error {
	if err := k.db.access.use(ctx); err != nil {
		return err
	}
	defer k.db.access.unuse()
	for key, where := range k.blobs {
		if err := ctx.Err(); err != nil {
			return err
		}
		digest := document.Digest(key)
		if k.absent[digest] && !k.db.blobs.has(key) {
			continue
		}
		k.progress.add(1)
		file, err := k.db.blobs.open(key)
		if err != nil {
			k.found(where, "the content of blob %s cannot be read: %v", digest, err)
			continue
		}
		sum := sha1.New()
		_, err = io.Copy(sum, file)
		_ = file.Close() // nothing was written to it
		switch {
		case err != nil:
			k.found(where, "the content of blob %s cannot be read: %v", digest, err)
		case blobKey(sum.Sum(nil)) != key:
			k.found(where, "the content of blob %s is damaged", digest)
		}
	}
	return nil
}

// rows runs a statement once.
func (k *checker) rows(tx *Tx, sql string, row func(*sqlite3.Stmt) error) error {
	return tx.onceTo("check database", sql, row)
}
