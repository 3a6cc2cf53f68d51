package store_test

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/driver"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/seal"
	"github.com/tandemdb/tandem/internal/store"
	"github.com/tandemdb/tandem/internal/store/storetest"
)

// place is the location of a test's database, and the identity that the database was created with.
type place struct {
	t       *testing.T
	path    string
	options store.Options
	public  [16]byte
	source  [16]byte
}

// newPlace makes a database with a checkpoint, and closes it.
func newPlace(t *testing.T, v store.Versioning) *place {
	t.Helper()
	p := &place{t: t, path: filepath.Join(t.TempDir(), "original"+store.Extension), options: store.Options{Versioning: v}}
	db := p.open()
	p.public, p.source = db.PublicUUID(), db.SourceUUID()
	if p.source != p.public {
		t.Errorf("a new database has the source %x, want its UUID %x", p.source, p.public)
	}
	c := defaults(t, db)
	save(t, db, c, "d", `{"n":1}`)
	update(t, db, func(tx *store.Tx) error { return tx.SetLocalCheckpoint("cp", []byte("{}")) })
	p.close(db)
	return p
}

func (p *place) open() *store.DB {
	p.t.Helper()
	db, err := store.Open(background, p.path, p.options)
	p.must(err)
	p.t.Cleanup(func() { _ = db.Close() })
	return db
}

func (p *place) close(db *store.DB) { p.must(db.Close()) }

func (p *place) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

// copyTo copies the files as a tool does that does not know databases.
func (p *place) copyTo(path string) { p.t.Helper(); p.must(os.CopyFS(path, os.DirFS(p.path))) }

// elsewhere returns an unused path.
func (p *place) elsewhere() string { return filepath.Join(p.t.TempDir(), "elsewhere"+store.Extension) }

func (p *place) rename(to string) { p.t.Helper(); p.must(os.Rename(p.path, to)); p.path = to }

// restore replaces the files by a copy, as from an archive.
func (p *place) restore() {
	p.t.Helper()
	aside := p.elsewhere()
	p.must(os.Rename(p.path, aside))
	p.must(os.CopyFS(p.path, os.DirFS(aside)))
}

// reopened opens the database and reports whether its source is still the original's. The rest of
// its identity must be unchanged and stay so.
func (p *place) reopened() (sameSource bool) {
	p.t.Helper()
	var source [16]byte
	for range 2 {
		db := p.open()
		if source != [16]byte{} && db.SourceUUID() != source {
			p.t.Errorf("opened again in its place, the database has the source %x, want %x", db.SourceUUID(), source)
		}
		source = db.SourceUUID()
		if db.PublicUUID() != p.public {
			p.t.Errorf("the UUID is %x, want %x", db.PublicUUID(), p.public)
		}
		view(p.t, db, func(tx *store.Tx) error {
			checkpoint, err := tx.LocalCheckpoint("cp")
			if string(checkpoint) != "{}" {
				p.t.Errorf("the checkpoint is %q, want {}", checkpoint)
			}
			return err
		})
		d := save(p.t, db, defaults(p.t, db), "d", `{"n":2}`)
		if db.Versioning() == store.VersionVectors && d.Rev.ID.Source() != db.Source() {
			p.t.Errorf("an edit has the source %s, want %s", d.Rev.ID.Source(), db.Source())
		}
		sound(p.t, db)
		p.close(db)
	}
	return source == p.source
}

// Of a copy of the files only the source changes.
func TestACopyOfTheFilesHasASourceOfItsOwn(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		do   func(p *place)
		same bool
	}{
		"nothing":               {func(*place) {}, true},
		"renamed":               {func(p *place) { p.rename(p.elsewhere()) }, true},
		"renamed twice":         {func(p *place) { p.rename(p.elsewhere()); p.reopened(); p.rename(p.elsewhere()) }, true},
		"restored in place":     {func(p *place) { p.restore() }, true},
		"restored, then moved":  {func(p *place) { p.restore(); p.reopened(); p.rename(p.elsewhere()) }, true},
		"copied away":           {func(p *place) { p.copyTo(p.elsewhere()) }, true},
		"copied":                {func(p *place) { to := p.elsewhere(); p.copyTo(to); p.path = to }, false},
		"copied, then moved":    {func(p *place) { to := p.elsewhere(); p.copyTo(to); p.path = to; p.rename(p.elsewhere()) }, false},
		"moved to another disk": {func(p *place) { to := p.elsewhere(); p.copyTo(to); _ = os.RemoveAll(p.path); p.path = to }, false},
		"by another name": {func(p *place) {
			link := p.elsewhere()
			if err := os.Symlink(p.path, link); err != nil {
				t.Skip(err) // creating links needs a privilege on Windows
			}
			p.path = link
		}, true},
		"encrypted": {func(p *place) {
			key, err := seal.RawKey(testKey)
			p.must(err)
			db := p.open()
			p.must(db.ChangeKey(background, key))
			p.close(db)
			p.options.Secret = key
		}, true},
	} {
		for _, v := range []store.Versioning{store.VersionVectors, store.RevTrees} {
			t.Run(name+"/"+string(v), func(t *testing.T) {
				t.Parallel()
				p := newPlace(t, v)
				test.do(p)
				if same := p.reopened(); same != test.same {
					t.Errorf("%s: the source of the original is kept: %t, want %t", name, same, test.same)
				}
			})
		}
	}
}

// Copies of copies, and a copy moved to the original's place, all differ.
func TestEachCopyOfACopyHasASourceOfItsOwn(t *testing.T) {
	t.Parallel()
	p := newPlace(t, store.VersionVectors)
	original := p.path
	seen := map[[16]byte]bool{p.source: true}
	for _, to := range []string{p.elsewhere(), p.elsewhere(), original} {
		p.must(os.RemoveAll(to))
		p.copyTo(to)
		p.path = to
		db := p.open()
		if seen[db.SourceUUID()] {
			t.Errorf("the copy at %s has the source %x, as another has", to, db.SourceUUID())
		}
		seen[db.SourceUUID()] = true
		p.close(db)
	}
}

// Processes that open a copy at the same time agree about its source.
func TestWhoOpensACopyAtOnceAgreesOnItsSource(t *testing.T) {
	t.Parallel()
	for range 5 {
		p := newPlace(t, store.VersionVectors)
		to := p.elsewhere()
		p.copyTo(to)
		p.path = to
		sources := make([][16]byte, 8)
		var all sync.WaitGroup
		for i := range sources {
			all.Go(func() {
				db, err := store.Open(background, p.path, store.Options{})
				if err != nil {
					t.Error(err)
					return
				}
				sources[i] = db.SourceUUID()
				if err := db.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		for _, source := range sources {
			if source != sources[0] || source == p.source {
				t.Fatalf("the sources are %x, want one that is not %x", sources, p.source)
			}
		}
	}
}

// Reading a copy writes nothing, so that its first edits still get a new source.
func TestACopyThatIsOnlyReadIsLeftAlone(t *testing.T) {
	t.Parallel()
	p := newPlace(t, store.VersionVectors)
	to := p.elsewhere()
	p.copyTo(to)
	p.path = to
	before := contents(t, p.path)
	p.options.ReadOnly = true
	p.close(p.open())
	if diff := cmp.Diff(before, contents(t, p.path)); diff != "" {
		t.Errorf("the files were changed (-want +got):\n%s", diff)
	}
	p.options.ReadOnly = false
	if p.reopened() {
		t.Error("the copy has the source of the original")
	}
}

// A database of an earlier version keeps its source, wherever it is opened first.
func TestADatabaseWithoutALocationKeepsItsSource(t *testing.T) {
	t.Parallel()
	p := newPlace(t, store.VersionVectors)
	sql, err := driver.Open("file:" + filepath.ToSlash(filepath.Join(p.path, "db.sqlite3")))
	p.must(err)
	result, err := sql.ExecContext(background, `DELETE FROM meta WHERE key IN ('path', 'inode')`)
	p.must(errors.Join(err, sql.Close()))
	if n, _ := result.RowsAffected(); n != 2 {
		t.Fatalf("%d entries were removed, want 2", n)
	}
	to := p.elsewhere()
	p.copyTo(to)
	p.path = to
	if !p.reopened() {
		t.Error("a database without a location has got another source")
	}
	to = p.elsewhere()
	p.copyTo(to)
	p.path = to
	if p.reopened() {
		t.Error("the copy has the source of the original, which knew its location")
	}
}

// fullDisk is a disk on which SQLite cannot write, but names can be synced.
type fullDisk struct{ *storetest.Disk }

func (fullDisk) Step(store.Step, string, string) error { return nil }

// On a full disk a moved database opens. A copy does not: once there is room again, its edits would
// have the original's source.
func TestAFullDiskHindersTheOpeningOfACopyAlone(t *testing.T) {
	t.Parallel()
	p := newPlace(t, store.VersionVectors)
	to := p.elsewhere()
	p.copyTo(to)
	p.rename(p.elsewhere())
	var log strings.Builder
	disk := fullDisk{newDisk(t)}
	full := store.Options{Disk: disk, Logger: slog.New(slog.NewTextHandler(&log, nil))}
	disk.FailAt(1, sqlite3.FULL)
	db, err := store.Open(background, p.path, full)
	if err != nil {
		t.Fatalf("the database that was moved: %v", err)
	}
	_ = db.Close()
	if !strings.Contains(log.String(), "could not note where it is") {
		t.Errorf("the log says %q, want a warning", &log)
	}
	if db, err = store.Open(background, to, full); !errors.Is(err, fault.IO) {
		t.Errorf("the copy: got %v, want a full disk", err)
	}
	if err == nil {
		_ = db.Close()
	}
	disk.Mend()
	if !p.reopened() {
		t.Error("the database that was moved has another source")
	}
	if p.path = to; p.reopened() {
		t.Error("the copy has the source of the original")
	}
}
