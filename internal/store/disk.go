package store

import (
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"runtime"
)

// Disk stands between a database and its files, so that tests can cut the power or make steps fail.
// Package storetest implements one.
type Disk interface {
	// VFS names the SQLite file system that keeps the database file and its log.
	VFS() string

	// Step is asked before each step on another file or on a folder; newPath is set only for
	// StepRename. If Step returns an error, the caller skips the step and fails with the error. The
	// caller never syncs: the disk does that itself.
	Step(kind Step, path, newPath string) error
}

// Step is a kind of change to a file or folder.
type Step int

// The steps.
const (
	StepCreate     Step = iota // a new file
	StepMakeFolder             // a new folder
	StepWrite                  // more content is written to a file
	StepRename                 // a file or folder gets another name, and replaces a file of that name
	StepRemove                 // a file is removed, or a folder with its content
	StepSync                   // the file's content becomes durable
	StepSyncFolder             // the names in the folder become durable
)

// files makes all changes of file and folder names. A change is durable only after a sync of the
// content and of the folder.
type files struct {
	disk Disk // nil without a simulated disk
}

func (f files) step(kind Step, path, newPath string) error {
	if f.disk == nil {
		return nil
	}
	return f.disk.Step(kind, path, newPath)
}

// create makes a new, empty file.
func (f files) create(path string) (*os.File, error) {
	if err := f.step(StepCreate, path, ""); err != nil {
		return nil, err
	}
	return os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
}

// createPart makes a new file with a name that marks it as incomplete.
func (f files) createPart(folder, prefix string) (*os.File, error) {
	return f.create(filepath.Join(folder, prefix+rand.Text()+partSuffix))
}

// makeFolder makes a folder, unless it exists.
func (f files) makeFolder(path string) error {
	if err := f.step(StepMakeFolder, path, ""); err != nil {
		return err
	}
	err := os.Mkdir(path, 0o700)
	if errors.Is(err, os.ErrExist) {
		return nil
	}
	return err
}

func (f files) rename(from, to string) error {
	if err := f.step(StepRename, from, to); err != nil {
		return err
	}
	return os.Rename(from, to)
}

// remove removes a file.
func (f files) remove(path string) error {
	if err := f.step(StepRemove, path, ""); err != nil {
		return err
	}
	return os.Remove(path)
}

// removeAll removes the file or folder at path, if it exists.
func (f files) removeAll(path string) error {
	if !exists(path) {
		return nil
	}
	if err := f.step(StepRemove, path, ""); err != nil {
		return err
	}
	return os.RemoveAll(path)
}

// sync makes the content of an open file durable.
func (f files) sync(file *os.File) error {
	if f.disk != nil {
		return f.disk.Step(StepSync, file.Name(), "")
	}
	return file.Sync()
}

// syncFile makes the content of the file at path durable.
func (f files) syncFile(path string) error {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.sync(file), file.Close())
}

// syncFolder makes the names in a folder durable. Windows cannot sync a folder.
func (f files) syncFolder(path string) error {
	if f.disk != nil {
		return f.disk.Step(StepSyncFolder, path, "")
	}
	if runtime.GOOS == "windows" {
		return nil
	}
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// replace writes a small file durably. After a power cut the folder has either the old file or the
// new one.
func (f files) replace(folder, name string, text []byte) error {
	part, err := f.createPart(folder, name+".")
	if err != nil {
		return err
	}
	if err = f.step(StepWrite, part.Name(), ""); err == nil {
		_, err = part.Write(text)
	}
	if err == nil {
		err = f.sync(part)
	}
	err = errors.Join(err, part.Close())
	if err == nil {
		err = f.rename(part.Name(), filepath.Join(folder, name))
	}
	if err != nil {
		_ = os.Remove(part.Name()) // err came first
		return err
	}
	return f.syncFolder(folder)
}
