package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/store"
	"github.com/tandemdb/tandem/internal/testsize"
)

func TestOpenRefuses(t *testing.T) {
	valid := func(t *testing.T, path string) {
		db, err := store.Open(background, path, store.Options{})
		if err != nil {
			t.Fatal(err)
		}
		save(t, db, defaults(t, db), "a", string(kilobyte))
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	sql := func(t *testing.T, path, sql string) {
		c, err := sqlite3.Open(filepath.Join(path, "db.sqlite3"))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if err := c.Exec(sql); err != nil {
			t.Fatal(err)
		}
	}
	write := func(t *testing.T, content string, path ...string) {
		name := filepath.Join(path...)
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, tt := range map[string]struct {
		prepare func(t *testing.T, path string)
		options store.Options
		want    *fault.Error
	}{
		"missing": {func(*testing.T, string) {}, store.Options{MustExist: true}, fault.NotFound},
		"empty folder": {
			func(t *testing.T, path string) { _ = os.Mkdir(path, 0o700) },
			store.Options{MustExist: true},
			fault.NotFound,
		},
		"a file":            {func(t *testing.T, path string) { write(t, "text", path) }, store.Options{}, fault.NotADatabase},
		"somebody's folder": {func(t *testing.T, path string) { write(t, "x", path, "thesis.txt") }, store.Options{}, fault.NotADatabase},
		"text in place of the file": {
			func(t *testing.T, path string) { write(t, "this is no database at all", path, "db.sqlite3") },
			store.Options{},
			fault.NotADatabase,
		},
		"another program's": {
			func(t *testing.T, path string) {
				_ = os.Mkdir(path, 0o700)
				sql(t, path, `CREATE TABLE x (y)`)
			},
			store.Options{},
			fault.NotADatabase,
		},
		"newer": {
			func(t *testing.T, path string) { valid(t, path); sql(t, path, `PRAGMA user_version=99`) },
			store.Options{},
			fault.TooNew,
		},
		"other versioning":    {valid, store.Options{Versioning: store.RevTrees}, fault.Invalid},
		"unknown versioning":  {valid, store.Options{Versioning: "both"}, fault.Invalid},
		"negative history":    {valid, store.Options{MaxHistory: -1}, fault.Invalid},
		"meta is incomplete":  {func(t *testing.T, path string) { valid(t, path); sql(t, path, `DELETE FROM meta`) }, store.Options{}, fault.CorruptData},
		"the file is damaged": {func(t *testing.T, path string) { valid(t, path); scribble(t, path, 100, 8192) }, store.Options{}, fault.CorruptData},
		"a folder that does not say": {
			func(t *testing.T, path string) {
				write(t, "", path, "lock")
				if err := os.Symlink("db.sqlite3", filepath.Join(path, "db.sqlite3")); err != nil {
					t.Skip(err)
				}
			},
			store.Options{MustExist: true},
			fault.CantOpen,
		},
		"a folder that is closed": {
			func(t *testing.T, path string) {
				valid(t, path)
				if err := os.Chmod(path, 0); err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = os.Chmod(path, 0o700) }) //nolint:gosec // a folder
				if _, err := os.ReadDir(path); err == nil {
					t.Skip("this user may read everything")
				}
			},
			store.Options{MustExist: true},
			fault.CantOpen,
		},
		"a path in a file": {
			func(t *testing.T, path string) { write(t, "text", filepath.Dir(path), "file") },
			store.Options{},
			fault.NotFound,
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "x.tandem")
			tt.prepare(t, path)
			if name == "a path in a file" {
				path = filepath.Join(filepath.Dir(path), "file", "x.tandem")
				tt.want = fault.IO // not a folder
			}
			db, err := store.Open(background, path, tt.options)
			if err == nil {
				_ = db.Close()
			}
			if !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

// scribble overwrites a part of a database file.
func scribble(t *testing.T, path string, from, to int) {
	t.Helper()
	name := filepath.Join(path, "db.sqlite3")
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	copy(content[from:to], bytes.Repeat([]byte{0xa5}, to-from))
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestDamageWhileReadingIsReported(t *testing.T) {
	inFolders(t)
	db := open(t, store.Options{})
	c := defaults(t, db)
	for i := range 50 {
		save(t, db, c, fmt.Sprint(i), string(kilobyte))
	}
	path := db.Path()
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(path, "db.sqlite3"))
	if err != nil {
		t.Fatal(err)
	}
	scribble(t, path, int(info.Size())-4*8192, int(info.Size()))
	db = openAt(t, path, store.Options{})
	err = db.View(background, func(tx *store.Tx) error {
		_, err := tx.Changes(c, 0, 100, store.Select{WithBody: true})
		return err
	})
	if !errors.Is(err, fault.CorruptData) || fault.HintOf(err) == "" {
		t.Errorf("got %v", err)
	}
	problems, err := db.Check(background)
	if len(problems) == 0 && err == nil {
		t.Error("the check finds nothing")
	}
}

func TestAReadOnlyFolderIsNotOpened(t *testing.T) {
	if os.Geteuid() == 0 || runtime.GOOS == "windows" {
		t.Skip("permissions do not hold for this user")
	}
	path := filepath.Join(t.TempDir(), "x.tandem")
	db, err := store.Open(background, path, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{filepath.Join(path, "db.sqlite3"), path} {
		if err := os.Chmod(name, 0o500); err != nil {
			t.Fatal(err)
		}
	}
	defer func() { // so that the folder can be removed
		if err := os.Chmod(path, 0o700); err != nil {
			t.Error(err)
		}
	}()
	_, err = store.Open(background, path, store.Options{})
	if !errors.Is(err, fault.NotWriteable) {
		t.Errorf("got %v", err)
	}
}

func TestADeletedDatabaseExistsNoMore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notes.tandem")
	if err := store.Delete(path); !errors.Is(err, fault.NotFound) || store.Exists(path) {
		t.Errorf("before: got %v", err)
	}
	db, err := store.Open(background, path, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if db.Name() != "notes" || db.Path() != path || !store.Exists(path) {
		t.Errorf("got name %s, path %s", db.Name(), db.Path())
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := store.Delete(path); err != nil || store.Exists(path) {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("the folder is still there")
	}
}

func TestReopeningKeepsEverything(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.tandem")
	first := openAt(t, path, store.Options{Versioning: store.RevTrees})
	public, private := first.PublicUUID(), first.PrivateUUID()
	doc := save(t, first, defaults(t, first), "a", `{"n":1.50}`)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	db := openAt(t, path, store.Options{MustExist: true})
	if db.Versioning() != store.RevTrees || db.PublicUUID() != public || db.PrivateUUID() != private {
		t.Error("the database is another")
	}
	if got := get(t, db, defaults(t, db), "a"); got.Rev.ID != doc.Rev.ID || string(got.Body) != `{"n":1.50}` {
		t.Errorf("got %+v", got)
	}
}

func TestAnUpgradeConcernsNewEditsAlone(t *testing.T) {
	db := open(t, store.Options{Versioning: store.RevTrees})
	c := defaults(t, db)
	old := save(t, db, c, "a", `{}`)
	other := openAt(t, db.Path(), store.Options{})
	if err := db.UpgradeVersioning(background); err != nil {
		t.Fatal(err)
	}
	if db.Versioning() != store.VersionVectors {
		t.Errorf("got %s", db.Versioning())
	}
	if got := get(t, db, c, "a"); got.Rev.ID != old.Rev.ID {
		t.Errorf("an untouched document: got %v", got.Rev)
	}
	edited := save(t, other, c, "a", `{"n":2}`) // the other handle has seen the commit
	if !edited.Rev.ID.IsVersion() || revision.Compare(edited.Rev, old.Rev) != revision.Newer {
		t.Errorf("edited: got %v", edited.Rev)
	}
	sound(t, db)
}

func TestCollectionsAreSharedByAllWhoHaveTheDatabaseOpen(t *testing.T) {
	db := open(t, store.Options{})
	other := openAt(t, db.Path(), store.Options{})
	made, err := db.CreateCollection(background, "shop", "items")
	if err != nil {
		t.Fatal(err)
	}
	again, err := other.CreateCollection(background, "shop", "items")
	if err != nil || again.FullName() != "shop.items" {
		t.Fatalf("got %v, %v", again, err)
	}
	save(t, other, again, "a", `{}`)
	if get(t, db, made, "a") == nil || get(t, db, defaults(t, db), "a") != nil {
		t.Error("the document is not in its collection alone")
	}
	all, err := other.Collections(background)
	if err != nil || len(all) != 2 || all[0].FullName() != "_default._default" || all[1].Scope() != "shop" || all[1].Name() != "items" {
		t.Errorf("got %v, %v", all, err)
	}
	for name, want := range map[string]*fault.Error{"bad name": fault.Invalid, "_x": fault.Invalid, "": fault.Invalid} {
		if _, err := db.CreateCollection(background, "shop", name); !errors.Is(err, want) {
			t.Errorf("%q: got %v", name, err)
		}
	}
	if err := db.DeleteCollection(background, "_default", "_default"); !errors.Is(err, fault.Invalid) {
		t.Errorf("delete the default collection: got %v", err)
	}
	if err := other.DeleteCollection(background, "shop", "items"); err != nil {
		t.Fatal(err)
	}
	if err := db.DeleteCollection(background, "shop", "items"); !errors.Is(err, fault.NotFound) {
		t.Errorf("delete again: got %v", err)
	}
	uses := map[string]func() error{
		"read": func() error {
			return db.View(background, func(tx *store.Tx) error { _, err := tx.Head(made, "a"); return err })
		},
		"write": func() error { _, err := trySave(db, made, store.Edit{ID: "b"}); return err },
		"feed": func() error {
			return db.View(background, func(tx *store.Tx) error {
				_, err := tx.Changes(made, 0, 1, store.Select{})
				return err
			})
		},
	}
	for _, created := range []bool{false, true} {
		if created { // a new collection of the same name is not the same collection
			if _, err := db.CreateCollection(background, "shop", "items"); err != nil {
				t.Fatal(err)
			}
		}
		for name, use := range uses {
			if err := use(); !errors.Is(err, fault.NotFound) {
				t.Errorf("%s (created again: %v): got %v", name, created, err)
			}
		}
	}
	sound(t, db)
}

func TestDocumentsGoWhenTheirTimeComes(t *testing.T) {
	db := open(t, store.Options{})
	other := openAt(t, db.Path(), store.Options{})
	c := defaults(t, db)
	sub := db.Subscribe()
	defer sub.Close()
	for _, id := range []string{"soon", "never", "by another", "past"} {
		save(t, db, c, id, `{}`)
	}
	set := func(db *store.DB, id string, in time.Duration) {
		t.Helper()
		update(t, db, func(tx *store.Tx) error { return tx.SetExpiry(c, id, tx.Now().Add(in)) })
	}
	set(db, "never", time.Hour)
	set(other, "by another", 150*time.Millisecond)
	set(db, "soon", 100*time.Millisecond)
	if d := save(t, db, c, "never", `{"n":2}`); time.Until(d.Expiry) < 50*time.Minute {
		t.Errorf("a save ended the expiry: %v", d.Expiry)
	}
	update(t, db, func(tx *store.Tx) error { return tx.SetExpiry(c, "never", time.Time{}) })
	set(db, "past", -time.Hour)
	if get(t, db, c, "past") != nil {
		t.Error("a document is read after its expiry")
	}
	wait(t, sub, func() bool { return count(t, db, c) == 1 })
	if get(t, db, c, "never") == nil {
		t.Error("the wrong document is gone")
	}
	err := db.Update(background, func(tx *store.Tx) error { return tx.SetExpiry(c, "soon", time.Now()) })
	if !errors.Is(err, fault.NotFound) {
		t.Errorf("expiry of a purged document: got %v", err)
	}
	sound(t, db)
}

func TestExpiredDocumentGivesWayToANewOne(t *testing.T) {
	now := time.Now()
	db := open(t, store.Options{Versioning: store.RevTrees, Now: func() time.Time { return now }})
	c := defaults(t, db)
	update(t, db, func(tx *store.Tx) error {
		if _, err := tx.Save(c, store.Edit{ID: "a"}); err != nil {
			return err
		}
		if err := tx.SetExpiry(c, "a", now); err != nil {
			return err
		}
		d, err := tx.Save(c, store.Edit{ID: "a", Body: []byte(`{"n":2}`)})
		if err == nil && (d.Rev.ID.Generation() != 1 || !d.Expiry.IsZero()) {
			t.Errorf("got %+v", d)
		}
		return err
	})
	if n := count(t, db, c); n != 1 {
		t.Errorf("got %d documents", n)
	}
}

func count(t testing.TB, db *store.DB, c *store.Collection) (n uint64) {
	t.Helper()
	view(t, db, func(tx *store.Tx) (err error) {
		n, err = tx.Count(c)
		return err
	})
	return n
}

// wait waits for commits until done returns true.
func wait(t testing.TB, sub *store.Subscription, done func() bool) {
	t.Helper()
	timeout := time.After(testsize.Patience)
	for !done() {
		select {
		case <-sub.C:
		case <-timeout:
			t.Fatal("waited in vain")
		}
	}
}

func TestAPeersCheckpointIsReplacedByWhoHasSeenItsRevision(t *testing.T) {
	db := open(t, store.Options{})
	update(t, db, func(tx *store.Tx) error {
		for i, want := range []string{"1-cc", "2-cc"} {
			expect := []string{"", "1-cc"}[i]
			if got, err := tx.SetPeerCheckpoint("cp", expect, []byte{byte(i)}); got != want || err != nil {
				t.Errorf("got %s, %v", got, err)
			}
		}
		for _, expect := range []string{"", "1-cc", "nonsense"} {
			if _, err := tx.SetPeerCheckpoint("cp", expect, nil); !errors.Is(err, fault.Conflict) {
				t.Errorf("expecting %q: got %v", expect, err)
			}
		}
		if _, err := tx.SetPeerCheckpoint("new", "1-cc", nil); !errors.Is(err, fault.Conflict) {
			t.Errorf("expecting what is not there: got %v", err)
		}
		rev, body, ok, err := tx.PeerCheckpoint("cp")
		if rev != "2-cc" || string(body) != "\x01" || !ok || err != nil {
			t.Errorf("got %s %q %v %v", rev, body, ok, err)
		}
		if _, _, ok, err := tx.PeerCheckpoint("none"); ok || err != nil {
			t.Errorf("got %v %v", ok, err)
		}
		return nil
	})
}

func TestALocalCheckpointIsTheLastThatWasSet(t *testing.T) {
	db := open(t, store.Options{})
	update(t, db, func(tx *store.Tx) error {
		for _, body := range []string{"one", "two"} {
			if err := tx.SetLocalCheckpoint("cp", []byte(body)); err != nil {
				return err
			}
			if got, err := tx.LocalCheckpoint("cp"); string(got) != body || err != nil {
				t.Errorf("got %q, %v", got, err)
			}
		}
		return nil
	})
}

func TestSmallValuesAreKeptBySpaceAndKey(t *testing.T) {
	db := open(t, store.Options{})
	update(t, db, func(tx *store.Tx) error {
		for _, pair := range []string{"a", "b", "c"} {
			if err := tx.SetInfo("cookies", pair, []byte(pair)); err != nil {
				return err
			}
		}
		if err := tx.SetInfo("cookies", "b", nil); err != nil {
			return err
		}
		if got, err := tx.Info("cookies", "b"); got != nil || err != nil {
			t.Errorf("got %q, %v", got, err)
		}
		if got, err := tx.Info("other", "a"); got != nil || err != nil {
			t.Errorf("got %q, %v", got, err)
		}
		var all []string
		err := tx.Infos("cookies", func(key string, value []byte) error {
			all = append(all, key+"="+string(value))
			return nil
		})
		same(t, all, "a=a", "c=c")
		return err
	})
}

func TestAViewGivesAnUnknownRemoteNoNumber(t *testing.T) {
	view(t, open(t, store.Options{}), func(tx *store.Tx) error {
		if r, err := tx.RemoteFor("wss://unknown"); r != 0 || err != nil {
			t.Errorf("got %d, %v", r, err)
		}
		return nil
	})
}

func TestPurgesAreTold(t *testing.T) {
	db := open(t, store.Options{})
	c := defaults(t, db)
	sub := db.Subscribe()
	defer sub.Close()
	save(t, db, c, "a", `{}`)
	update(t, db, func(tx *store.Tx) error { return tx.Purge(c, "a") })
	if err := db.Update(background, func(tx *store.Tx) error { return tx.Purge(c, "a") }); !errors.Is(err, fault.NotFound) {
		t.Errorf("purge again: got %v", err)
	}
	if got := sub.Purged(); len(got) != 1 || got[0].ID != "a" || got[0].Collection != c {
		t.Errorf("got %v", got)
	}
	if got := sub.Purged(); got != nil {
		t.Errorf("told twice: %v", got)
	}
}

func TestExpiryWithoutOtherCommits(t *testing.T) {
	db := open(t, store.Options{})
	c := defaults(t, db)
	sub := db.Subscribe()
	defer sub.Close()
	for i := range 5 { // the later rounds find the expirer asleep
		id := fmt.Sprint(i)
		save(t, db, c, id, `{}`)
		update(t, db, func(tx *store.Tx) error { return tx.SetExpiry(c, id, tx.Now().Add(20*time.Millisecond)) })
		wait(t, sub, func() bool { return len(sub.Purged()) == 1 })
	}
}

func TestCollectionsAreDeletedUnused(t *testing.T) {
	db := open(t, store.Options{})
	if _, err := db.CreateCollection(background, "shop", "unused"); err != nil {
		t.Fatal(err)
	}
	if err := db.DeleteCollection(background, "shop", "unused"); err != nil {
		t.Errorf("deleting a collection nobody has used: %v", err)
	}
}
