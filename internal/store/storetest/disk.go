package storetest

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/ncruces/go-sqlite3/util/vfsutil"
	"github.com/ncruces/go-sqlite3/vfs"

	"github.com/tandemdb/tandem/internal/store"
)

// ErrPower is what each step fails with once the power is cut.
var ErrPower = errors.New("the power is cut")

var disks atomic.Int64 //nolint:gochecknoglobals // names are registered for the whole process

// Disk is a [store.Disk] that knows what is synced. Its methods may be called from any goroutine.
type Disk struct {
	name   string
	system vfs.VFS

	mu      sync.Mutex          // guards the following
	files   map[string]*platter // SQLite's, by path
	blobs   map[string][]byte   // synced content, by path
	folders map[string][]string // synced names, by the folder's path
	steps   int
	syncs   int
	failAt  int // the step from which on each fails; 0 for none
	failure error
	reached chan struct{} // closed when failAt is
	noMap   bool          // shared memory cannot be had
}

// NewDisk returns a disk that works.
func NewDisk() *Disk {
	d := &Disk{
		name: fmt.Sprintf("storetest-%d", disks.Add(1)), system: vfs.Find(""),
		files: make(map[string]*platter), blobs: make(map[string][]byte), folders: make(map[string][]string),
	}
	vfs.Register(d.name, d)
	return d
}

// Close ends the use of the disk; databases on it should be closed.
func (d *Disk) Close() { vfs.Unregister(d.name) }

// CutAt cuts the power in the n-th step from now, the next being 1: nothing reaches the disk
// after it, and of the step itself any part.
func (d *Disk) CutAt(n int) { d.FailAt(n, ErrPower) }

// FailAt makes the n-th step from now fail with err, and all that follow until [Disk.Mend].
func (d *Disk) FailAt(n int, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.failAt, d.failure, d.reached = d.steps+n, err, make(chan struct{})
}

// Failing returns a channel that is closed when the step comes that [Disk.CutAt] or
// [Disk.FailAt] has set last; nil before they are called.
func (d *Disk) Failing() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.reached
}

// Mend makes a disk work again that was failing. A power cut cannot be mended so: see [Disk.Survive].
func (d *Disk) Mend() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.failAt = 0
}

// DenyMemory says whether the system has no shared memory for files that are opened from now on.
func (d *Disk) DenyMemory(deny bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.noMap = deny
}

// Steps returns how many writes, syncs, truncations, renames and removals were asked for.
func (d *Disk) Steps() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.steps
}

// Syncs returns how many of the steps were syncs.
func (d *Disk) Syncs() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.syncs
}

// VFS implements [store.Disk].
func (d *Disk) VFS() string { return d.name }

// Step implements [store.Disk].
func (d *Disk) Step(kind store.Step, path, newPath string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	folder := filepath.Dir(path)
	if kind == store.StepCreate || kind == store.StepSyncFolder {
		folder = path
	}
	d.meetLocked(folder)
	if err := d.stepLocked(); err != nil {
		return err
	}
	switch kind {
	case store.StepSync:
		d.syncs++
		content, err := os.ReadFile(path) //nolint:gosec // of a test
		if err == nil {
			d.blobs[path] = content
		}
	case store.StepRename:
		if content, ok := d.blobs[path]; ok {
			d.blobs[newPath] = content
		}
	case store.StepSyncFolder:
		d.syncs++
		d.folders[path] = namesIn(path)
		for _, file := range inFolder(d.files, path) {
			d.files[file].named = true
		}
	default: // what is only begun
	}
	return nil
}

// meetLocked takes what is in a folder that the disk sees for the first time as synced.
func (d *Disk) meetLocked(folder string) {
	if _, known := d.folders[folder]; known {
		return
	}
	d.folders[folder] = namesIn(folder)
	for _, name := range d.folders[folder] {
		path := filepath.Join(folder, name)
		if content, err := os.ReadFile(path); err == nil { //nolint:gosec // of a test
			d.blobs[path] = content
		}
	}
}

func namesIn(folder string) (names []string) {
	entries, _ := os.ReadDir(folder) // none if it is not there
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

// stepLocked counts a step, and fails it if its time has come.
func (d *Disk) stepLocked() error {
	d.steps++
	if d.failAt == d.steps {
		close(d.reached)
	}
	if d.failAt > 0 && d.steps >= d.failAt {
		return d.failure
	}
	return nil
}

// Open implements [vfs.VFS].
func (d *Disk) Open(name string, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	return vfsutil.WrapOpen(d.system, name, flags)
}

// OpenFilename implements [vfs.VFSFilename].
func (d *Disk) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	const kept = vfs.OPEN_MAIN_DB | vfs.OPEN_WAL | vfs.OPEN_MAIN_JOURNAL
	file, flags, err := vfsutil.WrapOpenFilename(d.system, name, flags)
	if err != nil || flags&kept == 0 {
		return file, flags, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	path := name.String()
	if p := d.files[path]; p == nil || p.deleted {
		d.files[path] = met(file)
	}
	return &diskFile{File: file, disk: d, on: d.files[path], noMap: d.noMap}, flags, nil
}

// Delete implements [vfs.VFS].
func (d *Disk) Delete(name string, syncDir bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if p := d.files[name]; p != nil {
		if err := d.stepLocked(); err != nil {
			return err
		}
		if p.deleted = true; syncDir {
			delete(d.files, name)
		}
	}
	return d.system.Delete(name, syncDir)
}

// Access implements [vfs.VFS].
func (d *Disk) Access(name string, flags vfs.AccessFlag) (bool, error) {
	return d.system.Access(name, flags)
}

// FullPathname implements [vfs.VFS].
func (d *Disk) FullPathname(name string) (string, error) { return d.system.FullPathname(name) }

// inFolder returns the paths among all that are directly in folder.
func inFolder[V any](all map[string]V, folder string) (paths []string) {
	for path := range maps.Keys(all) {
		if filepath.Dir(path) == folder {
			paths = append(paths, path)
		}
	}
	return paths
}
