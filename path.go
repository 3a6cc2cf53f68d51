package tandem

import (
	"path/filepath"
	"strings"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/store"
)

// Exists reports whether there is a database at path, with or without ".tandem". It is false for URLs: [Open]
// with MustExist tells.
func Exists(path string) bool {
	folder, err := folderOf(path)
	return err == nil && store.Exists(folder)
}

// DeleteDatabase removes the database at path, with or without ".tandem", permanently. The error is
// [ErrNotFound] if there is none, and [ErrBusy] while it is open.
func DeleteDatabase(path string) error {
	folder, err := folderOf(path)
	if err != nil {
		return err
	}
	return store.Delete(folder)
}

// folderOf returns the folder of the database that a user calls path.
func folderOf(path string) (string, error) {
	if path == "" {
		return "", fault.Invalid.Says("the path of the database is empty").
			Try("give the path of the database's folder")
	}
	if isURL(path) {
		return "", fault.Unsupported.Says("a folder is wanted here, and this is a URL").
			Try("give the path of a folder; see docs/hub.md for what works on databases with a URL")
	}
	folder := filepath.Clean(path)
	switch name := filepath.Base(folder); strings.TrimSuffix(name, store.Extension) {
	case "", ".", "..", string(filepath.Separator):
		return "", fault.Invalid.In("find database", path).Says("the path names no database").
			Try("add the name of the database to the path")
	}
	if !strings.HasSuffix(folder, store.Extension) {
		folder += store.Extension
	}
	return folder, nil
}
