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

// ErrPower is the error of every step after the power is cut.
var ErrPower = errors.New("the power is cut")

var disks atomic.Int64 //nolint:gochecknoglobals // names are registered for the whole process

// Disk is a [store.Disk] that tracks what is synced. Its methods are safe for concurrent use.
type Disk struct {
	name   string
	system vfs.VFS

	mu      sync.Mutex // guards the following
	tree    tree
	steps   int
	syncs   int
	read    int64 // bytes of the database file and its log
	failAt  int   // the first of the steps that fail; 0 for none
	failure error
	reached chan struct{} // closed when step failAt comes
	noMap   bool          // shared memory is not available
}

// NewDisk returns a disk that works.
func NewDisk() *Disk {
	d := &Disk{
		name: fmt.Sprintf("storetest-%d", disks.Add(1)), system: vfs.Find(""), tree: tree{root: newFolder()},
	}
	vfs.Register(d.name, d)
	return d
}

// Close unregisters the disk. Databases on it must be closed before.
func (d *Disk) Close() { vfs.Unregister(d.name) }

// CutAt cuts the power in the n-th step from now, counted from 1. Any part of that step reaches the
// disk, and nothing after it.
func (d *Disk) CutAt(n int) { d.FailAt(n, ErrPower) }

// FailAt makes the n-th step from now, and all later ones until [Disk.Mend], fail with err.
func (d *Disk) FailAt(n int, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.failAt, d.failure, d.reached = d.steps+n, err, make(chan struct{})
}

// Failing returns a channel that is closed at the step that the last [Disk.CutAt] or [Disk.FailAt]
// has set. It is nil before any of them is called.
func (d *Disk) Failing() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.reached
}

// Mend ends the failures set by [Disk.FailAt]. After a power cut only [Disk.Restart] helps.
func (d *Disk) Mend() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.failAt = 0
}

// DenyMemory sets whether files opened from now on lack shared memory.
func (d *Disk) DenyMemory(deny bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.noMap = deny
}

// Steps returns the number of writes, syncs, truncations, renames and removals so far.
func (d *Disk) Steps() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.steps
}

// Syncs returns the number of syncs among the steps.
func (d *Disk) Syncs() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.syncs
}

// BytesRead returns how many bytes of the database file and its log were read.
func (d *Disk) BytesRead() int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.read
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

// changeLocked makes changes of names, in one step. Changes made while the power is cut may still
// reach the disk.
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

// stepLocked counts a step, and returns the failure that is due.
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

// cutNowLocked reports whether the power is cut in the step counted last.
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
	in, base, on := d.tree.at(name.String()) // before the file exists
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
