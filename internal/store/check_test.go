package store_test

import (
	"strings"
	"testing"

	"github.com/tandemdb/tandem/internal/store"
)

// TestCheckNamesEachDamage damages a row in each way that Check reports.
func TestCheckNamesEachDamage(t *testing.T) {
	inFolders(t)
	for name, tt := range map[string]struct{ sql, where, what string }{
		"an ID":              {`UPDATE docs_1 SET id = '_a' WHERE id = 'plain'`, "_default._default/_a", "ID"},
		"a revision":         {`UPDATE docs_1 SET rev = 'nonsense' WHERE id = 'plain'`, "_default._default/plain", "nonsense"},
		"a history":          {`UPDATE docs_1 SET history = '1-a,,' WHERE id = 'plain'`, "_default._default/plain", "damaged"},
		"a body":             {`UPDATE docs_1 SET body = '{"n":' WHERE id = 'plain'`, "_default._default/plain", "JSON"},
		"flags of blobs":     {`UPDATE docs_1 SET flags = flags | 4 WHERE id = 'plain'`, "_default._default/plain", "flags are 0x4"},
		"a sequence":         {`UPDATE collections SET last = 1`, "_default._default", "beyond the last one"},
		"a count":            {`UPDATE collections SET live = 100`, "_default._default", "100 are counted"},
		"a tombstone":        {`UPDATE docs_1 SET flags = flags | 1 WHERE id = 'plain'`, "_default._default", "are counted"},
		"a document is gone": {`DELETE FROM docs_1 WHERE id = 'plain'`, "_default._default", "are counted"},
		"a kept revision":    {`UPDATE kept_1 SET rev = 'x' WHERE remote > 0`, "_default._default/both x", "x"},
		"a kept history":     {`UPDATE kept_1 SET history = ',,' WHERE remote > 0`, "_default._default/both", "history"},
		"a kept body":        {`UPDATE kept_1 SET body = '[' WHERE remote > 0`, "_default._default/both", "JSON"},
		"a forgotten conflict": {
			`UPDATE docs_1 SET flags = flags & ~2 WHERE id = 'both'`, "_default._default/both", "does not know",
		},
		"a forgotten base": {
			`UPDATE docs_1 SET flags = flags & ~16 WHERE id = 'both'`, "_default._default/both", "does not know",
		},
		"a kept orphan": {
			`UPDATE kept_1 SET id = 'nobody' WHERE remote > 0`, "_default._default/nobody", "does not know",
		},
		"a blob": {
			`UPDATE docs_1 SET body = '` + blobBody("sha1-AAAAAAAAAAAAAAAAAAAAAAAAAAA=") + `', flags = flags | 4 WHERE id = 'plain'`,
			"_default._default/plain", "cannot be read",
		},
		"an index": {
			`DROP INDEX docs_1_expiry; CREATE INDEX docs_1_expiry ON docs_1 (expiry) WHERE expiry IS NOT NULL`, "", "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := withConflict(t)
			sound(t, db)
			fileSQL(t, db, tt.sql)
			found := problems(t, db)
			if tt.where == "" {
				if len(found) > 0 {
					t.Errorf("got %v, want no problem", found)
				}
				return
			}
			for _, p := range found {
				if strings.HasPrefix(p.Where, tt.where) && strings.Contains(p.What, tt.what) {
					return
				}
			}
			t.Errorf("got %v, want one of %q that says %q", found, tt.where, tt.what)
		})
	}
}

// withConflict returns a database with the documents "plain" and "both"; "both" has a conflict and
// a base.
func withConflict(t *testing.T) *store.DB {
	t.Helper()
	db := open(t, store.Options{Versioning: store.RevTrees})
	c, peer := defaults(t, db), remote(t, db, "wss://peer/db")
	save(t, db, c, "plain", `{"n":1}`)
	base := rev(t, "1-aa", "")
	if _, err := receive(db, c, store.Incoming{ID: "both", Rev: base, Body: []byte(`{"base":1}`), Remote: peer}); err != nil {
		t.Fatal(err)
	}
	save(t, db, c, "both", `{"local":1}`)
	theirs := store.Incoming{ID: "both", Rev: rev(t, "2-bb", "1-aa"), Body: []byte(`{"theirs":1}`), Remote: peer}
	if o, err := receive(db, c, theirs); o != store.Conflicted || err != nil {
		t.Fatalf("got %v, %v", o, err)
	}
	return db
}

func TestCheckStopsAtItsBound(t *testing.T) {
	inFolders(t)
	t.Parallel()
	db := open(t, store.Options{})
	c := defaults(t, db)
	update(t, db, func(tx *store.Tx) error {
		for i := range 300 {
			if _, err := tx.Save(c, store.Edit{ID: "d" + strings.Repeat("x", i)}); err != nil && i < 200 {
				return err
			}
		}
		return nil
	})
	fileSQL(t, db, `UPDATE docs_1 SET body = '['`)
	if n := len(problems(t, db)); n == 0 || n > 100 {
		t.Errorf("got %d problems, want 1 to 100", n)
	}
}
