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

// access reads and writes the files of an open database, in plain form or encrypted. It changes
// only while nobody uses it.
type access struct {
	users *semaphore.Weighted
	lock  *folderLock

	// Users and the writer's goroutine read these fields. Only the writer's goroutine changes them,
	// while it is alone.
	keys   *seal.Keys // nil if the files are not encrypted
	vfs    string     // name of the SQLite file system that opens the files
	failed error      // why nothing can be opened any more: a change of the encryption was cut off
}

const (
	everybody = 1 << 40         // more than all users at once
	useLimit  = 2 * time.Second // how long a change waits for the users of the database
	useWindow = useLimit / 10   // how long one attempt of a change holds new users back
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
		return nil // fail has closed the lock
	}
	return err
}

// use keeps access unchanged until unuse. Calls may be nested.
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

// useSoon is use for callers without a context. It waits only while the encryption changes.
//

func (a *access) useSoon() error { return a.use(context.Background()) }

func (a *access) unuse() { a.users.Release(1) }

// useAlone waits until nobody uses access. It holds new users back for one window at a time only,
// because an old user may be waiting for a new one, or for the caller of useAlone.
func (a *access) useAlone(ctx context.Context) error {
	return poll(ctx, useLimit, func() (bool, error) {
		window, cancel := context.WithTimeout(ctx, useWindow)
		defer cancel()
		return a.users.Acquire(window, everybody) == nil, nil
	})
}

func (a *access) unuseAlone() { a.users.Release(everybody) }

// replace sets the keys of all files that are opened from now on.
func (a *access) replace(keys *seal.Keys, base string) {
	vfs.Unregister(a.vfs)
	a.keys, a.vfs = keys, registerVFS(base, keys)
}

// fail ends all use of the database and gives up its lock, so that the next opening repairs the
// folder.
func (a *access) fail(cause error) error {
	a.failed = fault.NotOpen.Says("a change of the encryption was cut off").Because(cause).
		Try("close the database and open it again: it has the old key or the new one")
	_ = a.lock.close() // the caller reports cause
	return a.failed
}

// connect opens another connection to the database.
func (db *DB) connect(ctx context.Context) (*conn, error) {
	if db.access.failed != nil {
		return nil, db.access.failed
	}
	c, err := openConn(ctx, db.path, db.access.vfs, db.options)
	if err == nil {
		c.queries.ShareLists(db.vectors.share)
	}
	return c, err
}

// sealedReserve is the number of bytes that SQLite leaves unused at the end of each page of an
// encrypted database. A page in the log may end inside a unit of the cipher. Writing the next page
// rewrites the unit's other half while other processes read this page.
const sealedReserve = 16

// reserve sets the number of unused bytes at the end of each page of a database created next.
func (c *conn) reserve(size int) error {
	_, err := c.FileControl("main", sqlite3.FCNTL_RESERVE_BYTES, size)
	if err != nil {
		return fmt.Errorf("reserve %d bytes of each page: %w", size, err)
	}
	return nil
}
