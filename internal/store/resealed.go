package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// finishReseal brings in order what a change of the encryption has left in the folder of a
// database that nobody has open. Each step may be repeated, so this may be cut off and begin again.
func finishReseal(path string, disk Disk) error {
	if err := os.RemoveAll(filepath.Join(path, resealing)); err != nil {
		return err
	}
	from := filepath.Join(path, resealed)
	if !exists(from) {
		return nil
	}
	for _, move := range []func(path, from string, disk Disk) error{moveKeyIn, moveRowsIn, moveBlobsIn} {
		if err := move(path, from, disk); err != nil {
			return err
		}
	}
	if err := errors.Join(syncNames(disk, from), syncNames(disk, path)); err != nil {
		return err
	}
	// First its name goes: what is removed in part must not be taken for complete.
	if err := moveFolder(path, resealed, resealing, disk); err != nil {
		return err
	}
	return os.RemoveAll(filepath.Join(path, resealing))
}

// moveKeyIn copies the key file, and removes the one there is if there shall be none. The copy's
// source stays: that it is missing has a meaning, each time this is done.
func moveKeyIn(path, from string, disk Disk) error {
	text, err := readKeyFile(from)
	if err == nil {
		if err := step(disk, StepRename, filepath.Join(from, keyFile), filepath.Join(path, keyFile)); err != nil {
			return err
		}
		return replaceFile(path, keyFile, text)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return removeIfThere(filepath.Join(path, keyFile), disk)
}

// moveRowsIn moves the database file; a log of the old one must not be taken for its own.
func moveRowsIn(path, from string, disk Disk) error {
	if !exists(filepath.Join(from, databaseFile)) {
		return nil // done already
	}
	for _, suffix := range []string{"-wal", "-shm", "-journal"} {
		if err := removeIfThere(filepath.Join(path, databaseFile+suffix), disk); err != nil {
			return err
		}
	}
	if err := syncNames(disk, path); err != nil { // or a power cut could bring the log back to the new rows
		return err
	}
	old, file := filepath.Join(from, databaseFile), filepath.Join(path, databaseFile)
	if err := step(disk, StepRename, old, file); err != nil {
		return err
	}
	return os.Rename(old, file)
}

func moveBlobsIn(path, from string, disk Disk) error {
	if !exists(filepath.Join(from, blobFolder)) {
		return nil // done already
	}
	if err := step(disk, StepRemove, filepath.Join(path, blobFolder), ""); err != nil {
		return err
	}
	if err := os.RemoveAll(filepath.Join(path, blobFolder)); err != nil {
		return err
	}
	old, folder := filepath.Join(from, blobFolder), filepath.Join(path, blobFolder)
	if err := step(disk, StepRename, old, folder); err != nil {
		return err
	}
	return os.Rename(old, folder)
}

// moveFolder renames a folder in path, durably.
func moveFolder(path, from, to string, disk Disk) error {
	from, to = filepath.Join(path, from), filepath.Join(path, to)
	if err := step(disk, StepRename, from, to); err != nil {
		return err
	}
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return syncNames(disk, path)
}

func removeIfThere(path string, disk Disk) error {
	if !exists(path) {
		return nil
	}
	if err := step(disk, StepRemove, path, ""); err != nil {
		return err
	}
	return os.Remove(path)
}
