package store_test

import (
	"errors"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/store"
)

// TestABlobOnAFailingDisk fails each step of storing a blob and its document in turn.
func TestABlobOnAFailingDisk(t *testing.T) {
	failAt := 1
	for ; blobFails(t, failAt); failAt++ {
		if t.Failed() {
			t.Fatalf("step %d", failAt)
		}
	}
	if failAt < 7 {
		t.Errorf("only %d steps were tried", failAt-1)
	}
}

// blobFails stores a blob and its document on a disk that is full from one step on, and again when
// there is space. It reports whether that step was reached.
func blobFails(t *testing.T, failAt int) bool {
	d := newDisk(t)
	db := open(t, store.Options{Disk: d})
	c := defaults(t, db)
	d.FailAt(failAt, syscall.ENOSPC)
	err := tryBlob(db, c)
	if err != nil && (!errors.Is(err, fault.IO) || !strings.Contains(err.Error(), "disk is full")) {
		t.Errorf("got %v, want a full disk", err)
	}
	d.Mend()
	if err := tryBlob(db, c); err != nil {
		t.Errorf("after there was space: %v", err)
	}
	sound(t, db)
	return err != nil
}

func tryBlob(db *store.DB, c *store.Collection) error {
	w, err := db.BlobWriter(background)
	if err != nil {
		return err
	}
	defer w.Abort()
	if _, err := w.Write([]byte("content")); err != nil {
		return err
	}
	digest, _, err := w.Commit(background, "")
	if err != nil {
		return err
	}
	_, err = trySave(db, c, store.Edit{ID: "a", Body: []byte(blobBody(digest))})
	return err
}

// TestOpenWithoutSharedMemory covers systems without shared memory: neither a new nor an existing
// database opens, and nothing is damaged.
func TestOpenWithoutSharedMemory(t *testing.T) {
	for name, existed := range map[string]bool{"new": false, "old": true} {
		t.Run(name, func(t *testing.T) {
			d := newDisk(t)
			path := filepath.Join(t.TempDir(), "a"+store.Extension)
			if existed {
				db := openAt(t, path, store.Options{Disk: d})
				save(t, db, defaults(t, db), "before", `{}`)
				if err := db.Close(); err != nil {
					t.Fatal(err)
				}
			}
			d.DenyMemory(true)
			db, err := store.Open(background, path, store.Options{Disk: d})
			if err == nil {
				_ = db.Close()
			}
			if !errors.Is(err, fault.CantOpen) && !errors.Is(err, fault.IO) {
				t.Fatalf("got %v, want an error that says it cannot be opened", err)
			}
			if store.Exists(path) != existed {
				t.Errorf("after the failure, there is a database: %v", !existed)
			}
			d.DenyMemory(false)
			again := openAt(t, path, store.Options{Disk: d})
			save(t, again, defaults(t, again), "after", `{}`)
			sound(t, again)
		})
	}
}
