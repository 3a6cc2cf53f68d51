package store

import (
	"context"
	"crypto/rand"
	"errors"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/store/row"
)

// CopyToHub writes a snapshot of the database to the URL of an engine, where there must be none (fault.Invalid). The copy
// keeps the public UUID, revisions, histories, conflicts and their log, expiries, checkpoints and what is known of peers, and
// its edits get sources of their own. It leaves out indexes for queries, and what Options.OwnSpaces names. A copy
// that was cut off cannot be opened; to make it again begins it anew.
func (db *DB) CopyToHub(ctx context.Context, engine row.Engine, url string) error {
	const op = "copy database"
	unuse, err := db.use(ctx, op)
	if err != nil {
		return err
	}
	defer unuse()
	public := db.PublicUUID()
	for attempt := 1; ; attempt++ {
		to, err := openHub(ctx, engine, url, db.optionsOfCopy().withDefaults(), &public)
		if err != nil {
			return err
		}
		missing, err := db.copyRowsTo(ctx, to)
		again := false
		if err == nil {
			again, err = db.mayFind(ctx, missing, attempt)
		}
		if err == nil && !again {
			err = fault.About(to.hub.rows.CopyDone(ctx), op, to.path)
		}
		if err := errors.Join(err, to.Close()); err != nil || !again {
			return err
		}
	}
}

// optionsOfCopy are those of a copy that is being made.
func (db *DB) optionsOfCopy() Options {
	return Options{Versioning: db.Versioning(), Logger: db.options.Logger, Now: db.options.Now, making: true}
}

// copyFromHub writes the copy into the folder path, which is renamed to toPath later.
func (db *DB) copyFromHub(ctx context.Context, path, toPath string) error {
	to, err := Open(ctx, path, db.optionsOfCopy())
	if err != nil {
		return err
	}
	missing, err := db.copyRowsTo(ctx, to)
	if err == nil {
		db.warnOfMissing(missing)
		err = db.identifyCopy(ctx, to, toPath)
	}
	return errors.Join(err, to.Close())
}

// identifyCopy makes a folder that is renamed to toPath later a copy of this database.
func (db *DB) identifyCopy(ctx context.Context, to *DB, toPath string) error {
	here, err := locationToBe(to.path, toPath)
	if err != nil {
		return err
	}
	public, source := db.PublicUUID(), make([]byte, 16)
	rand.Read(source) // never fails
	return to.UpdateDurable(ctx, func(tx *Tx) error {
		return tx.atomic(func() error {
			for key, value := range map[string]any{
				metaPublic: public[:], metaSource: source, metaPrevious: db.meta.previousOfCopy(),
				metaPath: here.path, metaInode: int64(here.inode), //nolint:gosec // any 64 bits
			} {
				if err := tx.rows.set(key, value, more); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// copyRowsTo writes a snapshot into an empty database. It returns the digests of the blobs whose content it has not found.
func (db *DB) copyRowsTo(ctx context.Context, to *DB) (missing []string, err error) {
	k := &copier{
		from: db, to: to, ctx: ctx, collections: make(map[int64]*Collection), blobs: make(map[blobKey]bool),
	}
	if err := db.ViewOnce(ctx, k.run); err != nil {
		return nil, fault.About(err, "copy database", to.path)
	}
	return k.missing, nil
}
