package store_test

import (
	"path/filepath"
	"testing"

	"github.com/ncruces/go-sqlite3"

	"github.com/tandemdb/tandem/internal/store"
)

// formatOf returns the number that programs with a lower one refuse.
func formatOf(t *testing.T, db *store.DB) (format int64) {
	t.Helper()
	c, err := sqlite3.Open(filepath.Join(db.Path(), "db.sqlite3"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	s, _, err := c.Prepare("PRAGMA user_version")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if s.Step() {
		format = s.ColumnInt64(0)
	}
	return format
}

func TestTheFirstIndexRaisesTheFormat(t *testing.T) {
	inFolders(t)
	t.Parallel()
	value := store.Index{Name: "v", Expressions: []string{"n"}}
	for what, tt := range map[string]struct {
		index store.Index
		want  int64
	}{
		"value":     {value, 2},
		"array":     {store.Index{Name: "a", Array: "tags"}, 2},
		"full-text": {texts, 3},
	} {
		db := open(t, store.Options{})
		if got := formatOf(t, db); got != 1 {
			t.Errorf("without an index: got format %d, want 1", got)
		}
		createIndex(t, db, tt.index)
		createIndex(t, db, value) // never lowers it
		if got := formatOf(t, db); got != tt.want {
			t.Errorf("with a %s index: got format %d, want %d", what, got, tt.want)
		}
	}
}
