package storetest

import (
	"errors"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
)

// Survive makes the folder to of what is left of the database in folder when the power fails
// now, or has failed at a step before: all that was synced, and of the rest what the seed says.
// The folder is where the test reads, and no longer on this disk.
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

// Restart is [Disk.Survive] in the place of folder, as the machine finds it again after a power
// cut. Nobody may have the database open.
func (d *Disk) Restart(folder string, seed uint64) error {
	left := folder + ".left"
	if err := d.Survive(folder, left, seed); err != nil {
		return err
	}
	return errors.Join(os.RemoveAll(folder), os.Rename(left, folder))
}

// survival is one power cut.
type survival struct {
	random *rand.Rand
	odds   float64                    // that something not synced has reached the disk
	kept   map[*node]map[string]*node // of folders with names that came through without a sync
	paths  map[*node]string           // where programs see it
}

func (s *survival) lucky() bool { return s.random.Float64() < s.odds }

// find notes where things are, and meets what the disk has not met.
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

// content returns what has reached the disk of the content of a file.
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

// partOf returns any part of a file that was never synced; it may be gone.
func (s *survival) partOf(path string) []byte {
	content, err := os.ReadFile(path) //nolint:gosec // of a test
	switch {
	case err != nil || len(content) == 0:
		return nil
	case s.lucky():
		return content
	case s.random.IntN(2) == 0:
		return make([]byte, len(content)) // its length came first
	default:
		return content[:s.random.IntN(len(content))]
	}
}
