package tandem_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tandemdb/tandem"
)

func TestOpenAppendsTheExtension(t *testing.T) {
	inFolders(t, "files")
	for _, name := range []string{"notes", "notes.tandem", "notes/", "notes.tandem/", "./x/../notes"} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			db := openAt(t, dir+"/"+name, tandem.Options{})
			if want := filepath.Join(dir, "notes.tandem"); db.Path() != want || db.Name() != "notes" {
				t.Errorf("got path %s and name %s, want %s and notes", db.Path(), db.Name(), want)
			}
			if !tandem.Exists(filepath.Join(dir, "notes")) {
				t.Error("Exists does not see the database")
			}
		})
	}
}

func TestAPathWithoutANameIsRefused(t *testing.T) {
	for _, path := range []string{"", ".", "..", "/", ".tandem", "x/..", "x/.tandem"} {
		_, err := tandem.Open(t.Context(), path, tandem.Options{})
		wantError(t, "open "+path, err, tandem.ErrInvalid)
		if tandem.Exists(path) {
			t.Errorf("Exists(%q) is true", path)
		}
		wantError(t, "delete "+path, tandem.DeleteDatabase(path), tandem.ErrInvalid)
	}
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	cases := map[string]struct {
		prepare func(t *testing.T, folder string)
		options tandem.Options
		want    error
	}{
		"missing":            {func(*testing.T, string) {}, tandem.Options{MustExist: true}, tandem.ErrNotFound},
		"a file":             {func(t *testing.T, f string) { write(t, f, "x") }, tandem.Options{}, tandem.ErrNotADatabase},
		"a folder of others": {othersFolder, tandem.Options{}, tandem.ErrNotADatabase},
		"not SQLite":         {notSQLite, tandem.Options{}, tandem.ErrNotADatabase},
		"a newer format":     {newerFormat, tandem.Options{}, tandem.ErrTooNew},
		"of another versioning": {
			create, tandem.Options{Versioning: tandem.RevTrees}, tandem.ErrInvalid,
		},
		"unknown versioning": {create, tandem.Options{Versioning: "dates"}, tandem.ErrInvalid},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			folder := filepath.Join(t.TempDir(), "x.tandem")
			c.prepare(t, folder)
			_, err := tandem.Open(t.Context(), folder, c.options)
			wantError(t, "open", err, c.want)
			if c.want != tandem.ErrNotADatabase && tandem.HintOf(err) == "" { //nolint:errorlint // a variable of the table
				t.Errorf("%v has no hint", err)
			}
		})
	}
}

func write(t testing.TB, path, text string) {
	t.Helper()
	check(t, os.WriteFile(path, []byte(text), 0o600))
}

func create(t *testing.T, folder string) {
	db, err := tandem.Open(t.Context(), folder, tandem.Options{})
	check(t, err)
	check(t, db.Close())
}

func othersFolder(t *testing.T, folder string) {
	check(t, os.Mkdir(folder, 0o700))
	write(t, filepath.Join(folder, "letter.txt"), "Dear")
}

func notSQLite(t *testing.T, folder string) {
	create(t, folder)
	write(t, filepath.Join(folder, "db.sqlite3"), strings.Repeat("no database ", 1000))
}

// newerFormat raises the format version in the header of the SQLite file.
func newerFormat(t *testing.T, folder string) {
	create(t, folder)
	path := filepath.Join(folder, "db.sqlite3")
	file, err := os.ReadFile(path)
	check(t, err)
	const userVersion = 60 // its offset
	binary.BigEndian.PutUint32(file[userVersion:], 1<<30)
	check(t, os.WriteFile(path, file, 0o600))
}

func TestVersioningIsChosenAtCreation(t *testing.T) {
	cases := map[tandem.Versioning]string{tandem.RevTrees: "-", tandem.VersionVectors: "@", "": "@"}
	for versioning, mark := range cases {
		path := filepath.Join(t.TempDir(), "x")
		db := openAt(t, path, tandem.Options{Versioning: versioning})
		d := save(t, defaultIn(t, db), "a", `{}`)
		if !strings.Contains(d.RevisionID(), mark) {
			t.Errorf("versioning %q gives revision %s, want a %s in it", versioning, d.RevisionID(), mark)
		}
		if d.Timestamp().IsZero() != (mark == "-") {
			t.Errorf("versioning %q gives timestamp %v", versioning, d.Timestamp())
		}
		check(t, db.Close())
		again := openAt(t, path, tandem.Options{MustExist: true})
		if again.Versioning() != db.Versioning() || again.UUID() != db.UUID() {
			t.Errorf("reopened: got %s %s, want %s %s", again.Versioning(), again.UUID(), db.Versioning(), db.UUID())
		}
	}
}

func TestUpgradeVersioningConcernsNewEdits(t *testing.T) {
	db := newDatabase(t, tandem.Options{Versioning: tandem.RevTrees})
	c := defaultIn(t, db)
	old := save(t, c, "a", `{}`).RevisionID()
	check(t, db.UpgradeVersioning(t.Context()))
	if got := read(t, c, "a").RevisionID(); got != old {
		t.Errorf("the upgrade changed revision %s to %s", old, got)
	}
	if got := save(t, c, "a", `{"n":1}`).RevisionID(); !strings.Contains(got, "@") {
		t.Errorf("an edit after the upgrade got revision %s", got)
	}
}

func TestAClosedDatabaseRefusesEverything(t *testing.T) {
	db := newDatabase(t, tandem.Options{})
	c := defaultIn(t, db)
	d := save(t, c, "a", `{}`)
	ctx := t.Context()
	check(t, db.Close())
	check(t, db.Close())
	calls := map[string]func() error{
		"Collections":       func() error { _, err := db.Collections(ctx); return err },
		"CreateCollection":  func() error { _, err := db.CreateCollection(ctx, "s", "c"); return err },
		"Document":          func() error { _, err := c.Document(ctx, "a"); return err },
		"Save":              func() error { return c.Save(ctx, d) },
		"Delete":            func() error { return c.Delete(ctx, d) },
		"Purge":             func() error { return c.Purge(ctx, "a") },
		"Count":             func() error { _, err := c.Count(ctx); return err },
		"Compact":           func() error { return db.Compact(ctx) },
		"Check":             func() error { _, err := db.Check(ctx); return err },
		"Copy":              func() error { return db.Copy(ctx, filepath.Join(t.TempDir(), "copy")) },
		"InBatch":           func() error { return db.InBatch(ctx, func(*tandem.Batch) error { return nil }) },
		"OpenBlob":          func() error { _, err := db.OpenBlob("sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk="); return err },
		"CreateBlob":        func() error { _, err := db.CreateBlob(ctx, "", strings.NewReader("x")); return err },
		"UpgradeVersioning": func() error { return db.UpgradeVersioning(ctx) },
		"AddChangeListener": func() error {
			_, err := c.AddChangeListener(ctx, func(tandem.CollectionChange) {})
			return err
		},
		"All": func() error {
			for _, err := range c.All(ctx) {
				return err
			}
			return nil
		},
		"FollowChanges": func() error {
			for _, err := range c.FollowChanges(ctx, 0) {
				return err
			}
			return nil
		},
	}
	for name, call := range calls {
		wantError(t, name, call(), tandem.ErrNotOpen)
	}
}

func TestCloseMayBeCalledByMany(t *testing.T) {
	db := newDatabase(t, tandem.Options{})
	var closers sync.WaitGroup
	for range 8 {
		closers.Go(func() {
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	closers.Wait()
}

func TestADatabaseIsUsedFromManyGoroutines(t *testing.T) { // P-04
	const goroutines, rounds = 8, 10
	c := newCollection(t)
	ids := listen(t, c)
	use := func(me, round int) error {
		id := fmt.Sprintf("%d-%d", me, round)
		if err := c.Put(t.Context(), id, map[string]int{"round": round}); err != nil {
			return err
		}
		err := c.Database().InBatch(t.Context(), func(b *tandem.Batch) error {
			var was struct{ Round int }
			if err := b.Get(c, id, &was); err != nil {
				return err
			}
			return b.Put(c, id, map[string]int{"round": was.Round + 1})
		})
		for _, readErr := range c.All(t.Context()) {
			err = errors.Join(err, readErr)
		}
		return err
	}
	var users sync.WaitGroup
	for me := range goroutines {
		users.Go(func() {
			for round := range rounds {
				if err := use(me, round); err != nil {
					t.Error(err)
				}
			}
		})
	}
	users.Wait()
	want, heard := make(map[string]string), make(map[string]bool)
	for i := range goroutines * rounds {
		want[fmt.Sprintf("%d-%d", i/rounds, i%rounds)] = fmt.Sprintf(`{"round":%d}`, i%rounds+1)
	}
	wantContents(t, c, want)
	for len(heard) < len(want) {
		heard[receive(t, "a change", ids)] = true
	}
}

// X-15, L-14: closing or deleting the database ends what uses it, and nothing starts again.
func TestTheEndOfADatabaseEndsItsUsers(t *testing.T) {
	ends := map[string]func(*tandem.Database) error{
		"Close":  (*tandem.Database).Close,
		"Delete": (*tandem.Database).Delete,
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			if name == "Delete" {
				inFolders(t, "files")
			}
			db := newDatabase(t, tandem.Options{})
			c := defaultIn(t, db)
			calls := make(chan tandem.CollectionChange, 1)
			_, err := c.AddChangeListener(t.Context(), func(change tandem.CollectionChange) { calls <- change })
			check(t, err)
			l, err := tandem.NewURLEndpointListener(tandem.URLEndpointListenerConfiguration{
				Collections: []*tandem.Collection{c}, DisableTLS: true, NetworkInterface: "127.0.0.1",
			})
			check(t, err)
			check(t, l.Start())
			save(t, c, "a", `{}`)
			receive(t, "the change", calls)

			check(t, end(db))
			if l.Port() != 0 || len(l.URLs()) != 0 {
				t.Errorf("the listener has port %d and URLs %v, want none", l.Port(), l.URLs())
			}
			wantError(t, "start the listener", l.Start(), tandem.ErrNotOpen)
		})
	}
}

func TestDeleteRemovesTheFolder(t *testing.T) {
	inFolders(t, "files")
	db := newDatabase(t, tandem.Options{})
	save(t, defaultIn(t, db), "a", `{}`)
	check(t, db.Delete())
	if _, err := os.Stat(db.Path()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("after Delete, stat gives %v", err)
	}
	wantError(t, "delete again", tandem.DeleteDatabase(db.Path()), tandem.ErrNotFound)
}

func TestADatabaseThatIsOpenElsewhereIsNotDeleted(t *testing.T) {
	inFolders(t, "files")
	db := newDatabase(t, tandem.Options{})
	save(t, defaultIn(t, db), "a", `{"n":1}`)
	other, err := tandem.Open(t.Context(), db.Path(), tandem.Options{})
	check(t, err)
	wantError(t, "delete", other.Delete(), tandem.ErrBusy)
	wantError(t, "delete by path", tandem.DeleteDatabase(db.Path()), tandem.ErrBusy)
	_, err = defaultIn(t, db).Document(t.Context(), "a")
	check(t, err)
	check(t, db.Close())
	check(t, tandem.DeleteDatabase(db.Path()))
}

func TestACopyIsADatabaseOfItsOwn(t *testing.T) {
	inFolders(t, "files")
	db := newDatabase(t, tandem.Options{})
	c := defaultIn(t, db)
	d := newDocument(t, "a", `{"n":1}`)
	check(t, d.SetBlob("b", tandem.NewBlob("text/plain", []byte("content"))))
	check(t, c.Save(t.Context(), d))
	path := filepath.Join(t.TempDir(), "copy")
	check(t, db.Copy(t.Context(), path))
	wantError(t, "copy to the same place", db.Copy(t.Context(), path), tandem.ErrInvalid)

	twin := openAt(t, path, tandem.Options{MustExist: true})
	if twin.UUID() == db.UUID() {
		t.Error("the copy has the UUID of the original")
	}
	in := defaultIn(t, twin)
	save(t, c, "a", `{"n":2}`)
	content, err := read(t, in, "a").Blob("b").Content()
	check(t, err)
	if string(content) != "content" {
		t.Errorf("blob of the copy: got %q", content)
	}
	if n := read(t, in, "a").Properties()["n"]; n != jsonNumber("1") {
		t.Errorf("n of the copy: got %v, want 1", n)
	}
}

func TestCheckFindsDamage(t *testing.T) {
	inFolders(t, "files")
	db := newDatabase(t, tandem.Options{})
	d := newDocument(t, "a", `{}`)
	check(t, d.SetBlob("b", tandem.NewBlob("", []byte("content"))))
	check(t, defaultIn(t, db).Save(t.Context(), d))
	problems, err := db.Check(t.Context())
	if err != nil || problems != nil {
		t.Fatalf("a sound database: got %v, %v", problems, err)
	}
	blobs, err := filepath.Glob(filepath.Join(db.Path(), "blobs", "*"))
	if err != nil || len(blobs) != 1 {
		t.Fatalf("blob files: got %v, %v, want one", blobs, err)
	}
	write(t, blobs[0], "another")
	problems, err = db.Check(t.Context())
	check(t, err)
	if len(problems) != 1 || problems[0].Where == "" || !strings.Contains(problems[0].String(), ": ") {
		t.Errorf("a blob with other content: got %v, want one problem", problems)
	}
	check(t, db.Close()) // which is not sound, and would be found to be so at the end of the test
}

func TestCancelledCallsEnd(t *testing.T) { // P-04
	c := newCollection(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	cancel()
	_, err := c.Document(ctx, "a")
	wantError(t, "Document", err, context.Canceled)
	wantError(t, "Save", c.Save(ctx, tandem.NewDocument("a")), context.Canceled)
	_, err = tandem.Open(ctx, filepath.Join(t.TempDir(), "x"), tandem.Options{})
	wantError(t, "Open", err, context.Canceled)
}

// Who knows the standard library finds what is missing in its words (E17).
func TestE17WhatIsNotThereDoesNotExist(t *testing.T) {
	_, err := tandem.Open(t.Context(), filepath.Join(t.TempDir(), "none"), tandem.Options{MustExist: true})
	_, missing := newCollection(t).Document(t.Context(), "none")
	for _, err := range []error{err, missing} {
		if !errors.Is(err, fs.ErrNotExist) || !errors.Is(err, tandem.ErrNotFound) {
			t.Errorf("%v is not %v and %v", err, fs.ErrNotExist, tandem.ErrNotFound)
		}
	}
	if errors.Is(tandem.ErrInvalid, fs.ErrNotExist) {
		t.Error("what is invalid does not exist")
	}
}
