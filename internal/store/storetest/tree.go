package storetest

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// tree is the files and folders that a disk has met.
type tree struct {
	root    *node
	pending []change // in the order in which they were made
}

// node is a file or a folder, whatever names it has.
type node struct {
	// Of a folder, what it holds: as programs see it, and as it has reached the disk.
	names, kept map[string]*node
	listed      bool // what was in it when it was met is in names

	// Of a file.
	synced  []byte  // its content that has reached the disk
	pending []write // what is on its way there, if SQLite writes the file
	plain   bool    // others write it: what is not synced, the real file has
}

func newFolder() *node { return &node{names: make(map[string]*node), kept: make(map[string]*node)} }

// change is what one step does to names. It reaches the disk as a whole, or not at all.
type change []entry

// entry says what a name in a folder stands for from now on: nil for nothing.
type entry struct {
	in   *node
	name string
	is   *node
}

// at returns the folder that holds path, and what path is there, nil if it is nothing.
func (t *tree) at(path string) (in *node, name string, is *node) {
	in, name = t.folder(filepath.Dir(path)), filepath.Base(path)
	return in, name, in.names[name]
}

// folder returns the folder at path. What is in one that the disk meets for the first time, is
// synced; so are the folders on the way to it.
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

// list meets what is in a folder.
func (n *node) list(path string) {
	if n.listed {
		return
	}
	n.listed = true
	entries, _ := os.ReadDir(path) // none if it is not there
	for _, e := range entries {
		if n.names[e.Name()] != nil || strings.HasSuffix(e.Name(), "-shm") { // shared memory does not outlive the power
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

// created is the change that makes a new file or folder at path, nil if there is one.
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

// removed gives the changes that remove what is at path. Of a folder, each part may go alone.
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

// apply lets programs see a change.
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

// syncNames makes every change durable that has to do with the folder. What came before it, cannot undo it.
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
