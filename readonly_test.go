package tandem_test

import (
	"testing"

	"github.com/tandemdb/tandem"
)

// A database that was opened read-only is read and observed; what writes is refused.
func TestAReadOnlyDatabase(t *testing.T) {
	db := namedDatabase(t, "archive", tandem.Options{})
	save(t, defaultIn(t, db), "milk", `{"litres":2}`)
	check(t, db.Close())
	db, err := tandem.Open(t.Context(), db.Path(), tandem.Options{ReadOnly: true})
	check(t, err)
	t.Cleanup(func() { check(t, db.Close()) })
	coll := defaultIn(t, db)
	wantBody(t, coll, "milk", `{"litres":2}`)
	wantError(t, "save", coll.Put(t.Context(), "bread", map[string]any{}), tandem.ErrNotWriteable)
	_, err = db.CreateCollection(t.Context(), "_default", "more")
	wantError(t, "create a collection", err, tandem.ErrNotWriteable)
	wantError(t, "listen", newListener(t, coll).Start(), tandem.ErrNotWriteable)
	r := replicator(t, "ws://127.0.0.1:1/x", coll)
	wantError(t, "replicate", r.Start(), tandem.ErrNotWriteable)
	_, err = tandem.Open(t.Context(), t.TempDir()+"/none", tandem.Options{ReadOnly: true})
	wantError(t, "open what is not there", err, tandem.ErrNotFound)
}
