package store_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3/util/vfsutil"
	"github.com/ncruces/go-sqlite3/vfs"

	"github.com/tandemdb/tandem/internal/store"
	"github.com/tandemdb/tandem/internal/store/storetest"
	"github.com/tandemdb/tandem/internal/testsize"
)

// longLog is the length of a log, in bytes, from which it is copied into the database file.
const longLog = 32 << 20

// gate is a disk that can hold up the writes to the database file, but not those to its log.
type gate struct {
	*storetest.Disk
	name string

	mu   sync.Mutex    // guards the following
	shut chan struct{} // closed when the gate opens; nil while it is open
	held bool          // a write was held up

	last   int64  // where the last write was
	passes int    // how often the log was copied: each time, the pages are written in their order
	amid   func() // unless nil, called at the first write of each pass
}

func newGate(t *testing.T) *gate {
	g := &gate{Disk: newDisk(t)}
	g.name = g.Disk.VFS() + "-gate"
	vfs.Register(g.name, g)
	t.Cleanup(func() { vfs.Unregister(g.name) })
	return g
}

func (g *gate) VFS() string { return g.name }

func (g *gate) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	file, opened, err := g.Disk.OpenFilename(name, flags)
	if err == nil && flags&vfs.OPEN_MAIN_DB != 0 {
		file = &gatedFile{file, g}
	}
	return file, opened, err
}

func (g *gate) close(t *testing.T) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = make(chan struct{})
	t.Cleanup(g.open)
}

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shut != nil {
		close(g.shut)
		g.shut = nil
	}
}

func (g *gate) pass(off int64) {
	g.mu.Lock()
	shut, amid := g.shut, g.amid
	g.held = g.held || shut != nil
	if off > g.last {
		amid = nil
	} else {
		g.passes++
	}
	g.last = off
	g.mu.Unlock()
	if amid != nil {
		amid()
	}
	if shut != nil {
		<-shut
	}
}

func (g *gate) hasHeld() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.held
}

type gatedFile struct {
	vfs.File
	gate *gate
}

func (f *gatedFile) SharedMemory() vfs.SharedMemory { return vfsutil.WrapSharedMemory(f.File) }

func (f *gatedFile) WriteAt(p []byte, off int64) (int, error) {
	f.gate.pass(off)
	return f.File.WriteAt(p, off)
}

// saveBytes returns a function that saves about so many bytes in documents with a prefix.
func saveBytes(c *store.Collection, prefix string, bytes int) func(*store.Tx) error {
	const size = 1 << 20
	body := []byte(`{"text":"` + strings.Repeat("x", size) + `"}`)
	return func(tx *store.Tx) error {
		for i := range bytes / size {
			if _, err := tx.Save(c, store.Edit{ID: fmt.Sprint(prefix, i), Body: body}); err != nil {
				return err
			}
		}
		return nil
	}
}

// logHeader returns the length of the log's file, and how often the log was begun anew.
func logHeader(t *testing.T, db *store.DB) (size int64, begun uint32) {
	t.Helper()
	file, err := os.Open(db.Path() + "/db.sqlite3-wal")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		t.Fatal(err)
	}
	var header [16]byte
	if _, err := file.ReadAt(header[:], 0); err != nil {
		t.Fatal(err)
	}
	return info.Size(), binary.BigEndian.Uint32(header[12:])
}

// settle waits, in a bubble, until nothing happens but by time. SQLite sleeps before it asks for a lock
// again, so that synctest.Wait may return too early.
func settle() { time.Sleep(time.Minute) }

// TestCommitsGoOnWhileTheLogIsCopied also cuts the power meanwhile.
func TestCommitsGoOnWhileTheLogIsCopied(t *testing.T) { atRest(t, commitsWhileCopying) }

func commitsWhileCopying(t *testing.T, o store.Options) {
	if o.Secret != nil {
		testsize.Whole(t)
	}
	t.Parallel()
	testsize.Bubble(t, func(t *testing.T) {
		g := newGate(t)
		o.Disk = g
		db := open(t, o)
		c := defaults(t, db)
		g.close(t)
		update(t, db, saveBytes(c, "first", longLog+longLog/8))
		settle()
		if !g.hasHeld() {
			t.Fatal("the log is not being copied")
		}
		if err := db.UpdateDurable(background, saveBytes(c, "promised", 1<<20)); err != nil {
			t.Fatal(err)
		}
		all := int(count(t, db, c))
		checkSurvivor(t, powerCut(t, g.Disk, db, 1), c, all, all)

		size, begun := logHeader(t, db)
		g.open()
		settle()
		save(t, db, c, "next", `{}`)
		if now, again := logHeader(t, db); again == begun || now != size {
			t.Errorf("the log has %d bytes, and %d before: it was not begun anew", now, size)
		}
		checkSurvivor(t, powerCut(t, g.Disk, db, 2), c, all, all+1)
	})
}

// TestCommitsWaitForADiskThatIsTooSlow writes the log faster than it is copied.
func TestCommitsWaitForADiskThatIsTooSlow(t *testing.T) {
	testsize.Whole(t)
	t.Parallel()
	testsize.Bubble(t, func(t *testing.T) {
		g := newGate(t)
		db := open(t, store.Options{Disk: g})
		c := defaults(t, db)
		g.close(t)
		update(t, db, saveBytes(c, "first", longLog+longLog/8))
		settle() // the log is being copied
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			for i := range 4 {
				update(t, db, saveBytes(c, fmt.Sprint(i), longLog/2))
			}
		}()
		settle()
		select {
		case <-ended:
			t.Error("the log grows without a bound")
		default:
		}
		g.open()
		<-ended
		if size, _ := logHeader(t, db); size > 3*longLog {
			t.Errorf("the log has grown to %d bytes", size)
		}
		sound(t, db)
	})
}

// TestTheLogIsBegunAnewAmidCommits commits during each pass over the log. Only the writer itself can
// copy the last of it.
func TestTheLogIsBegunAnewAmidCommits(t *testing.T) {
	testsize.Whole(t)
	t.Parallel()
	testsize.Bubble(t, func(t *testing.T) {
		g := newGate(t)
		db := open(t, store.Options{Disk: g})
		c := defaults(t, db)
		update(t, db, saveBytes(c, "first", longLog/2))
		_, begun := logHeader(t, db)
		var commits sync.WaitGroup
		g.mu.Lock()
		g.passes, g.last = 0, math.MaxInt64
		g.amid = func() {
			if n := g.countPasses(); n <= 3 { // two beside the writer, and its own
				commits.Go(func() { update(t, db, saveBytes(c, fmt.Sprint("amid", n), 1<<20)) })
			}
			settle() // the commit ends, or waits for the writer
		}
		g.mu.Unlock()
		update(t, db, saveBytes(c, "second", longLog*5/8))
		for range 10 {
			settle()
		}
		commits.Wait()
		if _, again := logHeader(t, db); again == begun || g.countPasses() < 3 {
			t.Errorf("the log was not begun anew after %d passes", g.countPasses())
		}
		sound(t, db)
	})
}

func (g *gate) countPasses() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.passes
}
