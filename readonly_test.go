package tandem_test

import (
	"os"
	"runtime"
	"testing"

	"github.com/tandemdb/tandem"
)

// A database that was opened read-only is read and observed; what writes is refused.
func TestAReadOnlyDatabase(t *testing.T) {
	inFolders(t, "files")
	db := openTemp(t, "archive", tandem.Options{})
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

// A listener does not take what it cannot keep.
func TestAListenerStopsWhenItsDatabaseIsRemoved(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("files that are open stay on Windows")
	}
	db := openTemp(t, "lost", tandem.Options{})
	l := newListener(t, defaultIn(t, db))
	receive(t, "the end before the start", l.Done())
	check(t, l.Start())
	r := replicator(t, l.URLs()[0], newCollection(t), continuous, func(c *tandem.ReplicatorConfiguration) { c.MaxAttempts = 1 })
	idle(t, r)
	if err := l.Err(); err != nil {
		t.Errorf("while it runs: %v", err)
	}
	check(t, os.RemoveAll(db.Path()))
	receive(t, "the end of the listener", l.Done())
	wantError(t, "the reason", l.Err(), tandem.ErrNotFound)
	wantOff(t, "after the database was removed", l)
	eventually(t, func() bool { return r.Status().Activity == tandem.Stopped })

	other := offer(t, newCollection(t))
	other.Stop()
	receive(t, "the end after a stop", other.Done())
	if err := other.Err(); err != nil {
		t.Errorf("after a stop: %v", err)
	}
}
