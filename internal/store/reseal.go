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

// ChangeKey changes the secret that opens the database. A nil secret removes the encryption.
//
// A change from one secret to another rewrites only the key file: the data stays encrypted under
// the same keys. Encrypting a database, or removing its encryption, rewrites all data. That takes
// as much free space as the database, and everybody else waits meanwhile. It fails with fault.Busy
// if another DB has the database open, in this process or another, or if a blob is open. If the
// change is cut off, the next opening finds the database either unchanged or changed completely.
func (db *DB) ChangeKey(ctx context.Context, to *seal.Secret) error {
	if err := db.onlyInFolders("change encryption key", "encryption at rest is the database server's"); err != nil {
		return err
	}
	const op = "change encryption"
	err := db.submit(&request{ctx: ctx, alone: func(*conn) error { return db.changeKey(ctx, to) }})
	if f := fault.Of(err); f != nil && f.Op == "" {
		return f.In(op, db.path)
	}
	return interrupted(ctx, sqlFault(err, op, db.path))
}

// IsEncrypted reports whether path holds an encrypted database, without opening it.
func IsEncrypted(path string) bool { return Exists(path) && exists(filepath.Join(path, keyFile)) }

// Encrypted reports whether the database is encrypted.
func (db *DB) Encrypted() bool {
	if db.hub != nil {
		return false
	}
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

// The folders for the rewritten database. A folder named resealing is incomplete and is removed. A
// folder named resealed is complete, and the next process to open the database puts it in place.
const (
	resealing = "resealed" + partSuffix
	resealed  = "resealed"
)

// reseal rewrites the database, encrypted under new keys or not at all.
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
		removeErr := db.blobs.files.removeAll(filepath.Join(db.path, resealing)) // if that fails, the next opening removes it
		return errors.Join(err, removeErr, db.shareAgain(ctx))
	}
	if err := db.moveIn(ctx, next); err != nil {
		return db.access.fail(err)
	}
	return nil
}

// seize makes sure that nobody else has the database open or can open it. While the folder's shared
// lock becomes an exclusive one, SQLite's write lock keeps other processes from changing the
// encryption too.
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

// checkAlone fails with fault.Busy if another DB has the database open. Engines have no such lock.
func (db *DB) checkAlone(ctx context.Context, op string) error {
	if db.hub != nil {
		return nil
	}
	err := db.submit(&request{ctx: ctx, alone: func(*conn) error {
		if err := db.seize(ctx); err != nil {
			return err
		}
		return db.shareAgain(ctx)
	}})
	return interrupted(ctx, sqlFault(err, op, db.path))
}

// shareAgain takes the shared lock of the folder back.
func (db *DB) shareAgain(ctx context.Context) error {
	if err := db.access.lock.share(context.WithoutCancel(ctx)); err != nil {
		return db.access.fail(err)
	}
	return nil
}

// resealedAs describes the encryption of the rewritten database.
type resealedAs struct {
	keys *seal.Keys // nil without encryption
	text []byte     // the content of the key file; nil without one
}

// writeResealed writes the new database into the folder resealing, durably.
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

// resealRows writes the new database file.
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

// resealBlobs writes the blobs that documents refer to, and those that wait for their document.
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
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // documents may refer to absent blobs
			return err
		}
	}
	return to.files.syncFolder(to.dir)
}

// keptBlobs lists the blobs that [DB.Compact] would keep.
func (db *DB) keptBlobs(ctx context.Context) (map[blobKey]struct{}, error) {
	needed := make(map[blobKey]struct{})
	tx := db.newTx(ctx, db.writer.c)
	need := func(key blobKey) { needed[key] = struct{}{} }
	if err := (*sqliteRows)(tx).eachPending(need); err != nil {
		return nil, err
	}
	_, err := tx.eachReferred(nil, need)
	return needed, err
}

// copyTo writes the content of a blob into another folder, durably.
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

// moveIn replaces the database by the rewritten one, and opens that.
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
		return busy() // another process changed it again in the moment without a lock
	}
	db.access.replace(next.keys, db.options.baseVFS())
	db.blobs.keys = next.keys
	c, err := db.connect(ctx)
	if err == nil {
		w.use(c)
	}
	return err
}
