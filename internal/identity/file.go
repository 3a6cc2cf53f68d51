package identity

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
)

const lockPatience = 10 * time.Second

// lockFile locks a file against other processes and other callers in this one, and creates it if it
// is missing. The system releases the lock when a process dies.
func lockFile(path string) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(lockPatience); ; time.Sleep(2 * time.Millisecond) {
		locked, err := tryLock(file)
		if locked {
			return func() { _ = file.Close() }, nil // closing unlocks
		}
		if err == nil && time.Now().After(deadline) {
			err = fault.Busy.Says("another process holds the lock")
		}
		if err != nil {
			_ = file.Close()
			return nil, err
		}
	}
}

// readFile reads a whole file of at most maxInput bytes.
func readFile(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return readAll(file)
}

// readPrivate is readFile for private keys: on Unix it refuses a file that others may read.
func readPrivate(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return nil, fault.Crypto.Says("the key file %s can be read by others (mode %04o)", path, info.Mode().Perm()).
			Try("run chmod 600 on it, and replace the key if someone may have read it")
	}
	return readAll(file)
}

func readAll(file *os.File) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(file, maxInput+1))
	if err == nil && len(data) > maxInput {
		return nil, fault.CorruptData.Says("the file is larger than %d bytes", maxInput)
	}
	return data, err
}

// writeNew creates a file with mode 0600, writes it and syncs it. It fails if the file exists.
func writeNew(path string, data []byte) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	err = errors.Join(err, file.Sync(), file.Close())
	if err != nil {
		_ = os.Remove(path)
	}
	return err
}

// replaceFile replaces the content of the file at path, or leaves it on failure. The caller holds
// the lock.
func replaceFile(path string, data []byte) error {
	next := path + ".new"
	if err := os.Remove(next); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := writeNew(next, data); err != nil {
		return err
	}
	if err := os.Rename(next, path); err != nil {
		_ = os.Remove(next)
		return err
	}
	syncFolder(filepath.Dir(path))
	return nil
}

// syncFolder makes a rename durable if the system can; the content is synced already.
func syncFolder(dir string) {
	if d, err := os.Open(dir); err == nil {
		_ = d.Sync()
		_ = d.Close()
	}
}

func isReadOnly(err error) bool { return errors.Is(err, syscall.EROFS) }

// ioFault returns err as a *fault.Error. It keeps an err that is one already.
func ioFault(op, subject string, err error) error {
	if f := fault.Of(err); f != nil {
		return f.In(op, subject)
	}
	if errors.Is(err, os.ErrPermission) {
		return fault.CantOpen.In(op, subject).Because(err).Try("check the owner and the permissions")
	}
	return fault.IO.In(op, subject).Because(err)
}
