package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/tandemdb/tandem/internal/fault"
)

// initialise checks that c's file, in the folder path, is a Tandem database, and creates one if the
// file is empty.
func initialise(ctx context.Context, c *conn, path string, o Options) (meta, error) {
	empty, err := identify(c)
	if err != nil {
		return meta{}, err
	}
	if empty {
		if o.MustExist {
			return meta{}, noDatabase()
		}
		if err := retryBusy(ctx, func() error { return create(c, path, o) }); err != nil {
			return meta{}, err
		}
	}
	if ro, _ := c.ReadOnly("main"); ro && !o.ReadOnly {
		return meta{}, fault.NotWriteable.Says("the database cannot be written").
			Try("check the permissions of its folder and files, or open it read-only")
	}
	if !o.ReadOnly {
		if err := noteLocation(c, locationOf(path), o.Logger); err != nil {
			return meta{}, err
		}
	}
	m, err := readMeta(c)
	if err != nil {
		return meta{}, err
	}
	version, err := pragma(c, `PRAGMA user_version`)
	if err != nil {
		return meta{}, err
	}
	m.indexed = version >= indexedFormat
	if o.Versioning != "" && o.Versioning != m.versioning {
		return meta{}, fault.Invalid.Says("the database has versioning %s, not %s", m.versioning, o.Versioning).
			Try("leave the versioning out to accept what the database has")
	}
	return m, nil
}

// identify reports whether the file is empty. It refuses a file made by another program or by a
// later version of this one.
func identify(c *conn) (empty bool, err error) {
	tables, err := pragma(c, `SELECT count(*) FROM sqlite_schema`)
	if err != nil {
		return false, err
	}
	app, err := pragma(c, `PRAGMA application_id`)
	if err != nil {
		return false, err
	}
	if tables == 0 && (app == 0 || app == applicationID) {
		return true, nil
	}
	if app != applicationID {
		return false, fault.NotADatabase.Says("this is a database of another program")
	}
	version, err := pragma(c, `PRAGMA user_version`)
	if err != nil {
		return false, err
	}
	if version > latestFormat {
		return false, fault.TooNew.Says("the database has format %d, this program knows up to %d", version, latestFormat).
			Try("update this program")
	}
	return false, nil
}

// create makes an empty file a database. Two processes may try at once; the second finds the work
// done.
func create(c *conn, path string, o Options) error {
	if o.Secret != nil {
		if err := c.reserve(sealedReserve); err != nil {
			return err
		}
	}
	if err := c.enterWAL(o); err != nil {
		return err
	}
	return c.immediately(func() error {
		if empty, err := identify(c); err != nil || !empty {
			return err
		}
		return fill(c, locationOf(path), o)
	})
}

// fill writes the schema, the metadata and the default collection of a database located here.
func fill(c *conn, here location, o Options) error {
	format := formatVersion
	if o.Versioning == Both {
		format = bothFormat
	}
	header := fmt.Sprintf(`PRAGMA application_id=%d; PRAGMA user_version=%d;`, applicationID, format)
	if err := c.Exec(header + schema); err != nil {
		return err
	}
	if err := writeMeta(c, cmp.Or(o.Versioning, VersionVectors), here); err != nil {
		return err
	}
	_, err := addCollection(c, DefaultName, DefaultName)
	return err
}

// enterWAL switches c's file to a write-ahead log. It syncs the removal of the old journal: after a
// power cut a surviving journal would undo the creation and every commit since.
func (c *conn) enterWAL(o Options) error {
	if err := c.Exec(fmt.Sprintf(`PRAGMA synchronous=extra; PRAGMA page_size=%d`, pageSize)); err != nil {
		return err
	}
	var mode string
	s, err := c.prepare(`PRAGMA journal_mode=wal`)
	if err == nil {
		err = query(s, func(s *sqlite3.Stmt) error { mode = s.ColumnText(0); return nil })
		err = errors.Join(err, s.Close())
	}
	if err != nil {
		return err
	}
	if mode != "wal" {
		return fault.CantOpen.Says("the system maps no shared memory for files in this folder").
			Try("keep the database on a local disk")
	}
	return c.Exec(`PRAGMA synchronous=` + o.synchronous())
}

// pragma runs SQL that returns one number.
func pragma(c *conn, sql string) (n int64, err error) {
	s, _, err := c.Prepare(sql)
	if err != nil {
		return 0, err
	}
	defer s.Close()
	if s.Step() {
		n = s.ColumnInt64(0)
	}
	return n, s.Err()
}

// retryBusy repeats operations that SQLite refuses as busy without asking its busy handler.
func retryBusy(ctx context.Context, try func() error) error {
	for deadline := time.Now().Add(busyTimeout); ; {
		err := try()
		if !errors.Is(err, sqlite3.BUSY) || time.Now().After(deadline) {
			return err
		}
		if err := pause(ctx); err != nil {
			return err
		}
	}
}
