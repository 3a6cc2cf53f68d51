package store

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"github.com/ncruces/go-sqlite3"

	"github.com/tandemdb/tandem/internal/fault"
)

// sqlFault turns an error of SQLite into a fault.Error that names the operation and its subject. It
// passes a fault.Error, and an error of a context, unchanged.
func sqlFault(err error, op, subject string) error {
	if err == nil || fault.Of(err) != nil || isContextError(err) {
		return err
	}
	f := classify(err)
	return f.In(op, subject).Because(err)
}

func classify(err error) *fault.Error {
	var code sqlite3.ErrorCode
	if !errors.As(err, &code) {
		return classifyFile(err)
	}
	switch code {
	case sqlite3.BUSY, sqlite3.LOCKED:
		return fault.Busy.Says("another program is using the database").
			Try("wait until it is done, then try again")
	case sqlite3.FULL:
		return diskFull()
	case sqlite3.READONLY, sqlite3.PERM, sqlite3.AUTH:
		return fault.NotWriteable.Says("the database cannot be written").
			Try("check the permissions of its folder and files")
	case sqlite3.NOTADB:
		return fault.NotADatabase.Says("not a database, or the wrong encryption key")
	case sqlite3.CORRUPT, sqlite3.CONSTRAINT: // no statement breaks a constraint of a sound file
		return damaged()
	case sqlite3.CANTOPEN:
		if errors.Is(err, fs.ErrPermission) || isTooManyFiles(err) {
			return classifyFile(err)
		}
		return fault.CantOpen.Try("check the permissions of the database's folder, and how many files may be open (ulimit -n)")
	case sqlite3.IOERR:
		return classifyFile(err)
	case sqlite3.TOOBIG, sqlite3.NOMEM:
		return fault.Invalid.Says("too large to be stored")
	default:
		return fault.Unexpected
	}
}

// fileFault turns an error of the file system into a fault.Error, as sqlFault does.
func fileFault(err error, op, subject string) error {
	if err == nil || fault.Of(err) != nil || isContextError(err) {
		return err
	}
	return classifyFile(err).In(op, subject).Because(err)
}

func classifyFile(err error) *fault.Error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fault.NotFound
	case isReadOnly(err):
		return fault.NotWriteable.Says("the volume is read-only").
			Try("open the database read-only, or copy it to where it can be written")
	case errors.Is(err, fs.ErrPermission):
		return fault.NotWriteable.Says("permission denied").
			Try("check who owns the database's folder, or open the database read-only")
	case isDiskFull(err):
		return diskFull()
	case isTooManyFiles(err):
		return fault.TooManyFiles.Try("close some, or raise the limit of the system (ulimit -n)")
	default:
		return fault.IO
	}
}

func diskFull() *fault.Error {
	return fault.IO.Says("the disk is full").Try("free some space, then try again: nothing stored is lost")
}

// tellFullDisk reports a failed opening as a full disk if the disk is full: SQLite does not say so
// when it cannot create the memory that connections share.
func tellFullDisk(err error, path string) error {
	if !errors.Is(err, fault.IO) || !isDiskFull(probeSpace(path)) {
		return err
	}
	return diskFull().In("open database", path).Because(fault.Of(err).Err)
}

// probeSpace writes a file as large as the shared memory, and removes it again.
func probeSpace(path string) error {
	file, err := os.CreateTemp(path, "space-*")
	if err != nil {
		return err
	}
	_, err = file.Write(make([]byte, sharedMemorySize))
	return errors.Join(err, file.Close(), os.Remove(file.Name()))
}

// sharedMemorySize is the least size, in bytes, of the memory that SQLite's connections share.
const sharedMemorySize = 64 << 10

func damaged() *fault.Error {
	return fault.CorruptData.Says("the database file is damaged").
		Try("restore it from a backup, or sync a new database from a peer")
}

func isContextError(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

func notOpen(op, path string) error {
	return fault.NotOpen.In(op, path).Says("the database is closed")
}
