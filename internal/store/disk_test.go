package store_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/ncruces/go-sqlite3"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/query/fulltext"
	"github.com/tandemdb/tandem/internal/store"
	"github.com/tandemdb/tandem/internal/store/storetest"
	"github.com/tandemdb/tandem/internal/testsize"
)

// newDisk returns a disk for the test.
func newDisk(t *testing.T) *storetest.Disk {
	d := storetest.NewDisk()
	t.Cleanup(d.Close)
	return d
}

// powerCut returns a folder with what is left of db after a power cut now.
func powerCut(t *testing.T, d *storetest.Disk, db *store.DB, seed uint64) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "survivor"+store.Extension)
	if err := d.Survive(db.Path(), path, seed); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestPowerCutLosesNothingThatWasPromised(t *testing.T) { atRest(t, powerCuts) }

func powerCuts(t *testing.T, o store.Options) {
	if o.Secret != nil {
		testsize.Whole(t)
	}
	t.Parallel()
	d := newDisk(t)
	o.Disk = d
	db := open(t, o)
	c := defaults(t, db)
	n, body := 0, []byte(`{"text":"`+strings.Repeat("x", 10_000)+`","words":"after a power cut","v":[1,2]}`)
	createIndex(t, db, store.Index{Name: "words", Expressions: []string{"words"}, Text: &fulltext.Options{}})
	near := vectorIndex("near", store.VectorOptions{Dimensions: 2, Metric: "dot", Centroids: 2, MinTraining: 2, Probes: 1})
	createIndex(t, db, near)
	saveSome := func(tx *store.Tx) error {
		for range 50 {
			if _, err := tx.Save(c, store.Edit{ID: fmt.Sprintf("%06d", n), Body: body}); err != nil {
				return err
			}
			n++
		}
		return nil
	}
	for round := range uint64(90) { // enough to copy the log into the database once
		promised := 0
		if round == 2 || round == 30 { // the second time anew, since there are four times as many vectors
			createIndex(t, db, near)
		}
		if round == 9 || round%40 == 39 || round == 89 { // before, during and after SQLite copies the log
			if err := db.UpdateDurable(background, saveSome); err != nil {
				t.Fatal(err)
			}
			promised = n
			update(t, db, saveSome) // not durable
		} else {
			update(t, db, saveSome)
		}
		if promised > 0 {
			checkSurvivor(t, powerCut(t, d, db, round), c, promised, n)
		}
	}
	if syncs := d.Syncs(); syncs < 4 {
		t.Errorf("only %d syncs: is the disk in use?", syncs)
	}
}

// checkSurvivor opens the database that a power cut has left. It must be sound and have all
// promised documents, and a prefix of the others.
func checkSurvivor(t *testing.T, path string, c *store.Collection, promised, written int) {
	t.Helper()
	db, err := store.Open(background, path, optionsFor(t, path))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	got := int(count(t, db, c))
	if got < promised || got > written {
		t.Errorf("%d documents survive of %d promised, %d written", got, promised, written)
	}
	view(t, db, func(tx *store.Tx) error {
		last, err := tx.LastSequence(c)
		if int(last) != got {
			t.Errorf("last sequence %d, but %d documents", last, got)
		}
		return err
	})
	sound(t, db)
}

func TestDurableWithNothingToWrite(t *testing.T) {
	d := newDisk(t)
	db := open(t, store.Options{Disk: d})
	c := defaults(t, db)
	save(t, db, c, "a", `{}`)
	if err := db.UpdateDurable(background, func(*store.Tx) error { return nil }); err != nil {
		t.Fatal(err)
	}
	checkSurvivor(t, powerCut(t, d, db, 1), c, 1, 1)
}

func TestFullSyncPromisesEveryCommit(t *testing.T) { atRest(t, fullSync) }

func fullSync(t *testing.T, o store.Options) {
	d := newDisk(t)
	o.FullSync, o.Disk = true, d
	db := open(t, o)
	c := defaults(t, db)
	for i := range 5 {
		save(t, db, c, fmt.Sprint(i), `{}`)
		checkSurvivor(t, powerCut(t, d, db, uint64(i)), c, i+1, i+1)
	}
}

func TestABlobIsOnDiskBeforeItsDocument(t *testing.T) {
	d := newDisk(t)
	db := open(t, store.Options{Disk: d})
	c := defaults(t, db)
	for i := range 30 {
		save(t, db, c, fmt.Sprint(i), blobBody(putBlob(t, db, fmt.Sprint("content", i))))
		if i%10 == 5 {
			if err := db.Compact(background); err != nil {
				t.Fatal(err)
			}
		}
		survivor := openAt(t, powerCut(t, d, db, uint64(i)), store.Options{})
		putBlob(t, survivor, fmt.Sprint("content", i)) // overwrites remains
		sound(t, survivor)
	}
}

func TestDiskFailsAtEveryWrite(t *testing.T) {
	for name, failure := range map[string]error{"full": sqlite3.FULL, "broken": syscall.EIO} {
		t.Run(name, func(t *testing.T) {
			failAt := 1
			for failing(t, failAt, failure) {
				failAt++
			}
			if failAt < 10 {
				t.Errorf("only %d writes were tried", failAt)
			}
		})
	}
}

// failing saves documents on a disk that fails from write number failAt on, until the disk is
// mended. It reports whether that write was reached.
func failing(t *testing.T, failAt int, failure error) bool {
	d := newDisk(t)
	db := open(t, store.Options{Disk: d})
	c := defaults(t, db)
	d.FailAt(failAt, failure)
	stored, failed := map[string]bool{}, false
	for i := range 3 {
		for _, id := range []string{fmt.Sprint("a", i), "same"} {
			_, err := trySave(db, c, store.Edit{ID: id, Body: kilobyte})
			stored[id] = stored[id] || err == nil
			if err != nil && (!errors.Is(err, fault.IO) || !errors.Is(err, failure) && errors.Is(failure, sqlite3.FULL)) {
				t.Fatalf("write %d: got %v", failAt, err)
			}
			failed = failed || err != nil
		}
	}
	d.Mend()
	for id, want := range stored {
		if got := get(t, db, c, id) != nil; got != want {
			t.Errorf("write %d: %s is stored: %v, want %v", failAt, id, got, want)
		}
	}
	save(t, db, c, "after", `{}`)
	sound(t, db)
	return failed
}
