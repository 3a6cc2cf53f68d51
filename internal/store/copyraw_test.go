package store_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ncruces/go-sqlite3"

	"github.com/tandemdb/tandem/internal/store"
)

// Columns of the tables of a folder that a copy across engines need not have. Other tables than these are an error.
var ownColumns = map[string][]string{
	"meta": nil, "remotes": nil, "peer_checkpoints": nil, "local_checkpoints": nil, "info": nil, "docs": nil, "kept": nil,
	"collections": {"id"}, "conflict_log": {"n"},
	"pending_blobs": {"digest", "until"},
}

// copiedMeta tells which keys of the table meta a copy has. Other keys are an error.
var copiedMeta = map[string]bool{
	"versioning": true, "public_uuid": true, "purged": true, "keep_bases": true, "branches": true, "met": true,
	"private_uuid": false, "previous": false, "source": false, "path": false, "inode": false, "clock": false, "reserved": false,
}

func rawRows(t *testing.T, c *sqlite3.Conn, sql string) (all []string) {
	t.Helper()
	s, _, err := c.Prepare(sql)
	if err != nil {
		t.Fatal(sql, err)
	}
	defer s.Close()
	for s.Step() {
		all = append(all, s.ColumnText(0))
	}
	if err := s.Err(); err != nil {
		t.Fatal(sql, err)
	}
	return all
}

// rawCopied reads what a copy must have by SQL alone.
func rawCopied(t *testing.T, path string) string {
	t.Helper()
	c, err := sqlite3.Open(filepath.Join(path, "db.sqlite3"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	names := make(map[string]string) // of collections, by number
	for _, text := range rawRows(t, c, `SELECT id || ' ' || scope || '.' || name FROM collections`) {
		number, name, _ := strings.Cut(text, " ")
		names[number] = name
	}
	var lines []string
	for _, table := range rawRows(t, c, `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\_%' ESCAPE '\'`) {
		kind, name := table, table
		if of, number, ok := strings.Cut(table, "_"); ok && names[number] != "" {
			kind, name = of, of+" of "+names[number]
		}
		own, known := ownColumns[kind]
		if !known {
			t.Errorf("nobody has said whether a copy has the table %s", table)
			continue
		}
		var columns []string
		for _, column := range rawRows(t, c, fmt.Sprintf(`SELECT name FROM pragma_table_info('%s')`, table)) {
			if !slices.Contains(own, column) {
				columns = append(columns, `quote("`+column+`")`)
			}
		}
		if len(columns) == 0 {
			continue
		}
		for _, row := range rawRows(t, c, `SELECT `+strings.Join(columns, ` || ' ' || `)+` FROM `+table) {
			if row = copiedRow(t, kind, row, names); row != "" {
				lines = append(lines, name+": "+row)
			}
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// copiedRow returns "" for a row that a copy need not have.
func copiedRow(t *testing.T, kind, row string, names map[string]string) string {
	t.Helper()
	first, rest, _ := strings.Cut(row, " ")
	switch {
	case kind == "meta":
		copied, known := copiedMeta[strings.Trim(first, "'")]
		if !known {
			t.Errorf("nobody has said whether a copy has the key %s of meta", first)
		}
		if !copied {
			return ""
		}
		return strings.ReplaceAll(row, "'", "") // a number may be kept as text, and is read alike
	case kind == "info" && first == "'"+ownSpace+"'":
		return ""
	case kind == "info" && first == "'local'": // its keys begin with numbers of collections, which may differ
		number, key, _ := strings.Cut(strings.TrimPrefix(rest, "'"), "/")
		return names[number] + " " + key
	}
	return row
}

// TestACopyAcrossEnginesHasAllRowsOfTheFile compares files by SQL, and so does not see through what makes the copy.
func TestACopyAcrossEnginesHasAllRowsOfTheFile(t *testing.T) {
	inFolders(t)
	for _, v := range []store.Versioning{store.VersionVectors, store.RevTrees, store.Both} {
		t.Run(string(v), func(t *testing.T) {
			db := openAt(t, filepath.Join(t.TempDir(), "db.tandem"), store.Options{Versioning: v, OwnSpaces: []string{ownSpace}})
			rich(t, db)
			back := copyTo(t, copyTo(t, db, true), false)
			got, want := rawCopied(t, back.Path()), rawCopied(t, db.Path())
			if got != want {
				t.Error(firstDifference(got, want))
			}
			if n := strings.Count(want, "\n"); n < 2000 {
				t.Errorf("only %d rows were compared", n)
			}
		})
	}
}
