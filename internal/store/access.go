package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"
	"golang.org/x/sync/semaphore"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/seal"
)

// access is how the files of an open database are read and written: as they are, or encrypted. It
// changes only while nobody uses it.
type access struct {
	users *semaphore.Weighted
	lock  *folderLock

	// Read by users and by the writer's goroutine; changed by the latter, when it is alone.
	keys   *seal.Keys // nil if the files are not encrypted
	vfs    string     // the file system of SQLite
	failed error      // why nothing can be opened any more: a change was cut off
}

const (
	everybody = 1 << 40         // more than all users at once
	useLimit  = 2 * time.Second // how long a change waits for the users of the database
	useWindow = useLimit / 10   // and how long new users wait for that, at once
)

// openAccess enters the database's folder.
func openAccess(ctx context.Context, path string, o Options) (*access, error) {
	if o.ReadOnly {
		return openFrozen(ctx, path, o)
	}
	lock, err := openLock(path)
	if err != nil {
		return nil, err
	}
	a := &access{users: semaphore.NewWeighted(everybody), lock: lock}
	if err = readyFolder(ctx, lock, o); err == nil {
		a.keys, err = unlockFolder(path, o.Secret)
	}
	if err != nil {
		_ = lock.close() // err is what went wrong first
		return nil, fileFault(err, "open database", path)
	}
	a.vfs = registerVFS(o.baseVFS(), a.keys)
	return a, nil
}

func (a *access) close() error {
	vfs.Unregister(a.vfs)
	err := a.lock.close()
	if errors.Is(err, os.ErrClosed) {
		return nil // by fail
	}
	return err
}

// use keeps access as it is until unuse. A user may use it again.
func (a *access) use(ctx context.Context) error {
	if err := a.users.Acquire(ctx, 1); err != nil {
		return err
	}
	if a.failed != nil {
		a.unuse()
		return a.failed
	}
	return nil
}

// useSoon is use for callers without a context: only a change of the encryption makes them wait.
//
//nolint:contextcheck,nolintlint // their interfaces have none; the first is for callers in other packages
func (a *access) useSoon() error { return a.use(context.Background()) }

func (a *access) unuse() { a.users.Release(1) }

// useAlone waits until nobody uses access. New users are held back meanwhile, but only a window at a
// time: an old user may be waiting for a new one, or for the caller itself.
func (a *access) useAlone(ctx context.Context) error {
	return poll(ctx, useLimit, func() (bool, error) {
		window, cancel := context.WithTimeout(ctx, useWindow)
		defer cancel()
		return a.users.Acquire(window, everybody) == nil, nil
	})
}

func (a *access) unuseAlone() { a.users.Release(everybody) }

// replace makes keys those of the files that are opened from now on.
func (a *access) replace(keys *seal.Keys, base string) {
	vfs.Unregister(a.vfs)
	a.keys, a.vfs = keys, registerVFS(base, keys)
}

// fail ends all use of the database and gives up its lock: whoever opens it next mends the folder.
func (a *access) fail(cause error) error {
	a.failed = fault.NotOpen.Says("a change of the encryption was cut off").Because(cause).
		Try("close the database and open it again: it has the old key or the new one")
	_ = a.lock.close() // there is an error already
	return a.failed
}

// connect opens another connection to the database.
func (db *DB) connect(ctx context.Context) (*conn, error) {
	if db.access.failed != nil {
		return nil, db.access.failed
	}
	return openConn(ctx, db.path, db.access.vfs, db.options)
}

// sealedReserve is how many bytes at the end of each page SQLite leaves unused in an encrypted
// database. In the log a page may end in the middle of a unit of the cipher, the other half of which
// is written with the next page, while other processes read this one.
const sealedReserve = 16

// reserve says how many bytes at the end of each page stay unused in what is created next.
func (c *conn) reserve(size int) error {
	_, err := c.FileControl("main", sqlite3.FCNTL_RESERVE_BYTES, size)
	if err != nil {
		return fmt.Errorf("reserve %d bytes of each page: %w", size, err)
	}
	return nil
}
