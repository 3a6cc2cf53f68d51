package store_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/store"
	"github.com/tandemdb/tandem/internal/store/queries"
	"github.com/tandemdb/tandem/internal/testsize"
)

// The temporary files of a query have no name, and show what is sorted only if the database does too.
func TestTemporaryFilesAreAsSecretAsTheDatabase(t *testing.T) {
	atRest(t, func(t *testing.T, o store.Options) {
		if o.Secret == nil {
			testsize.Whole(t)
		}
		folder := t.TempDir()
		t.Setenv("SQLITE_TMPDIR", folder)
		db := textual(t, testsize.Pick(20, 40), 24_000, o)
		const text = `SELECT concat("secret", a.text) AS text FROM _ AS a CROSS JOIN _ AS b ORDER BY concat("secret", b.n)`
		view(t, db, func(tx *store.Tx) error {
			q, err := planOf(tx, text)
			if err != nil {
				return err
			}
			rows := 0
			return tx.Query(background, q, nil, store.QueryLimits{Temporary: 1 << 30}, func(*queries.Rows) error {
				if rows++; rows > 1 {
					return nil
				}
				size, shown := openBelow(t, folder, "secret")
				if size < 1<<20 || shown != (o.Secret == nil) {
					t.Errorf("temporary files: got %d bytes with clear text: %t, want some MB with: %t", size, shown, o.Secret == nil)
				}
				return nil
			})
		})
		if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
			t.Errorf("after the query: got the files %v (%v), want none", left, err)
		}
	})
}

// A connection that has run out of memory is replaced, and closed as a whole.
func TestNoFileStaysOpenAfterAQueryWithoutMemory(t *testing.T) {
	inFolders(t)
	db := textual(t, 10, 8000, store.Options{})
	open := func() int {
		all, err := filepath.Glob("/proc/self/fd/*")
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, fd := range all {
			if name, err := os.Readlink(fd); err == nil && strings.HasPrefix(name, db.Path()) {
				n++
			}
		}
		return n
	}
	large := "SELECT concat(" + strings.Repeat("text, ", 6000) + "text) FROM _ LIMIT 1"
	view(t, db, func(tx *store.Tx) error { _, err := tx.Collections(); return err }) // opens a connection
	before := open()
	for name, ask := range askers(t, db) {
		for range 2 {
			if _, err := ask(background, store.QueryLimits{Memory: tight}, large); !errors.Is(err, fault.InvalidQuery) {
				t.Errorf("%s: got %v, want %v", name, err, fault.InvalidQuery)
			}
		}
		if after := open(); after > before {
			t.Errorf("%s: got %d files of the database open, want %d as before", name, after, before)
		}
	}
}

// openBelow reads the files below a folder that this process has open, and reports whether one has a text.
func openBelow(t *testing.T, folder, text string) (size int, has bool) {
	t.Helper()
	all, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range all {
		if name, err := os.Readlink(fd); err != nil || !strings.HasPrefix(name, folder) {
			continue
		}
		content, err := os.ReadFile(fd)
		if err != nil {
			t.Fatal(err)
		}
		size += len(content)
		has = has || bytes.Contains(content, []byte(text))
	}
	return size, has
}
