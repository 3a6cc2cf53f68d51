package storetest

import (
	"errors"
	"fmt"
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

	mu      sync.Mutex // guards the following
	tree    tree
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
		name: fmt.Sprintf("storetest-%d", disks.Add(1)), system: vfs.Find(""), tree: tree{root: newFolder()},
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

// Mend makes a disk work again that was failing. A power cut cannot be mended so: see [Disk.Restart].
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
	if kind == store.StepSync || kind == store.StepSyncFolder {
		return d.syncLocked(kind, path)
	}
	var changes []change
	switch kind {
	case store.StepCreate:
		changes = []change{d.tree.created(path, &node{plain: true})}
	case store.StepMakeFolder:
		folder := newFolder()
		folder.listed = true
		changes = []change{d.tree.created(path, folder)}
	case store.StepRename:
		changes = []change{d.tree.renamed(path, newPath)}
	case store.StepRemove:
		changes = d.tree.removed(path)
	default: // StepWrite: what is not synced, the real file has
	}
	return d.changeLocked(changes...)
}

func (d *Disk) syncLocked(kind store.Step, path string) error {
	_, _, file := d.tree.at(path)
	if err := d.stepLocked(); err != nil {
		return err
	}
	d.syncs++
	if kind == store.StepSyncFolder {
		d.tree.syncNames(d.tree.folder(path))
	} else if file != nil {
		file.sync(path)
	}
	return nil
}

// changeLocked makes changes of names, in one step. What the power was cut in may yet reach the disk.
func (d *Disk) changeLocked(changes ...change) error {
	err := d.stepLocked()
	if err != nil && !d.cutNowLocked() {
		return err
	}
	d.tree.pending = append(d.tree.pending, changes...)
	if err == nil {
		for _, c := range changes {
			c.apply()
		}
	}
	return err
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

// cutNowLocked reports whether the step counted last is the one in which the power is cut.
func (d *Disk) cutNowLocked() bool {
	return d.steps == d.failAt && errors.Is(d.failure, ErrPower)
}

// Open implements [vfs.VFS].
func (d *Disk) Open(name string, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	return vfsutil.WrapOpen(d.system, name, flags)
}

// OpenFilename implements [vfs.VFSFilename].
func (d *Disk) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	const kept = vfs.OPEN_MAIN_DB | vfs.OPEN_WAL | vfs.OPEN_MAIN_JOURNAL
	if flags&kept == 0 {
		return vfsutil.WrapOpenFilename(d.system, name, flags)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	in, base, on := d.tree.at(name.String()) // before it is there
	file, flags, err := vfsutil.WrapOpenFilename(d.system, name, flags)
	if err != nil {
		return file, flags, err
	}
	if on == nil {
		on = new(node)
		creation := change{{in, base, on}}
		creation.apply()
		d.tree.pending = append(d.tree.pending, creation)
	}
	on.plain = false
	return &diskFile{File: file, disk: d, on: on, noMap: d.noMap}, flags, nil
}

// Delete implements [vfs.VFS].
func (d *Disk) Delete(name string, syncDir bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if in, _, is := d.tree.at(name); is != nil {
		if err := d.changeLocked(d.tree.removed(name)...); err != nil {
			return err
		}
		if syncDir {
			d.tree.syncNames(in)
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
