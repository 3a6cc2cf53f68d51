package storetest

import (
	"errors"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
)

// Survive writes into the folder to what is left of the database in folder after a power cut now,
// or at an earlier step: everything synced, and a part of the rest chosen by seed. The folder to is
// not on this disk.
func (d *Disk) Survive(folder, to string, seed uint64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := &survival{
		random: rand.New(rand.NewPCG(seed, 0)), //nolint:gosec // reproducible
		kept:   make(map[*node]map[string]*node),
		paths:  make(map[*node]string),
	}
	s.odds = s.random.Float64()
	n := d.tree.folder(folder)
	s.find(n, folder)
	for _, c := range d.tree.pending {
		if s.lucky() {
			s.apply(c)
		}
	}
	return s.keepFolder(n, to)
}

// Restart replaces folder by the result of [Disk.Survive], as a machine finds it after a power cut.
// Nobody may have the database open.
func (d *Disk) Restart(folder string, seed uint64) error {
	left := folder + ".left"
	if err := d.Survive(folder, left, seed); err != nil {
		return err
	}
	return errors.Join(os.RemoveAll(folder), os.Rename(left, folder))
}

// survival holds the choices of one power cut.
type survival struct {
	random *rand.Rand
	odds   float64                    // the chance that an unsynced change has reached the disk
	kept   map[*node]map[string]*node // the names that survive in folders with unsynced changes
	paths  map[*node]string           // where programs see the node
}

func (s *survival) lucky() bool { return s.random.Float64() < s.odds }

// find records the path of each node, and lists folders that the disk has not seen yet.
func (s *survival) find(n *node, path string) {
	s.paths[n] = path
	if n.names == nil {
		return
	}
	n.list(path)
	for name, is := range n.names {
		s.find(is, filepath.Join(path, name))
	}
}

func (s *survival) apply(c change) {
	for _, e := range c {
		if s.kept[e.in] == nil {
			s.kept[e.in] = maps.Clone(e.in.kept)
		}
		set(s.kept[e.in], e)
	}
}

func (s *survival) keepFolder(n *node, to string) error {
	if err := os.MkdirAll(to, 0o700); err != nil {
		return err
	}
	names, ok := s.kept[n]
	if !ok {
		names = n.kept
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		is, path := names[name], filepath.Join(to, name)
		keep := func() error { return os.WriteFile(path, s.content(is), 0o600) }
		if is.names != nil {
			keep = func() error { return s.keepFolder(is, path) }
		}
		if err := keep(); err != nil {
			return err
		}
	}
	return nil
}

// content returns the surviving content of a file.
func (s *survival) content(n *node) []byte {
	if n.plain && n.synced == nil {
		return s.partOf(s.paths[n])
	}
	content := slices.Clone(n.synced)
	for _, w := range n.pending {
		switch {
		case !s.lucky():
		case s.random.IntN(5) == 0:
			content = w.torn(s.random).apply(content)
		default:
			content = w.apply(content)
		}
	}
	return content
}

// partOf returns a random part of a file that was never synced; it may be empty.
func (s *survival) partOf(path string) []byte {
	content, err := os.ReadFile(path) //nolint:gosec // of a test
	switch {
	case err != nil || len(content) == 0:
		return nil
	case s.lucky():
		return content
	case s.random.IntN(2) == 0:
		return make([]byte, len(content)) // the length reached the disk, and the content did not
	default:
		return content[:s.random.IntN(len(content))]
	}
}
