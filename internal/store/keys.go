package store

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/seal"
)

// keyFile holds the wrapped key of an encrypted database; other databases have no such file.
// Package seal documents its content.
const keyFile = "key.json"

const maxKeyFile = 64 << 10 // bytes read of a key file

// readyFolder takes the shared lock of a folder. It returns only when no change of the encryption
// is half done, and when a new encrypted database has its key. It finishes such work under the
// exclusive lock.
func readyFolder(ctx context.Context, lock *folderLock, o Options) error {
	return poll(ctx, busyTimeout, func() (bool, error) {
		if err := lock.share(ctx); err != nil {
			return false, err
		}
		if isReady(lock.path, o) {
			// A change of the encryption holds the exclusive lock, so this folder is left from one
			// that was cut off.
			return true, files{o.Disk}.removeAll(filepath.Join(lock.path, resealing))
		}
		seized, err := lock.seize()
		if seized {
			err = errors.Join(finishReseal(lock.path, files{o.Disk}), prepareKey(lock.path, o))
		}
		return false, err
	})
}

func isReady(path string, o Options) bool {
	return !exists(filepath.Join(path, resealed)) && !needsKey(path, o)
}

// needsKey reports whether Open is creating an encrypted database that has no key yet.
func needsKey(path string, o Options) bool {
	return o.Secret != nil && !o.MustExist && isVacant(path) && !exists(filepath.Join(path, keyFile))
}

// isVacant reports whether no database was created yet.
func isVacant(path string) bool {
	info, err := os.Stat(filepath.Join(path, databaseFile))
	return errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0
}

func prepareKey(path string, o Options) error {
	if !needsKey(path, o) {
		return nil
	}
	text, err := seal.NewKeys().Lock(o.Secret)
	if err != nil {
		return err
	}
	return files{o.Disk}.replace(path, keyFile, text)
}

// unlockFolder returns the keys of the database at path, or nil if it is not encrypted.
func unlockFolder(path string, secret *seal.Secret) (*seal.Keys, error) {
	text, err := readKeyFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && (secret == nil || isVacant(path)):
		return nil, nil
	case errors.Is(err, fs.ErrNotExist):
		return nil, notEncrypted(path)
	case err != nil:
		return nil, err
	case secret == nil:
		return nil, fault.NotADatabase.In("open database", path).Says("the database is encrypted").
			Try("give its encryption key or passphrase")
	}
	keys, err := seal.Unlock(text, secret)
	if f := fault.Of(err); f != nil {
		return nil, f.In("open database", path)
	}
	return keys, err
}

func notEncrypted(path string) error {
	return fault.NotADatabase.In("open database", path).Says("the database is not encrypted, but a key was given").
		Try("open it without a key; changing its key from none encrypts it")
}

func readKeyFile(path string) ([]byte, error) {
	file, err := os.Open(filepath.Join(path, keyFile))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, maxKeyFile))
}

// hasKeyFile reports whether the key file in the folder path has this text; nil stands for a
// missing file.
func hasKeyFile(path string, text []byte) bool {
	got, err := readKeyFile(path)
	if text == nil {
		return errors.Is(err, fs.ErrNotExist)
	}
	return err == nil && bytes.Equal(got, text)
}
