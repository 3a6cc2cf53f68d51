package store_test

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/store"
)

// A read-only database writes no byte, even if it was not closed properly before.
func TestADatabaseIsReadWithoutWriting(t *testing.T) {
	inFolders(t)
	atRest(t, func(t *testing.T, o store.Options) {
		for name, closed := range map[string]bool{"closed": true, "with a log": false} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				db := open(t, o)
				s := fillSecretly(t, db)
				if closed {
					if err := db.Close(); err != nil {
						t.Fatal(err)
					}
				}
				path := filepath.Join(t.TempDir(), "archive"+store.Extension)
				if err := os.CopyFS(path, os.DirFS(db.Path())); err != nil {
					t.Fatal(err)
				}
				_ = os.Remove(filepath.Join(path, "db.sqlite3-shm")) // as after a restart
				before := contents(t, path)
				if logged := len(before["/db.sqlite3-wal"]) > 0; logged == closed {
					t.Fatalf("there is a log: %t", logged)
				}
				readOnly := optionsFor(t, path)
				readOnly.ReadOnly = true
				frozen := openAt(t, path, readOnly)
				var readers sync.WaitGroup
				for range 2 {
					readers.Go(func() { s.intact(t, frozen) })
				}
				readers.Wait()
				err := frozen.Update(background, func(*store.Tx) error { t.Error("a change is begun"); return nil })
				wantFault(t, err, fault.NotWriteable)
				_, err = frozen.BlobWriter(background)
				wantFault(t, err, fault.NotWriteable)
				wantFault(t, frozen.KeepBases(background, true), fault.NotWriteable)
				if err := frozen.Close(); err != nil {
					t.Error(err)
				}
				if after := contents(t, path); !maps.EqualFunc(before, after, bytes.Equal) {
					t.Error("the files have changed")
				}
				s.intact(t, openAt(t, path, optionsFor(t, path))) // the database has all its content
			})
		}
	})
}

func TestOnlyADatabaseNobodyWritesIsReadSo(t *testing.T) {
	inFolders(t)
	t.Parallel()
	db := open(t, store.Options{})
	_, err := store.Open(background, db.Path(), store.Options{ReadOnly: true})
	wantFault(t, err, fault.Busy)
	nowhere := filepath.Join(t.TempDir(), "x"+store.Extension)
	_, err = store.Open(background, nowhere, store.Options{ReadOnly: true})
	wantFault(t, err, fault.NotFound)
	if _, err := os.Stat(nowhere); err == nil {
		t.Error("something was made")
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	first := openAt(t, db.Path(), store.Options{ReadOnly: true})
	ctx, cancel := context.WithCancel(background)
	cancel()
	if _, err := store.Open(ctx, db.Path(), store.Options{}); err == nil {
		t.Error("somebody writes what is read so")
	}
	_ = first
}

func wantFault(t *testing.T, got error, want *fault.Error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
