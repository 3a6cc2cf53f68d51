package store_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/store"
	"github.com/tandemdb/tandem/internal/store/postgres"
)

// A server that has lost the last part of a copy, as by a fail-over to a standby that lags, completes none.
func TestACopyThatLostItsEndIsNotComplete(t *testing.T) {
	inFolders(t)
	db := open(t, store.Options{})
	c := defaults(t, db)
	for i := range 1200 {
		save(t, db, c, fmt.Sprint(i), `{}`)
	}
	for name, loss := range map[string]string{
		"commits": `UPDATE hub SET commits = commits - 3`,
		"line":    `UPDATE hub SET line = 'another'`,
		"lease":   `DELETE FROM node`,
	} {
		t.Run(name, func(t *testing.T) {
			if name == "line" {
				inPostgres(t)
			}
			url := postgresURL(t)
			conn := connect(t, url)
			defer conn.Close(background)
			lost := false
			losing := store.WithProgress(background, func(done, total uint64) {
				if done < total || lost {
					return
				}
				lost = true
				for _, sql := range []string{`DELETE FROM "_default._default" WHERE seq > 500`, `UPDATE collection SET last = 500, live = 500`, loss} {
					if _, err := conn.Exec(background, sql); err != nil {
						t.Error(err)
					}
				}
			})
			if err := db.CopyToHub(losing, postgres.Engine{}, url); !errors.Is(err, fault.Invalid) || fault.HintOf(err) == "" || !lost {
				t.Errorf("got %v, want a copy that is not complete", err)
			}
			if _, err := store.OpenHub(background, postgres.Engine{}, url, store.Options{}); !errors.Is(err, fault.CantOpen) {
				t.Errorf("opening what is left: got %v", err)
			}
			if err := db.CopyToHub(background, postgres.Engine{}, url); err != nil {
				t.Fatal(err)
			}
			if got, want := rowsOf(t, openNode(t, url, store.Options{})), rowsOf(t, db); got != want {
				t.Error(firstDifference(got, want))
			}
		})
	}
}

// A content that a clean-up removes from the original meanwhile is in the snapshot, and so in the copy.
func TestACopyHasTheBlobsOfItsSnapshot(t *testing.T) {
	inFolders(t)
	for _, kept := range []bool{false, true} {
		t.Run(fmt.Sprint("kept ", kept), func(t *testing.T) {
			url := postgresURL(t)
			var asked, cutAt atomic.Int64 // the clock is asked for each document that is copied
			cut := func() {}
			db := openNode(t, url, store.Options{Now: func() time.Time {
				if asked.Add(1) == cutAt.Load() {
					cut()
				}
				return time.Now()
			}})
			c := defaults(t, db)
			if err := db.KeepBases(background, true); err != nil {
				t.Fatal(err)
			}
			for i := range 600 {
				save(t, db, c, fmt.Sprint(i), `{}`)
			}
			long := strings.Repeat("hello there ", 50_000)
			save(t, db, c, "b", blobBody(putBlob(t, db, long)))
			if kept {
				conflictIn(t, db, c, "b", remote(t, db, "wss://first/db"))
				save(t, db, c, "b", `{"the blob":"is of a kept revision, if any"}`)
			}
			bySQL[int64](t, url, `WITH old AS (UPDATE blob SET touched = touched - interval '3 days' RETURNING 1) SELECT count(*) FROM old`)
			collected := false
			cut = func() {
				collected = true
				update(t, db, func(tx *store.Tx) error { return tx.Purge(c, "b") })
				if err := db.Compact(background); err != nil {
					t.Error(err)
				}
				if n := bySQL[int64](t, url, `SELECT count(*) FROM blob`); n > 0 {
					t.Errorf("%d contents are left, so the test shows nothing", n)
				}
			}
			cutAt.Store(asked.Load() + 300)
			path := filepath.Join(t.TempDir(), "copy.tandem")
			if err := db.Copy(background, path); err != nil || !collected {
				t.Fatal(err)
			}
			copied := openAt(t, path, store.Options{MustExist: true})
			if problems, err := copied.Check(background); err != nil || len(problems) > 0 {
				t.Errorf("the check finds %v, %v", problems, err)
			}
			there := postgresURL(t)
			if err := copied.CopyToHub(background, postgres.Engine{}, there); err != nil {
				t.Fatal(err)
			}
			openNode(t, there, store.Options{})
			if n := bySQL[int64](t, there, `SELECT coalesce(sum(size), 0)::bigint FROM blob`); n != int64(len(long)) {
				t.Errorf("the copy has %d bytes of contents, want %d", n, len(long))
			}
		})
	}
}

// What has expired is copied with all that belongs to it. Nothing is purged before the copy is complete.
func TestACopyInTheMakingPurgesNothing(t *testing.T) {
	inFolders(t)
	db := expired(t, func(db *store.DB, c *store.Collection, expire func(id string)) {
		first := remote(t, db, "wss://first/db")
		for i := range 1500 {
			id := fmt.Sprint(i)
			if i%20 == 0 {
				conflictIn(t, db, c, id, first)
			} else {
				save(t, db, c, id, `{}`)
			}
			expire(id)
		}
	})
	reading := store.Options{ReadOnly: true, Now: later}
	want := rowsOf(t, db)
	url := postgresURL(t)
	if err := db.CopyToHub(background, postgres.Engine{}, url); err != nil {
		t.Fatal(err)
	}
	there, err := store.OpenHub(background, postgres.Engine{}, url, reading)
	if err != nil {
		t.Fatal(err)
	}
	defer there.Close()
	if got := rowsOf(t, there); got != want {
		t.Error(firstDifference(got, want))
	}
	back := filepath.Join(t.TempDir(), "back.tandem")
	if err := there.Copy(background, back); err != nil {
		t.Fatal(err)
	}
	again, err := store.Open(background, back, reading)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if got := rowsOf(t, again); got != want {
		t.Error(firstDifference(got, want))
	}
}

// A copy that was cut off leaves contents of blobs to the next copy of the same database, and to no other.
func TestACopyLeavesNoBlobsToAnother(t *testing.T) {
	inFolders(t)
	first, second := open(t, store.Options{}), open(t, store.Options{})
	save(t, first, defaults(t, first), "b", blobBody(putBlob(t, first, "hello there")))
	url := postgresURL(t)
	upload := int64(0)
	for i, db := range []*store.DB{first, first, second} {
		if err := db.CopyToHub(background, postgres.Engine{}, url); err != nil {
			t.Fatal(err)
		}
		left := bySQL[int64](t, url, `SELECT coalesce(sum(upload), 0)::bigint FROM blob`)
		switch {
		case i == 0:
			upload = left
		case i == 1 && left != upload:
			t.Error("the same copy has stored the content anew")
		case i == 2 && (left != 0 || bySQL[int64](t, url, `SELECT count(*) FROM chunk`) != 0):
			t.Error("a copy has contents of another database")
		}
		bySQL[int32](t, url, `UPDATE hub SET format = format + 1000000 RETURNING 1`) // as if it had been cut off
	}
}
