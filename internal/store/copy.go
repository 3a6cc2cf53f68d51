package store

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/ncruces/go-sqlite3/vfs"

	"github.com/tandemdb/tandem/internal/document"
	"github.com/tandemdb/tandem/internal/fault"
)

// Copy writes a snapshot of the database to the folder toPath, which must not exist
// (fault.Invalid). The copy is an independent database with UUIDs of its own. It keeps the
// checkpoints, so that its replications continue where the original's were. Others may use the
// database meanwhile.
//
// The copy of a database in an engine keeps the public UUID; [DB.CopyToHub] says what it leaves out.
func (db *DB) Copy(ctx context.Context, toPath string) error {
	const op = "copy database"
	unuse, err := db.use(ctx, op)
	if err != nil {
		return err
	}
	defer unuse()
	if _, err := os.Lstat(toPath); err == nil {
		return fault.Invalid.In(op, toPath).Says("there is something here already")
	}
	part, err := os.MkdirTemp(filepath.Dir(toPath), filepath.Base(toPath)+".*"+partSuffix)
	if err != nil {
		return fileFault(err, op, toPath)
	}
	defer os.RemoveAll(part) //nolint:errcheck // gone already if all went well
	write := db.copyTo
	if db.hub != nil {
		write = db.copyFromHub
	}
	if err := write(ctx, part, toPath); err != nil {
		return interrupted(ctx, sqlFault(err, op, toPath))
	}
	if err := (files{}).syncFolder(part); err != nil {
		return fileFault(err, op, toPath)
	}
	if err := os.Rename(part, toPath); err != nil {
		return fileFault(err, op, toPath)
	}
	return fileFault(files{}.syncFolder(filepath.Dir(toPath)), op, toPath)
}

// use keeps the database from being closed, and its encryption from being changed, until unuse is called.
func (db *DB) use(ctx context.Context, op string) (unuse func(), err error) {
	if err := db.enter(op); err != nil {
		return nil, err
	}
	if db.hub != nil {
		return db.leave, nil
	}
	if err := db.access.use(ctx); err != nil {
		db.leave()
		return nil, err
	}
	return func() {
		db.access.unuse()
		db.leave()
	}, nil
}

// copyTo writes the copy into the folder path, which is renamed to toPath later.
func (db *DB) copyTo(ctx context.Context, path, toPath string) error {
	if err := os.Mkdir(filepath.Join(path, blobFolder), 0o700); err != nil {
		return err
	}
	if err := db.copyKey(path); err != nil {
		return err
	}
	size, err := db.size(ctx)
	if err != nil {
		return err
	}
	done := progressOf(ctx, size)
	for attempt := 1; ; attempt++ {
		if err := db.copyRows(ctx, path, toPath, done); err != nil {
			return err
		}
		missing, err := db.copyBlobs(ctx, path, done)
		if err != nil {
			return err
		}
		again, err := db.mayFind(ctx, missing, attempt)
		if err != nil {
			return err
		}
		if !again {
			done.end()
			return nil
		}
		if err := os.Remove(filepath.Join(path, databaseFile)); err != nil {
			return err
		}
	}
}

// size returns how many bytes a copy has: of the rows and of all blobs.
func (db *DB) size(ctx context.Context) (bytes uint64, err error) {
	err = db.View(ctx, func(tx *Tx) error {
		s, err := tx.c.space()
		bytes = s.used()
		return err
	})
	if err != nil {
		return 0, err
	}
	_, ofBlobs, err := db.blobs.extent()
	return bytes + ofBlobs, err
}

// sizeOf returns the size of a file, 0 if it is not there.
func sizeOf(file string) uint64 {
	info, err := os.Stat(file)
	if err != nil {
		return 0
	}
	return uint64(info.Size())
}

// copyKey gives the copy the same keys, so that its blobs need not be encrypted again.
func (db *DB) copyKey(path string) error {
	if db.access.keys == nil {
		return nil
	}
	text, err := readKeyFile(db.path)
	if err != nil {
		return err
	}
	return files{}.replace(path, keyFile, text)
}

// openCopy opens the copy's database file in path, without the simulated disk of a test.
func (db *DB) openCopy(ctx context.Context, path string) (c *conn, closeCopy func() error, err error) {
	o := db.options
	o.FullSync, o.Disk = true, nil
	system := registerVFS("", db.access.keys)
	if c, err = openConn(ctx, path, system, o); err != nil {
		vfs.Unregister(system)
		return nil, nil, err
	}
	return c, func() error {
		defer vfs.Unregister(system)
		return c.close()
	}, nil
}

// copyRows writes the database file into the folder path, which is renamed to toPath later, and
// gives it an identity of its own.
func (db *DB) copyRows(ctx context.Context, path, toPath string, done *progress) error {
	c, err := db.readers.take(ctx)
	if err != nil {
		return err
	}
	background := c.SetInterrupt(ctx)
	file := filepath.Join(path, databaseFile)
	err = done.whileGrowing(func() uint64 { return sizeOf(file) }, func() error { return c.vacuumInto(file) })
	c.SetInterrupt(background)
	db.readers.give(c, err == nil)
	if err != nil {
		return err
	}
	c, closeCopy, err := db.openCopy(ctx, path)
	if err != nil {
		return err
	}
	here, err := locationToBe(path, toPath)
	if err == nil {
		err = c.becomeCopy(here)
	}
	return errors.Join(err, closeCopy())
}

func (c *conn) vacuumInto(file string) error {
	s, _, err := c.Prepare(`VACUUM INTO ?`)
	if err != nil {
		return err
	}
	defer s.Close()
	return exec(s, file)
}

// becomeCopy gives the database at its future location here new UUIDs and, with them, a new source.
func (c *conn) becomeCopy(here location) error {
	if err := c.Exec(`PRAGMA journal_mode=wal`); err != nil {
		return err
	}
	return c.immediately(func() error {
		if err := c.rememberPrivate(); err != nil {
			return err
		}
		if err := c.renewUUIDs(); err != nil {
			return err
		}
		if err := writeLocation(c, here); err != nil {
			return err
		}
		return c.Exec(`DELETE FROM meta WHERE key = '` + metaSource + `'; DELETE FROM pending_blobs`)
	})
}

// copyBlobs copies the blobs that the copy in path refers to. It returns the digests of missing
// blobs: a clean-up may have removed them since the rows were copied.
func (db *DB) copyBlobs(ctx context.Context, path string, done *progress) (missing []string, err error) {
	needed, err := db.neededBy(ctx, path)
	if err != nil {
		return nil, err
	}
	to := newBlobs(filepath.Join(path, blobFolder), db.access.keys, nil)
	for key := range needed {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		err := copyFile(db.blobs.path(key), to.path(key))
		done.add(sizeOf(to.path(key)))
		if errors.Is(err, fs.ErrNotExist) {
			missing = append(missing, document.Digest(key))
		} else if err != nil {
			return nil, err
		}
	}
	return missing, to.files.syncFolder(to.dir)
}

// neededBy lists the blobs that the database file in path refers to.
func (db *DB) neededBy(ctx context.Context, path string) (map[blobKey]struct{}, error) {
	c, closeCopy, err := db.openCopy(ctx, path)
	if err != nil {
		return nil, err
	}
	needed := make(map[blobKey]struct{})
	tx := db.newTx(ctx, c)
	_, err = tx.eachReferred(nil, func(key blobKey) { needed[key] = struct{}{} })
	return needed, errors.Join(err, closeCopy())
}

// copyFile makes a hard link where possible: blob files never change.
func copyFile(from, to string) error {
	if err := os.Link(from, to); err == nil || errors.Is(err, fs.ErrExist) {
		return files{}.syncFile(to)
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if err == nil {
		err = out.Sync()
	}
	return errors.Join(err, out.Close())
}
