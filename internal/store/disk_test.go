package store_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/util/vfsutil"
	"github.com/ncruces/go-sqlite3/vfs"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/store"
)

// disk is a file system that knows which writes are synced, and can be made to fail. It sits
// on the real one, where the programs that use it see every write at once.
type disk struct {
	vfs.VFS

	mu      sync.Mutex // guards the following
	files   map[string]*platter
	writes  int
	failAt  int // from which write on each fails; 0 for never
	failure error
	synced  int
}

// platter is what of a file has reached the disk, and what is on its way there.
type platter struct {
	synced  []byte
	pending []write
}

// write is one write, or a truncation.
type write struct {
	at   int64
	data []byte // nil to truncate
}

func (w write) apply(to []byte) []byte {
	end := w.at + int64(len(w.data))
	if w.data == nil {
		return to[:min(int64(len(to)), w.at)]
	}
	if grow := end - int64(len(to)); grow > 0 {
		to = append(to, make([]byte, grow)...)
	}
	copy(to[w.at:], w.data)
	return to
}

// newDisk registers a disk for the test, and returns the name that stands for it.
func newDisk(t *testing.T) (*disk, string) {
	d := &disk{VFS: vfs.Find(""), files: make(map[string]*platter)}
	name := fmt.Sprintf("disk-%p", d)
	vfs.Register(name, d)
	t.Cleanup(func() { vfs.Unregister(name) })
	return d, name
}

func (d *disk) Open(name string, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	return vfsutil.WrapOpen(d.VFS, name, flags)
}

func (d *disk) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	file, flags, err := vfsutil.WrapOpenFilename(d.VFS, name, flags)
	if err != nil || flags&(vfs.OPEN_MAIN_DB|vfs.OPEN_WAL) == 0 {
		return file, flags, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	base := filepath.Base(name.String())
	if d.files[base] == nil {
		d.files[base] = new(platter)
	}
	return &diskFile{File: file, disk: d, on: d.files[base]}, flags, nil
}

type diskFile struct {
	vfs.File
	disk *disk
	on   *platter
}

func (f *diskFile) SharedMemory() vfs.SharedMemory { return vfsutil.WrapSharedMemory(f.File) }

func (f *diskFile) WriteAt(p []byte, off int64) (int, error) {
	if err := f.note(write{at: off, data: append([]byte{}, p...)}); err != nil {
		return 0, err
	}
	return f.File.WriteAt(p, off)
}

func (f *diskFile) Truncate(size int64) error {
	if err := f.note(write{at: size}); err != nil {
		return err
	}
	return f.File.Truncate(size)
}

func (f *diskFile) note(w write) error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	f.disk.writes++
	if f.disk.failAt > 0 && f.disk.writes >= f.disk.failAt {
		return f.disk.failure
	}
	f.on.pending = append(f.on.pending, w)
	return nil
}

func (f *diskFile) Sync(vfs.SyncFlag) error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	f.disk.synced++
	for _, w := range f.on.pending {
		f.on.synced = w.apply(f.on.synced)
	}
	f.on.pending = nil
	return nil
}

// powerCut makes a folder of what is left when the power fails now: all that was synced, and
// of the rest some writes and not others.
func (d *disk) powerCut(t *testing.T, seed uint64) (path string) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	path = filepath.Join(t.TempDir(), "survivor.tandem")
	if err := os.MkdirAll(filepath.Join(path, "blobs"), 0o700); err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(seed, 0))
	odds := random.Float64()
	for name, p := range d.files {
		content := append([]byte{}, p.synced...)
		for _, w := range p.pending {
			if random.Float64() < odds {
				content = w.apply(content)
			}
		}
		if err := os.WriteFile(filepath.Join(path, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

func TestPowerCutLosesNothingThatWasPromised(t *testing.T) {
	d, name := newDisk(t)
	db := open(t, store.Options{}.OnDisk(name))
	c := defaults(t, db)
	n := 0
	saveSome := func(tx *store.Tx) error {
		for range 500 {
			if _, err := tx.Save(c, store.Edit{ID: fmt.Sprintf("%06d", n), Body: kilobyte}); err != nil {
				return err
			}
			n++
		}
		return nil
	}
	for round := range uint64(90) { // enough for the log to be carried over once
		promised := 0
		if round%10 == 9 {
			if err := db.UpdateDurable(background, saveSome); err != nil {
				t.Fatal(err)
			}
			promised = n
			update(t, db, saveSome) // not promised
		} else {
			update(t, db, saveSome)
		}
		if promised > 0 {
			checkSurvivor(t, d.powerCut(t, round), c, promised, n)
		}
	}
	if d.synced < 9 {
		t.Errorf("only %d syncs: is the disk in use?", d.synced)
	}
}

// checkSurvivor opens what a power cut left: a sound database with at least the documents
// that were promised, and of the others those before a certain point.
func checkSurvivor(t *testing.T, path string, c *store.Collection, promised, written int) {
	t.Helper()
	db, err := store.Open(background, path, store.Options{MustExist: true})
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
	d, name := newDisk(t)
	db := open(t, store.Options{}.OnDisk(name))
	c := defaults(t, db)
	save(t, db, c, "a", `{}`)
	if err := db.UpdateDurable(background, func(*store.Tx) error { return nil }); err != nil {
		t.Fatal(err)
	}
	checkSurvivor(t, d.powerCut(t, 1), c, 1, 1)
}

func TestFullSyncPromisesEveryCommit(t *testing.T) {
	d, name := newDisk(t)
	db := open(t, store.Options{FullSync: true}.OnDisk(name))
	c := defaults(t, db)
	for i := range 5 {
		save(t, db, c, fmt.Sprint(i), `{}`)
		checkSurvivor(t, d.powerCut(t, uint64(i)), c, i+1, i+1)
	}
}

func TestDurableSyncsBlobs(t *testing.T) {
	db := open(t, store.Options{})
	c := defaults(t, db)
	save(t, db, c, "a", blobBody(putBlob(t, db, "content")))
	if n := db.UnsyncedBlobs(); n != 1 {
		t.Errorf("before: got %d", n)
	}
	if err := db.UpdateDurable(background, func(*store.Tx) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if n := db.UnsyncedBlobs(); n != 0 {
		t.Errorf("after: got %d", n)
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

// failing saves documents on a disk whose write number failAt fails, with all that follow,
// until it is sound again. It reports whether that write was reached.
func failing(t *testing.T, failAt int, failure error) bool {
	d, name := newDisk(t)
	db := open(t, store.Options{}.OnDisk(name))
	c := defaults(t, db)
	d.mu.Lock()
	d.failAt, d.failure = d.writes+failAt, failure
	d.mu.Unlock()
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
	d.mu.Lock()
	d.failAt = 0
	d.mu.Unlock()
	for id, want := range stored {
		if got := get(t, db, c, id) != nil; got != want {
			t.Errorf("write %d: %s is stored: %v, want %v", failAt, id, got, want)
		}
	}
	save(t, db, c, "after", `{}`)
	sound(t, db)
	return failed
}
