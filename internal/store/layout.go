package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/tandemdb/tandem/internal/fault"
)

// The names inside a database's folder.
const (
	databaseFile = "db.sqlite3"
	blobFolder   = "blobs"
)

// Extension is the suffix of a database folder's name.
const Extension = ".tandem"

// Exists reports whether path holds a database, without opening it.
func Exists(path string) bool {
	found, err := find(path)
	return found && err == nil
}

// find reports whether there is a database file in the folder path. It fails where the folder does not
// say.
func find(path string) (found bool, err error) {
	info, err := os.Stat(filepath.Join(path, databaseFile))
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return false, nil
	case err != nil:
		return false, fault.CantOpen.Says("the folder cannot be read").Because(err).
			Try("check the permissions of the folder, and who owns it")
	}
	return info.Mode().IsRegular(), nil
}

// Delete removes the database at path permanently. It fails with fault.NotFound if there is none,
// and with fault.Busy while this or another process has it open.
func Delete(path string) error {
	const op = "delete database"
	if found, err := find(path); err != nil {
		return fault.About(err, op, path)
	} else if !found {
		return fault.NotFound.In(op, path).Says("there is no database here")
	}
	lock, err := openLock(path)
	if err != nil {
		return err
	}
	err = lock.deleteFiles()
	if closeErr := lock.close(); err == nil { // Windows does not remove open files
		err = closeErr
	}
	if err == nil {
		err = os.RemoveAll(path)
	}
	return fileFault(err, op, path)
}

// deleteFiles removes the files that make the folder a database, unless somebody else has it open.
// Removing the database file first leaves no usable database if the removal is interrupted. An
// unfinished change of the encryption has a second database file, which goes even earlier.
func (l *folderLock) deleteFiles() error {
	if alone, err := l.seize(); err != nil {
		return err
	} else if !alone {
		return busy().In("delete database", l.path)
	}
	if err := os.RemoveAll(filepath.Join(l.path, resealed)); err != nil {
		return err
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		err := os.Remove(filepath.Join(l.path, databaseFile+suffix))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// prepareFolder checks that path is a database folder, or creates one. It reports whether the
// database file exists already.
func prepareFolder(path string, o Options) (exists bool, err error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if o.MustExist {
			return false, noDatabase().In("open database", path)
		}
	case err != nil:
		return false, fileFault(err, "open database", path)
	case !info.IsDir():
		return false, fault.NotADatabase.In("open database", path).Says("this is a file, not a database folder").
			Try("name a folder that ends in " + Extension)
	default:
		if exists, err := find(path); exists || err != nil {
			return exists, fault.About(err, "open database", path)
		}
		if o.MustExist {
			return false, noDatabase().In("open database", path)
		}
		if err := checkVacant(path); err != nil {
			return false, err
		}
	}
	return false, fileFault(makeFolders(path, files{o.Disk}), "create database", path)
}

// makeFolders makes the folders of a new database. The names inside the database's folder are
// synced later, together with SQLite's files.
func makeFolders(path string, files files) error {
	above := filepath.Dir(path)
	if err := os.MkdirAll(above, 0o700); err != nil {
		return err
	}
	if err := files.makeFolder(path); err != nil {
		return err
	}
	return errors.Join(files.makeFolder(filepath.Join(path, blobFolder)), files.syncFolder(above))
}

// removeUnborn removes the remains of a failed creation, unless another process has continued it.
// Remains that cannot be removed do no harm.
func removeUnborn(path string, disk Disk) {
	lock, err := openLock(path)
	if err != nil {
		return
	}
	alone, err := lock.seize()
	info, _ := os.Stat(filepath.Join(path, databaseFile))
	born := info != nil && info.Size() > pageSize || exists(filepath.Join(path, databaseFile+"-wal"))
	_ = lock.close() // Windows does not remove open files
	if alone && err == nil && !born {
		_ = files{disk}.removeAll(path)
	}
}

func noDatabase() *fault.Error {
	return fault.NotFound.Says("there is no database here").
		Try("check the path, or create the database first")
}

// checkVacant refuses a folder that holds foreign files, so that a database never mixes with them.
func checkVacant(path string) error {
	entries, err := os.ReadDir(path)
	if err != nil {
		return fileFault(err, "open database", path)
	}
	for _, entry := range entries {
		if name := entry.Name(); !isOurs(name) {
			return fault.NotADatabase.In("open database", path).
				Says("the folder is not a database: it holds %q", name).
				Try("choose another name for the new database")
		}
	}
	return nil
}

// isOurs reports whether the file name belongs to a database that is being created.
func isOurs(name string) bool {
	switch name {
	case blobFolder, lockFile:
		return true
	default:
		return strings.HasPrefix(name, databaseFile) || strings.HasPrefix(name, keyFile)
	}
}

// databaseName returns the last element of path without its extension.
func databaseName(path string) string {
	return strings.TrimSuffix(filepath.Base(path), Extension)
}
