package postgres

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"strconv"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/store/row"
)

// format is the version of the schema that this program makes and needs.
const format = 3

// oldest is the oldest server that is known to have all that is used.
const oldest = 120000

// prepare checks the schema, and makes a missing one.
func (db *database) prepare(ctx context.Context, o row.Options) error {
	if err := db.checkServer(ctx); err != nil {
		return err
	}
	found, err := db.identify(ctx)
	if err != nil {
		return err
	}
	if !found {
		if o.MustExist || o.ReadOnly {
			return fault.NotFound.Says("there is no database in the schema %q", db.schema).
				Try("check the URL, or create the database first")
		}
		if err := db.create(ctx, o); err != nil {
			return err
		}
		if _, err := db.identify(ctx); err != nil {
			return err
		}
	}
	if err := db.upgrade(ctx, o); err != nil {
		return err
	}
	if err := db.clear(ctx, o); err != nil {
		return err
	}
	if err := db.checkColumns(ctx); err != nil {
		return err
	}
	if o.Versioning != "" && o.Versioning != db.identity.Versioning {
		return fault.Invalid.Says("the database has versioning %s, not %s", db.identity.Versioning, o.Versioning).
			Try("leave the versioning out to accept what the database has")
	}
	return nil
}

func (db *database) checkServer(ctx context.Context) error {
	var version int
	var encoding, eager string
	err := db.queryRow(ctx, `SELECT current_setting('server_version_num')::int, current_setting('server_encoding'),
		coalesce(current_setting('autocommit_before_ddl', true), 'off')`).Scan(&version, &encoding, &eager)
	if err != nil {
		return wrapped(err)
	}
	return fits(version, encoding, eager)
}

// fits fails for a server that cannot keep a database.
func fits(version int, encoding, eager string) error {
	switch {
	case version < oldest:
		return fault.Unsupported.Says("the server has version %d, and 12 or later is needed", version/10000).
			Try("use a newer server")
	case encoding != "UTF8":
		return fault.Unsupported.Says("the database of the server has the encoding %s, not UTF8", encoding).
			Try("create it anew: createdb --encoding=UTF8 --template=template0 NAME")
	case eager != "off":
		return fault.Unsupported.Says("the server commits a transaction before each change of a table in it").
			Try("add autocommit_before_ddl=off to the URL")
	}
	return nil
}

// identify reads what the schema holds. found is false for a schema that is missing or empty.
func (db *database) identify(ctx context.Context) (found bool, err error) {
	var tables int
	var ours bool
	err = db.queryRow(ctx, `SELECT count(*), coalesce(bool_or(relname = 'hub' AND obj_description(oid) = 'Tandem database'), false)
		FROM pg_class WHERE relnamespace = to_regnamespace($1) AND relkind = 'r'`,
		pgx.Identifier{db.schema}.Sanitize()).Scan(&tables, &ours)
	switch {
	case err != nil:
		return false, wrapped(err)
	case tables == 0:
		return false, nil
	case !ours:
		return false, fault.NotADatabase.Says("the schema %q has tables of another program", db.schema).
			Try("name another schema: add ?schema=NAME to the URL")
	}
	var public, private []byte
	var commits int64
	err = db.queryRow(ctx, `SELECT format, versioning, public, private, commits FROM @hub`).
		Scan(&db.format, &db.identity.Versioning, &public, &private, &commits)
	if err != nil {
		return false, wrapped(err)
	}
	if err := db.admit(); err != nil {
		return false, err
	}
	if copy(db.identity.Public[:], public) != 16 || copy(db.identity.Private[:], private) != 16 {
		return false, fault.CorruptData.Says("the database has no UUIDs")
	}
	db.raise(commits)
	return true, nil
}

func tooNew(found int) error {
	return fault.TooNew.Says("the database has format %d, this program knows up to %d", found, format).
		Try("update this program")
}

// create makes the schema. Of nodes that try at once, the later ones find it done.
func (db *database) create(ctx context.Context, o row.Options) error {
	if db.engine.Portable {
		if err := db.checkOrder(ctx); err != nil {
			return err
		}
	}
	return wrapped(tryWhile(ctx, db.engine.hasRaced, func() error { return pgx.BeginFunc(ctx, db.pool, db.createIn(ctx, o)) }))
}

func (db *database) createIn(ctx context.Context, o row.Options) func(pgx.Tx) error {
	return func(tx pgx.Tx) error {
		if !db.engine.Portable {
			if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended($1, 7400))`, db.schema); err != nil {
				return err
			}
		}
		if found, err := db.identify(ctx); err != nil || found {
			return err
		}
		for _, sql := range []string{`CREATE SCHEMA IF NOT EXISTS ` + pgx.Identifier{db.schema}.Sanitize(), db.in(db.engine.ddl(tablesOf))} {
			if _, err := tx.Exec(ctx, sql); err != nil {
				return err
			}
		}
		uuids := make([]byte, 32)
		rand.Read(uuids) // never fails
		if o.CopyOf != nil {
			copy(uuids, o.CopyOf[:])
		}
		_, err := tx.Exec(ctx, db.in(`INSERT INTO @hub (format, versioning, public, private) VALUES ($1, $2, $3, $4)`),
			db.formatOf(o), cmp.Or(o.Versioning, "version-vectors"), uuids[:16], uuids[16:])
		if err == nil {
			_, err = db.addCollection(ctx, tx, "_default", "_default")
		}
		return err
	}
}

// upgrade brings an older schema to the present format, in one transaction that holds the lock of all writers. Older
// programs that have the database open fail at their next write.
func (db *database) upgrade(ctx context.Context, o row.Options) error {
	if db.format == format {
		return nil
	}
	if o.ReadOnly {
		return fault.NotWriteable.Says("the database has format %d, and is to be upgraded to %d", db.format, format).
			Try("open it for writing once")
	}
	return wrapped(retrying(ctx, func() error { return pgx.BeginFunc(ctx, db.pool, db.upgradeIn(ctx)) }))
}

func (db *database) upgradeIn(ctx context.Context) func(pgx.Tx) error {
	return func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, db.in(db.engine.lockAll())); err != nil {
			return err
		}
		if err := tx.QueryRow(ctx, db.in(`SELECT format FROM @hub`)).Scan(&db.format); err != nil {
			return err
		}
		if db.format > format {
			return tooNew(db.format)
		}
		for _, sql := range upgrades[db.format-1:] {
			if _, err := tx.Exec(ctx, db.in(db.engine.ddl(sql))); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, db.in(`UPDATE @hub SET format = $1`), format)
		return err
	}
}

// checkColumns finds tables and columns that somebody has removed or altered.
func (db *database) checkColumns(ctx context.Context) error {
	var found, tabs []string // by one statement: another node may make or drop a collection
	err := db.queryRow(ctx, `SELECT ARRAY(SELECT relname || '.' || attname || ' ' || format_type(atttypid, NULL)
		FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
		WHERE relnamespace = to_regnamespace($1) AND relkind IN ('r', 'p') AND attnum > 0 AND NOT attisdropped),
		ARRAY(SELECT tab FROM @collection)`, pgx.Identifier{db.schema}.Sanitize()).Scan(&found, &tabs)
	if err != nil {
		return wrapped(err)
	}
	needed := columnsIn(tablesOf)
	for _, column := range columnsIn(strings.Replace(tableOf, "{}", "@documents", 1)) {
		for _, tab := range tabs {
			needed = append(needed, tab+strings.TrimPrefix(column, "documents"))
		}
	}
	has := make(map[string]bool, len(found))
	for _, column := range found {
		has[anyType(column)] = true
	}
	for _, column := range needed {
		if !has[anyType(column)] {
			return fault.CorruptData.Says("the schema was altered: there is no column %s", column).
				Try("undo the change, or restore the schema from a backup")
		}
	}
	return nil
}

// executor is a connection or a transaction.
type executor interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// addCollection makes the table and the view of a collection. No table has the name of a dropped one, which nodes may
// still have in mind; the view has.
func (db *database) addCollection(ctx context.Context, on executor, scope, name string) (c row.Collection, err error) {
	c = row.Collection{Scope: scope, Name: name}
	table := tableName(scope, name)
	view := table + liveEnding
	var dropped int
	err = on.QueryRow(ctx, db.in(`SELECT count(*) FROM @dropped WHERE scope = $1 AND name = $2`), scope, name).Scan(&dropped)
	if err != nil {
		return c, err
	}
	if dropped > 0 {
		table += "~" + strconv.Itoa(dropped+1)
	}
	err = on.QueryRow(ctx, db.in(`INSERT INTO @collection (scope, name, tab) VALUES ($1, $2, $3) RETURNING number`), scope, name, table).
		Scan(&c.Number)
	if err != nil {
		return c, err
	}
	sql := strings.NewReplacer("{}", "@"+pgx.Identifier{table}.Sanitize(), "{live}", "@"+pgx.Identifier{view}.Sanitize(),
		"#", strconv.FormatInt(c.Number, 10)).Replace(db.engine.ddl(tableOf))
	_, err = on.Exec(ctx, db.in(sql))
	return c, err
}

const (
	// longestName is the longest name of a table, in bytes, with room for the view's ending or the count of
	// collections of the name.
	longestName = 58
	liveEnding  = " live" // no collection has a space in its name
)

// tableName returns the name of a collection's table: scope.name, shortened with a part of random text where
// that is too long for the server.
func tableName(scope, name string) string {
	full := scope + "." + name
	if len(full) <= longestName {
		return full
	}
	return full[:longestName-9] + "~" + strings.ToLower(rand.Text()[:8])
}

// tables remembers the names of the collections' tables, which never change.
type tables struct {
	mu    sync.Mutex
	names map[int64]string // quoted, for names.in; "" for a collection that this node has deleted
}

// forget notes that collections were deleted, whose tables may stay for a moment.
func (t *tables) forget(collections []int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, number := range collections {
		t.names[number] = ""
	}
}

func (t *tables) note(collection int64, table string) string {
	name := "@" + pgx.Identifier{table}.Sanitize()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.names == nil {
		t.names = make(map[int64]string)
	}
	t.names[collection] = name
	return name
}

// table returns the name of a collection's table for names.in.
func (db *database) table(ctx context.Context, on executor, collection int64) (string, error) {
	db.tables.mu.Lock()
	name, ok := db.tables.names[collection]
	db.tables.mu.Unlock()
	if ok && name == "" {
		return "", wasDeleted()
	}
	if ok {
		return name, nil
	}
	var table string
	err := on.QueryRow(ctx, db.in(`SELECT tab FROM @collection WHERE number = $1`), collection).Scan(&table)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", wasDeleted()
	}
	if err != nil {
		return "", err
	}
	return db.tables.note(collection, table), nil
}

func wasDeleted() error { return fault.NotFound.Says("the collection was deleted") }
