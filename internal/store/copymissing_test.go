package store_test

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tandemdb/tandem/internal/store"
	"github.com/tandemdb/tandem/internal/store/postgres"
)

// A copy of a database that lacks contents of blobs makes no further attempt, and logs a warning.
func TestACopyWarnsOfMissingBlobsOnce(t *testing.T) {
	inFolders(t)
	var log bytes.Buffer
	path := filepath.Join(t.TempDir(), "db.tandem")
	db := openAt(t, path, store.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	c := defaults(t, db)
	digest := putBlob(t, db, "hello there")
	save(t, db, c, "b", blobBody(digest))
	contents, err := filepath.Glob(filepath.Join(path, "*", "*"))
	if err != nil || len(contents) != 1 {
		t.Fatal(contents, err)
	}
	if err := os.Remove(contents[0]); err != nil {
		t.Fatal(err)
	}
	url := postgresURL(t)
	for name, copyTo := range map[string]func() error{
		"PostgreSQL": func() error { return db.CopyToHub(background, postgres.Engine{}, url) },
		"folder":     func() error { return db.Copy(background, filepath.Join(t.TempDir(), "copy.tandem")) },
	} {
		log.Reset()
		if err := copyTo(); err != nil {
			t.Fatal(name, err)
		}
		if text := log.String(); strings.Count(text, "WARN") != 1 || !strings.Contains(text, "blobs=1") || !strings.Contains(text, digest) {
			t.Errorf("%s: the log says %q", name, text)
		}
	}
	if n := bySQL[int64](t, url, `SELECT incarnation FROM hub`); n != bySQL[int64](t, emptyCopy(t), `SELECT incarnation FROM hub`) {
		t.Errorf("the copy was begun %d times", n)
	}
}

// emptyCopy returns the URL of a copy that lacks nothing.
func emptyCopy(t *testing.T) string {
	t.Helper()
	url := postgresURL(t)
	if err := open(t, store.Options{}).CopyToHub(background, postgres.Engine{}, url); err != nil {
		t.Fatal(err)
	}
	return url
}
