package store

import (
	"errors"
	"io/fs"
	"path/filepath"
)

// finishReseal completes or removes an unfinished change of the encryption, in the folder of a
// database that nobody has open. Each step may be repeated, so finishReseal itself may be cut off
// and start again.
func finishReseal(path string, files files) error {
	if err := files.removeAll(filepath.Join(path, resealing)); err != nil {
		return err
	}
	from := filepath.Join(path, resealed)
	if !exists(from) {
		return nil
	}
	for _, move := range []func(path, from string) error{files.moveKeyIn, files.moveRowsIn, files.moveBlobsIn} {
		if err := move(path, from); err != nil {
			return err
		}
	}
	if err := errors.Join(files.syncFolder(from), files.syncFolder(path)); err != nil {
		return err
	}
	// Rename the folder first: a partly removed folder must not pass for a complete one.
	if err := files.moveFolder(path, resealed, resealing); err != nil {
		return err
	}
	return files.removeAll(filepath.Join(path, resealing))
}

// moveKeyIn copies the key file into place, or removes the old one if the database becomes
// unencrypted. It copies rather than moves: when this step is repeated, a missing file must still
// mean "no key".
func (f files) moveKeyIn(path, from string) error {
	text, err := readKeyFile(from)
	if err == nil {
		return f.replace(path, keyFile, text)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return f.removeAll(filepath.Join(path, keyFile))
}

// moveRowsIn moves the database file, and removes the old log, which SQLite would take for the new
// file's.
func (f files) moveRowsIn(path, from string) error {
	if !exists(filepath.Join(from, databaseFile)) {
		return nil // done already
	}
	for _, suffix := range []string{"-wal", "-shm", "-journal"} {
		if err := f.removeAll(filepath.Join(path, databaseFile+suffix)); err != nil {
			return err
		}
	}
	if err := f.syncFolder(path); err != nil { // otherwise a power cut could bring the old log back
		return err
	}
	return f.rename(filepath.Join(from, databaseFile), filepath.Join(path, databaseFile))
}

func (f files) moveBlobsIn(path, from string) error {
	old, folder := filepath.Join(from, blobFolder), filepath.Join(path, blobFolder)
	if !exists(old) {
		return nil // done already
	}
	if err := f.removeAll(folder); err != nil {
		return err
	}
	return f.rename(old, folder)
}

// moveFolder renames a folder in path, durably.
func (f files) moveFolder(path, from, to string) error {
	if err := f.rename(filepath.Join(path, from), filepath.Join(path, to)); err != nil {
		return err
	}
	return f.syncFolder(path)
}
