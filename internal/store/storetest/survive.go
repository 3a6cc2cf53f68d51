package storetest

import (
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
	s := &survival{disk: d, to: to, random: rand.New(rand.NewPCG(seed, 0))} //nolint:gosec // reproducible
	s.odds = s.random.Float64()
	if err := os.MkdirAll(to, 0o700); err != nil {
		return err
	}
	paths := inFolder(d.files, folder)
	slices.Sort(paths)
	for _, path := range paths {
		if err := s.keepFile(filepath.Base(path), d.files[path]); err != nil {
			return err
		}
	}
	return s.keepBlobs(filepath.Join(folder, "blobs"))
}

// survival is one power cut.
type survival struct {
	disk   *Disk
	to     string
	random *rand.Rand
	odds   float64 // that something not synced has reached the disk
}

func (s *survival) lucky() bool { return s.random.Float64() < s.odds }

func (s *survival) keepFile(name string, p *platter) error {
	if p.deleted && s.lucky() || !p.named && !s.lucky() {
		return nil
	}
	content := slices.Clone(p.synced)
	for _, w := range p.pending {
		switch {
		case !s.lucky():
		case s.random.IntN(5) == 0:
			content = w.torn(s.random).apply(content)
		default:
			content = w.apply(content)
		}
	}
	return os.WriteFile(filepath.Join(s.to, name), content, 0o600)
}

// keepBlobs keeps the files of the blob folder whose name or removal has reached the disk.
func (s *survival) keepBlobs(folder string) error {
	to := filepath.Join(s.to, "blobs")
	if err := os.MkdirAll(to, 0o700); err != nil {
		return err
	}
	s.disk.meetLocked(folder)
	synced, seen := s.disk.folders[folder], namesIn(folder)
	all := append(slices.Clone(synced), seen...)
	slices.Sort(all)
	for _, name := range slices.Compact(all) {
		settled := slices.Contains(synced, name) == slices.Contains(seen, name)
		if !settled && !s.lucky() {
			continue
		}
		content := s.blob(filepath.Join(folder, name))
		if err := os.WriteFile(filepath.Join(to, name), content, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// blob returns what has reached the disk of the content of a file.
func (s *survival) blob(path string) []byte {
	if synced, ok := s.disk.blobs[path]; ok {
		return synced
	}
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
