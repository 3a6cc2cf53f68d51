package main

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/hub"
)

// with opens an existing database, calls do, and closes the database.
func (a *app) with(ctx context.Context, path string, do func(*tandem.Database) error) error {
	return a.withOptions(ctx, path, tandem.Options{MustExist: true}, do)
}

// withOptions opens a database, calls do, and closes the database. If do fails, it deletes a
// database that it has created and that is still empty.
func (a *app) withOptions(ctx context.Context, path string, o tandem.Options, do func(*tandem.Database) error) error {
	key := o.EncryptionKey
	if key == nil {
		var err error
		if key, err = a.key.encryptionKey(a); err != nil {
			return err
		}
	}
	o.EncryptionKey, o.Logger, o.Engine = key, a.logger(), hub.PostgreSQL()
	if a.verbose == 0 {
		o.SlowQuery = -1
	}
	a.warnOfPassword(path)
	existed, tellCreated := tandem.Exists(path) || isURL(path), func() {}
	db, err := tandem.Open(ctx, path, o)
	if errors.Is(err, tandem.ErrNotADatabase) && key == nil && tandem.IsEncrypted(path) {
		return withHint(err, "give the file with its key: --encryption-key-file FILE, or "+envKeyFile)
	}
	if err != nil && o.MustExist && existed {
		db, err = a.openReadOnly(ctx, path, o, err)
	}
	if err != nil {
		return err
	}
	if !existed {
		tellCreated = sync.OnceFunc(func() { a.note("created database %s", db.Path()) })
	}
	a.tellCreated = tellCreated
	if err = do(db); err != nil && !existed && isUnused(context.WithoutCancel(ctx), db) {
		_ = db.Delete() // fails if another process has opened it meanwhile
		return err
	}
	tellCreated()
	return errors.Join(err, db.Close())
}

func (a *app) warnOfPassword(path string) {
	if showsPassword(path) {
		a.note("warning: other users of this machine can read the password in the URL; PGPASSWORD or a passfile hide it")
	}
}

// isURL reports whether a database is named by a URL.
func isURL(path string) bool { return strings.Contains(path, "://") }

// showsPassword reports whether a URL on the command line has a password.
func showsPassword(path string) bool {
	u, err := url.Parse(path)
	if err != nil || !isURL(path) {
		return false
	}
	_, has := u.User.Password()
	return has || u.Query().Has("password")
}

// wantedDatabase is a database to open.
type wantedDatabase struct {
	path    string
	options tandem.Options
}

// withAll opens databases, calls do, and closes them.
func (a *app) withAll(ctx context.Context, wanted []wantedDatabase, do func([]*tandem.Database) error) error {
	var opened []*tandem.Database
	var next func(left []wantedDatabase) error
	next = func(left []wantedDatabase) error {
		if len(left) == 0 {
			return do(opened)
		}
		return a.withOptions(ctx, left[0].path, left[0].options, func(db *tandem.Database) error {
			opened = append(opened, db)
			return next(left[1:])
		})
	}
	return next(wanted)
}

// openReadOnly opens a database for reading after opening it has failed, if the cause is that it
// cannot be written. Otherwise it returns failed.
func (a *app) openReadOnly(ctx context.Context, path string, o tandem.Options, failed error) (*tandem.Database, error) {
	if !errors.Is(failed, tandem.ErrNotWriteable) && !errors.Is(failed, tandem.ErrIO) {
		return nil, failed
	}
	o.ReadOnly = true
	db, err := tandem.Open(ctx, path, o)
	if err != nil {
		return nil, failed
	}
	a.note("opened for reading alone: %v", failed)
	return db, nil
}

// isUnused reports whether a database is still empty.
func isUnused(ctx context.Context, db *tandem.Database) bool {
	servers, err := db.KnownServers(ctx)
	if err != nil || len(servers) > 0 {
		return false
	}
	if groups, err := tandem.PeerGroups(ctx, db); err != nil || len(groups) > 0 {
		return false
	}
	all, err := db.Collections(ctx)
	for _, coll := range all {
		last, failed := coll.LastSequence(ctx)
		if failed != nil || last > 0 {
			return false
		}
	}
	return err == nil
}

// collectionFlag is the flag --collection of commands that work on one collection.
type collectionFlag struct{ name string }

func (f *collectionFlag) add(c *cobra.Command) {
	c.Flags().StringVar(&f.name, "collection", "", "`scope.collection` to use (default _default._default)")
	before(c, func() error { return checkCollections(f.name) })
}

// checkCollections is about names that the command line gives; "" is the default collection's.
func checkCollections(names ...string) error {
	for _, name := range names {
		if _, _, err := parseCollection(name); name != "" && err != nil {
			return err
		}
	}
	return nil
}

// with opens the collection of an existing database and calls do.
func (f *collectionFlag) with(ctx context.Context, a *app, path string, do func(*tandem.Collection) error) error {
	return a.with(ctx, path, func(db *tandem.Database) error {
		coll, err := findCollection(ctx, db, f.name)
		if err != nil {
			return err
		}
		return do(coll)
	})
}

// withNew is with, but creates a missing database and collection.
func (f *collectionFlag) withNew(ctx context.Context, a *app, path string, do func(*tandem.Collection) error) error {
	return a.withOptions(ctx, path, tandem.Options{}, func(db *tandem.Database) error {
		coll, err := a.createCollection(ctx, db, f.name)
		if err != nil {
			return err
		}
		return do(coll)
	})
}

// findCollection returns an existing collection; "" names the default one.
func findCollection(ctx context.Context, db *tandem.Database, fullName string) (*tandem.Collection, error) {
	return collectionBy(ctx, db, fullName, db.Collection)
}

// createCollection is findCollection, but creates a missing collection and tells the user.
func (a *app) createCollection(ctx context.Context, db *tandem.Database, fullName string) (*tandem.Collection, error) {
	coll, created, err := ensureCollection(ctx, db, fullName)
	if created {
		a.noteCreated(coll)
	}
	return coll, err
}

func (a *app) noteCreated(coll *tandem.Collection) { a.note("created collection %s", coll.FullName()) }

// ensureCollection is createCollection without telling the user.
func ensureCollection(ctx context.Context, db *tandem.Database, fullName string) (coll *tandem.Collection, created bool, err error) {
	coll, err = findCollection(ctx, db, fullName)
	if !errors.Is(err, tandem.ErrNotFound) {
		return coll, false, err
	}
	coll, err = collectionBy(ctx, db, fullName, db.CreateCollection)
	return coll, err == nil, err
}

func collectionBy(
	ctx context.Context, db *tandem.Database, fullName string,
	get func(ctx context.Context, scope, name string) (*tandem.Collection, error),
) (*tandem.Collection, error) {
	if fullName == "" {
		return db.DefaultCollection(ctx)
	}
	scope, name, err := tandem.ParseCollectionName(fullName)
	if err != nil {
		return nil, err
	}
	return get(ctx, scope, name)
}

// parseCollection reads the name of a collection that the command line gives.
func parseCollection(fullName string) (scope, name string, err error) {
	scope, name, err = tandem.ParseCollectionName(fullName)
	if err != nil {
		err = usageError{text: err.Error(), hint: tandem.HintOf(err)}
	}
	return scope, name, err
}
