package storetest

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// tree holds the files and folders that the disk has seen.
type tree struct {
	root    *node
	pending []change // in the order in which they were made
}

// node is a file or a folder, independent of its names.
type node struct {
	// Of a folder, its content: as programs see it, and as it has reached the disk.
	names, kept map[string]*node
	listed      bool // names includes what the folder held when the disk first saw it

	// Of a file.
	synced  []byte  // the content that has reached the disk
	pending []write // unsynced writes of SQLite
	plain   bool    // written by others than SQLite: the real file has the unsynced content
}

func newFolder() *node { return &node{names: make(map[string]*node), kept: make(map[string]*node)} }

// change is the effect of one step on names. It reaches the disk completely or not at all.
type change []entry

// entry tells which node a name in a folder stands for from now on; nil means none.
type entry struct {
	in   *node
	name string
	is   *node
}

// at returns the folder that holds path, and the node at path or nil.
func (t *tree) at(path string) (in *node, name string, is *node) {
	in, name = t.folder(filepath.Dir(path)), filepath.Base(path)
	return in, name, in.names[name]
}

// folder returns the folder at path. A folder that the disk sees for the first time counts as
// synced with its content, and so do the folders above it.
func (t *tree) folder(path string) *node {
	n := t.root
	for name := range strings.SplitSeq(filepath.ToSlash(path), "/") {
		next := n.names[name]
		if next == nil || next.names == nil {
			next = newFolder()
			n.names[name], n.kept[name] = next, next
		}
		n = next
	}
	n.list(path)
	return n
}

// list reads the content of a folder that the disk has not seen yet.
func (n *node) list(path string) {
	if n.listed {
		return
	}
	n.listed = true
	entries, _ := os.ReadDir(path) // empty if the folder does not exist
	for _, e := range entries {
		if n.names[e.Name()] != nil || strings.HasSuffix(e.Name(), "-shm") { // shared memory does not survive a power cut
			continue
		}
		met := newFolder()
		if !e.IsDir() {
			met = &node{plain: true}
			met.synced, _ = os.ReadFile(filepath.Join(path, e.Name())) //nolint:gosec // of a test
		}
		n.names[e.Name()], n.kept[e.Name()] = met, met
	}
}

// created returns the change that makes a new file or folder at path, or nil if path exists.
func (t *tree) created(path string, is *node) change {
	in, name, old := t.at(path)
	if old != nil {
		return nil
	}
	return change{{in, name, is}}
}

func (t *tree) renamed(path, newPath string) change {
	from, name, is := t.at(path)
	to, newName, _ := t.at(newPath)
	return change{{from, name, nil}, {to, newName, is}}
}

// removed returns the changes that remove path. Each part of a folder may be lost separately.
func (t *tree) removed(path string) (all []change) {
	in, name, is := t.at(path)
	if is != nil && is.names != nil {
		is.list(path)
		for _, child := range slices.Sorted(maps.Keys(is.names)) {
			all = append(all, t.removed(filepath.Join(path, child))...)
		}
	}
	return append(all, change{{in, name, nil}})
}

// apply shows a change to programs.
func (c change) apply() {
	for _, e := range c {
		set(e.in.names, e)
	}
}

func set(names map[string]*node, e entry) {
	if e.is == nil {
		delete(names, e.name)
	} else {
		names[e.name] = e.is
	}
}

// syncNames makes every change durable that concerns the folder. An earlier pending change must not
// undo it.
func (t *tree) syncNames(folder *node) {
	settled := make(map[entry]bool)
	var pending []change
	for _, c := range slices.Backward(t.pending) {
		durable := slices.ContainsFunc(c, func(e entry) bool { return e.in == folder })
		c = slices.DeleteFunc(c, func(e entry) bool { return settled[entry{in: e.in, name: e.name}] })
		if !durable {
			pending = append(pending, c)
			continue
		}
		for _, e := range c {
			settled[entry{in: e.in, name: e.name}] = true
			set(e.in.kept, e)
		}
	}
	slices.Reverse(pending)
	t.pending = pending
}

// sync makes the content of the file at path durable.
func (n *node) sync(path string) {
	if n.plain {
		n.synced, _ = os.ReadFile(path) //nolint:gosec // of a test
	}
	for _, w := range n.pending {
		n.synced = w.apply(n.synced)
	}
	n.pending = nil
}
