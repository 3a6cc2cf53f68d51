package store

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"path/filepath"

	"github.com/ncruces/go-sqlite3/vfs"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/seal"
)

// ChangeKey changes what opens the database: to a secret or, if that is nil, to nothing, which
// removes the encryption.
//
// From one secret to another, only the key file is written anew: the data stays encrypted as it
// is. To encrypt a database, or to remove its encryption, all of it is written anew, which takes as
// much free space as the database has, and everybody else waits meanwhile. No other DB may have it
// open, in this process or another, and no blob may be open: that is fault.Busy. If the change is cut
// off, the database is as it was, or as it was to be, when it is opened next.
func (db *DB) ChangeKey(ctx context.Context, to *seal.Secret) error {
	const op = "change encryption"
	err := db.writer.submit(&request{ctx: ctx, alone: func(*conn) error { return db.changeKey(ctx, to) }})
	if f := fault.Of(err); f != nil && f.Op == "" {
		return f.In(op, db.path)
	}
	return interrupted(ctx, sqlFault(err, op, db.path))
}

// IsEncrypted reports whether there is an encrypted database at path, without opening it.
func IsEncrypted(path string) bool { return Exists(path) && exists(filepath.Join(path, keyFile)) }

// Encrypted reports whether the database is encrypted.
func (db *DB) Encrypted() bool {
	if db.access.useSoon() != nil {
		return false
	}
	defer db.access.unuse()
	return db.access.keys != nil
}

// changeKey runs on the writer's goroutine.
func (db *DB) changeKey(ctx context.Context, to *seal.Secret) error {
	keys := db.access.keys
	switch {
	case keys == nil && to == nil:
		return nil
	case keys == nil || to == nil:
		return db.reseal(ctx, to)
	}
	text, err := keys.Lock(to)
	if err != nil {
		return err
	}
	return db.blobs.files.replace(db.path, keyFile, text)
}

// The folders that a database is written anew in. One of the first name is not complete, and is
// removed. One of the second name is complete, and whoever comes first puts it in place.
const (
	resealing = "resealed" + partSuffix
	resealed  = "resealed"
)

// reseal writes the database anew, encrypted under new keys or not at all.
func (db *DB) reseal(ctx context.Context, to *seal.Secret) error {
	if err := db.access.useAlone(ctx); err != nil {
		return err
	}
	defer db.access.unuseAlone()
	if err := db.seize(ctx); err != nil {
		return err
	}
	next, err := db.writeResealed(ctx, to)
	if err != nil {
		removeErr := db.blobs.files.removeAll(filepath.Join(db.path, resealing)) // if not now, then when it is opened next
		return errors.Join(err, removeErr, db.shareAgain(ctx))
	}
	if err := db.moveIn(ctx, next); err != nil {
		return db.access.fail(err)
	}
	return nil
}

// seize makes sure that nobody else has the database open, nor can open it. While the
// shared lock of the folder becomes an exclusive one, SQLite's write lock keeps other processes from
// changing the encryption too.
func (db *DB) seize(ctx context.Context) error {
	c := db.writer.c
	if err := c.Exec(`BEGIN IMMEDIATE`); err != nil {
		return err
	}
	seized, err := db.access.lock.seize()
	if seized {
		if err = c.Exec(`ROLLBACK`); err != nil {
			return errors.Join(err, db.shareAgain(ctx))
		}
		return nil
	}
	if err == nil {
		err = busy()
	}
	return errors.Join(err, db.shareAgain(ctx), c.Exec(`ROLLBACK`))
}

// shareAgain takes back the lock that everybody has.
func (db *DB) shareAgain(ctx context.Context) error {
	if err := db.access.lock.share(context.WithoutCancel(ctx)); err != nil {
		return db.access.fail(err)
	}
	return nil
}

// resealedAs is what a database has been written anew as.
type resealedAs struct {
	keys *seal.Keys // nil if it is not encrypted
	text []byte     // of the key file; nil for none
}

// writeResealed writes the database anew into a folder of its own, durably.
func (db *DB) writeResealed(ctx context.Context, to *seal.Secret) (next resealedAs, err error) {
	folder, files := filepath.Join(db.path, resealing), db.blobs.files
	if err := files.removeAll(folder); err != nil {
		return next, err
	}
	if err := files.makeFolder(folder); err != nil {
		return next, err
	}
	if err := files.makeFolder(filepath.Join(folder, blobFolder)); err != nil {
		return next, err
	}
	if to != nil {
		next.keys = seal.NewKeys()
		if next.text, err = next.keys.Lock(to); err != nil {
			return next, err
		}
		if err := files.replace(folder, keyFile, next.text); err != nil {
			return next, err
		}
	}
	if err := db.resealRows(ctx, folder, next.keys); err != nil {
		return next, err
	}
	if err := db.resealBlobs(ctx, folder, next.keys); err != nil {
		return next, err
	}
	return next, files.syncFolder(folder)
}

// resealRows writes the database file anew.
func (db *DB) resealRows(ctx context.Context, folder string, keys *seal.Keys) error {
	system := registerVFS(db.options.baseVFS(), keys)
	defer vfs.Unregister(system)
	reserved := 0
	if keys != nil {
		reserved = sealedReserve
	}
	c := db.writer.c
	defer c.SetInterrupt(c.SetInterrupt(ctx))
	file := filepath.Join(folder, databaseFile)
	if err := errors.Join(c.reserve(reserved), c.vacuumInto(fileURI(file, system))); err != nil {
		return err
	}
	o := db.options
	o.FullSync = true
	copied, err := openConn(ctx, folder, system, o)
	if err != nil {
		return err
	}
	if err := errors.Join(copied.enterWAL(o), copied.close()); err != nil {
		return err
	}
	return db.blobs.files.syncFile(file)
}

// resealBlobs writes anew the blobs that are referred to, or may be soon.
func (db *DB) resealBlobs(ctx context.Context, folder string, keys *seal.Keys) error {
	needed, err := db.keptBlobs(ctx)
	if err != nil {
		return err
	}
	to := newBlobs(filepath.Join(folder, blobFolder), keys, db.options.Disk)
	for key := range needed {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := db.blobs.copyTo(to, key)
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // it may be absent
			return err
		}
	}
	return to.files.syncFolder(to.dir)
}

// keptBlobs lists the blobs that [DB.Compact] would keep.
func (db *DB) keptBlobs(ctx context.Context) (map[blobKey]struct{}, error) {
	needed := make(map[blobKey]struct{})
	tx := &Tx{db: db, ctx: ctx, c: db.writer.c, now: db.options.Now()}
	need := func(key blobKey) { needed[key] = struct{}{} }
	if err := tx.eachPending(need); err != nil {
		return nil, err
	}
	_, err := tx.eachReferred(nil, need)
	return needed, err
}

// copyTo writes the content of a blob anew in another folder, durably.
func (b *blobs) copyTo(to *blobs, key blobKey) (err error) {
	content, err := b.open(key)
	if err != nil {
		return err
	}
	defer content.Close()
	file, err := to.files.create(to.path(key))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if to.keys == nil {
		_, err = io.Copy(file, content)
		return errors.Join(err, to.files.sync(file))
	}
	w := to.keys.NewWriter(file)
	if _, err := io.Copy(w, content); err != nil {
		return err
	}
	return errors.Join(w.Close(key[:]), to.files.sync(file))
}

// moveIn puts what was written anew in the place of the database, and opens that.
func (db *DB) moveIn(ctx context.Context, next resealedAs) error {
	ctx = context.WithoutCancel(ctx) // there is no way back
	w, files := db.writer, db.blobs.files
	old := w.c
	w.c, w.state = nil, state{}
	if err := errors.Join(db.readers.close(), old.close()); err != nil {
		return err
	}
	if err := files.moveFolder(db.path, resealing, resealed); err != nil {
		return err
	}
	if err := finishReseal(db.path, files); err != nil {
		return err
	}
	if err := db.access.lock.share(ctx); err != nil {
		return err
	}
	if !hasKeyFile(db.path, next.text) {
		return busy() // somebody was quicker than us in the moment without a lock, and changed it again
	}
	db.access.replace(next.keys, db.options.baseVFS())
	db.blobs.keys = next.keys
	c, err := db.connect(ctx)
	w.c = c
	return err
}
