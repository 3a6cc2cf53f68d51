package store_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/store"
	"github.com/tandemdb/tandem/internal/store/postgres"
	"github.com/tandemdb/tandem/internal/store/storetest"
)

// ownSpace is one of a device.
const ownSpace = "known-servers"

// rich fills a database with all that a database may have.
func rich(t testing.TB, db *store.DB) {
	t.Helper()
	first, second := remote(t, db, "wss://first/db"), remote(t, db, "wss://second\x00/db")
	err := errors.Join(db.KeepBases(background, true), db.NoteMet(background, store.Fourth), db.NoteMet(background, store.Third))
	if err != nil {
		t.Fatal(err)
	}
	gone, err := db.CreateCollection(background, "shop", "gone")
	if err != nil {
		t.Fatal(err)
	}
	save(t, db, gone, "a", `{}`)
	items, err := db.CreateCollection(background, "shop", "items")
	if err == nil {
		err = db.DeleteCollection(background, "shop", "gone")
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []*store.Collection{defaults(t, db), items} {
		for i := range 700 {
			save(t, db, c, fmt.Sprintf("doc %04d", i), fmt.Sprintf(`{"n":%d,"big":1.25e300}`, i))
		}
		for i := range 40 {
			save(t, db, c, fmt.Sprintf("doc %04d", i), fmt.Sprintf(`{"n":%d,"edited":"\u0000"}`, i))
		}
		save(t, db, c, "blob", blobBody(putBlob(t, db, "content of "+c.FullName())))
		save(t, db, c, "blob", `{"now":"the blob is of the base"}`)
		save(t, db, c, "blob 2", blobBody(putBlob(t, db, strings.Repeat("long ", 150_000)+c.FullName())))
		for i := range 3 {
			conflictIn(t, db, c, fmt.Sprint("conflict ", i), first)
		}
		conflictIn(t, db, c, "conflict 0", second)
		update(t, db, func(tx *store.Tx) error {
			for i := 100; i < 120; i++ {
				if _, err := tx.Save(c, store.Edit{ID: fmt.Sprintf("doc %04d", i), Deleted: true}); err != nil {
					return err
				}
			}
			k, err := tx.ConflictOf(c, "conflict 2")
			if err == nil {
				_, err = tx.Resolve(c, store.Resolution{
					ID: "conflict 2", Remote: first, Local: k.Local.Rev.ID, Winner: store.RemoteWins, Why: "a test \x00 \xff",
				})
			}
			_, wrong := tx.SetLocal(c, "local "+c.Name(), "", []byte(`{"since":7}`))
			return errors.Join(err, wrong, tx.SetExpiry(c, "doc 0200", time.Now().Add(time.Hour)),
				tx.Purge(c, "doc 0300"), tx.MarkKnown(c, "doc 0400", second, "1-aa"))
		})
	}
	update(t, db, func(tx *store.Tx) error {
		for i := range 700 {
			if _, err := tx.SetPeerCheckpoint(fmt.Sprint("peer ", i), "", []byte(`{"local":1}`)); err != nil {
				return err
			}
		}
		return errors.Join(tx.SetLocalCheckpoint("cp-1", []byte(`{"local":2}`)), tx.SetInfo("space", "odd \x00 key", []byte{}),
			tx.SetInfo(ownSpace, "host", []byte("a certificate")))
	})
	save(t, db, items, "the last one", `{}`)
	update(t, db, func(tx *store.Tx) error { return tx.Purge(items, "the last one") })
}

// conflictIn leaves a document in conflict with a remote.
func conflictIn(t testing.TB, db *store.DB, c *store.Collection, id string, with store.Remote) {
	t.Helper()
	peer := revision.SourceFrom([16]byte{byte(with), 9})
	theirs := revision.Rev{ID: revision.NewVersion(1<<51, peer)}
	if db.Versioning() == store.RevTrees {
		theirs = rev(t, "2-ff"+fmt.Sprint(int(with)), "1-aa"+fmt.Sprint(int(with)))
	}
	if get(t, db, c, id) == nil {
		save(t, db, c, id, `{"local":1}`)
	}
	in := store.Incoming{ID: id, Rev: theirs, Body: []byte(`{"theirs":1}`), Remote: with}
	if o, err := receive(db, c, in); o != store.Conflicted || err != nil {
		t.Fatalf("got %v, %v", o, err)
	}
}

func rowsOf(t testing.TB, db *store.DB) string {
	t.Helper()
	lines, err := store.AllRows(background, db)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(lines, "\n")
}

// copyTo copies to a new database in PostgreSQL or a folder, and opens it.
func copyTo(t testing.TB, db *store.DB, toHub bool) *store.DB {
	t.Helper()
	if toHub {
		url := postgresURL(t)
		if err := db.CopyToHub(background, postgres.Engine{}, url); err != nil {
			t.Fatal(err)
		}
		return openNode(t, url, store.Options{MustExist: true, OwnSpaces: []string{ownSpace}})
	}
	path := filepath.Join(t.TempDir(), "copy.tandem")
	if err := db.Copy(background, path); err != nil {
		t.Fatal(err)
	}
	copied, err := store.Open(background, path, store.Options{MustExist: true, OwnSpaces: []string{ownSpace}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { checked(t, copied) })
	return copied
}

func TestACopyAcrossEnginesHasAllRows(t *testing.T) {
	inFolders(t)
	for _, v := range allVersionings {
		t.Run(string(v), func(t *testing.T) {
			db := openAt(t, filepath.Join(t.TempDir(), "db.tandem"), store.Options{Versioning: v, OwnSpaces: []string{ownSpace}})
			rich(t, db)
			want := rowsOf(t, db)
			own := fmt.Sprintf("value %s host %x\n", ownSpace, "a certificate")
			if !strings.Contains(want, own) {
				t.Fatal("the database lacks what the copy must not have")
			}
			want = strings.Replace(want, own, "", 1)
			sources, privates := map[revision.Source]bool{db.Source(): true}, [][16]byte{db.PrivateUUID()}
			for i, toHub := range []bool{true, true, false, true} {
				db = copyTo(t, db, toHub)
				if got := rowsOf(t, db); got != want {
					t.Fatalf("copy %d: %s", i, firstDifference(got, want))
				}
				if met := len(db.Met()); (met == 2) != (v == store.Both) {
					t.Errorf("copy %d has met %d generations", i, met)
				}
				if sources[db.Source()] {
					t.Errorf("copy %d signs its edits as an earlier one", i)
				}
				sources[db.Source()] = true
				if got := db.PreviousUUIDs(); fmt.Sprint(got) != fmt.Sprint(privates) {
					t.Errorf("copy %d knows as previous UUIDs %x, want %x", i, got, privates)
				}
				privates = append([][16]byte{db.PrivateUUID()}, privates...)
			}
			after := save(t, db, defaults(t, db), "doc 0001", `{"edited":"in the copy"}`)
			if n := 1 + int(lastSequence(t, copyTo(t, db, false), "_default")); after.Sequence != store.Sequence(n-1) {
				t.Errorf("an edit of the copy has sequence %d, and is not the last", after.Sequence)
			}
		})
	}
}

func lastSequence(t testing.TB, db *store.DB, collection string) (last store.Sequence) {
	t.Helper()
	view(t, db, func(tx *store.Tx) error {
		c, err := tx.Collection(collection, collection)
		if err == nil {
			last, err = tx.LastSequence(c)
		}
		return err
	})
	return last
}

func firstDifference(got, want string) string {
	is, wants := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(is), len(wants)) {
		if is[i] != wants[i] {
			return fmt.Sprintf("line %d: got %.300s\nwant %.300s", i, is[i], wants[i])
		}
	}
	return fmt.Sprintf("got %d lines, want %d", len(is), len(wants))
}

// A copy that is cut off opens for nobody, and is made anew by the next attempt.
func TestACopyThatWasCutOffIsMadeAnew(t *testing.T) {
	inFolders(t)
	db := open(t, store.Options{OwnSpaces: []string{ownSpace}})
	rich(t, db)
	url := postgresURL(t)
	for range 3 {
		ctx, cancel := context.WithCancel(background)
		cutting := store.WithProgress(ctx, func(done, _ uint64) {
			if done > 1000 {
				cancel()
			}
		})
		if err := db.CopyToHub(cutting, postgres.Engine{}, url); !errors.Is(err, context.Canceled) {
			t.Fatalf("got %v, want a copy that was cut off", err)
		}
		_, err := store.OpenHub(background, postgres.Engine{}, url, store.Options{})
		if !errors.Is(err, fault.CantOpen) || !strings.Contains(fault.HintOf(err), "again") {
			t.Fatalf("opening the half: got %v", err)
		}
	}
	if err := db.CopyToHub(background, postgres.Engine{}, url); err != nil {
		t.Fatal(err)
	}
	copied := openNode(t, url, store.Options{})
	got, want := rowsOf(t, copied), rowsOf(t, db)
	if want = strings.Replace(want, fmt.Sprintf("value %s host %x\n", ownSpace, "a certificate"), "", 1); got != want {
		t.Error(firstDifference(got, want))
	}
	if err := db.CopyToHub(background, postgres.Engine{}, url); !errors.Is(err, fault.Invalid) || fault.HintOf(err) == "" {
		t.Errorf("onto an existing one: got %v", err)
	} else if !strings.HasPrefix(err.Error(), "copy database") {
		t.Errorf("onto an existing one: %q does not say that a copy fails", err)
	}
}

// A copier that goes on after another one has begun stores nothing more.
func TestALaterCopyEndsAnEarlierOne(t *testing.T) {
	inFolders(t)
	db, url := open(t, store.Options{}), postgresURL(t)
	c := defaults(t, db)
	for i := range 1500 {
		save(t, db, c, fmt.Sprint("doc ", i), `{}`)
	}
	overtaken := false
	overtaking := store.WithProgress(background, func(done, _ uint64) {
		if done < 500 || overtaken {
			return
		}
		overtaken = true
		if err := db.CopyToHub(background, postgres.Engine{}, url); err != nil {
			t.Error(err)
		}
	})
	if err := db.CopyToHub(overtaking, postgres.Engine{}, url); !errors.Is(err, fault.Invalid) || !overtaken {
		t.Errorf("the copy that was overtaken ends with %v", err)
	}
	if got, want := rowsOf(t, openNode(t, url, store.Options{})), rowsOf(t, db); got != want {
		t.Error(firstDifference(got, want))
	}
}

// loseConnections ends all connections to a database.
func loseConnections(t testing.TB, url string) {
	t.Helper()
	conn := connect(t, url)
	defer conn.Close(background)
	_, err := conn.Exec(background, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND application_name = 'tandem'`)
	if err != nil {
		t.Error(err)
	}
}

// Connections are lost in the middle: a copy to PostgreSQL goes on, and one of PostgreSQL, which has lost its snapshot, says so and
// leaves nothing.
func TestACopyWhoseConnectionsAreLost(t *testing.T) {
	inFolders(t)
	server := storetest.StartPostgres(t)
	url := server.URL()
	var asked, cutAt atomic.Int64 // the clock is asked for each document that is copied
	clock := func() time.Time {
		if asked.Add(1) == cutAt.Load() {
			loseConnections(t, url)
		}
		return time.Now()
	}
	db := open(t, store.Options{Now: clock})
	c := defaults(t, db)
	for i := range 1500 {
		save(t, db, c, fmt.Sprint("doc ", i), `{}`)
	}
	cutAt.Store(asked.Load() + 700)
	if err := db.CopyToHub(background, postgres.Engine{}, url); err != nil || asked.Load() < cutAt.Load() {
		t.Fatalf("the copy that was cut ends with %v", err)
	}
	copied := openNode(t, url, store.Options{Now: clock})
	want := rowsOf(t, db)
	if got := rowsOf(t, copied); got != want {
		t.Error(firstDifference(got, want))
	}
	folder := t.TempDir()
	cutAt.Store(asked.Load() + 700)
	if err := copied.Copy(background, filepath.Join(folder, "back.tandem")); err == nil || fault.HintOf(err) == "" {
		t.Errorf("the copy that was cut ends with %v", err)
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if got := rowsOf(t, copyTo(t, copied, false)); got != want {
		t.Error(firstDifference(got, want))
	}
}

// later is the time after documents have expired that tests let expire.
func later() time.Time { return time.Now().Add(2 * time.Hour) }

// expired returns a database with documents that have expired and wait to be purged. It is read-only, and purges nothing.
func expired(t *testing.T, fill func(db *store.DB, c *store.Collection, expire func(id string))) *store.DB {
	t.Helper()
	path := filepath.Join(t.TempDir(), "db.tandem")
	db, err := store.Open(background, path, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	c := defaults(t, db)
	fill(db, c, func(id string) {
		update(t, db, func(tx *store.Tx) error { return tx.SetExpiry(c, id, time.Now().Add(time.Hour)) })
	})
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return openAt(t, path, store.Options{ReadOnly: true, Now: later})
}

// What has expired and waits to be purged is copied, and purged there by the rules.
func TestACopyPurgesWhatHasExpired(t *testing.T) {
	inFolders(t)
	db := expired(t, func(db *store.DB, c *store.Collection, expire func(id string)) {
		save(t, db, c, "a", `{}`)
		expire("a")
	})
	url := postgresURL(t)
	if err := db.CopyToHub(background, postgres.Engine{}, url); err != nil {
		t.Fatal(err)
	}
	openNode(t, url, store.Options{Now: later})
	untilTrue(t, url, `SELECT EXISTS (SELECT FROM value WHERE space = 'purged _default._default' AND key = 'a')`)
}
