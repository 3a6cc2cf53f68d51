package postgres

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/store/row"
)

// format is the version of the schema.
const format = 1

// oldest is the oldest server that is known to have all that is used.
const oldest = 120000

// tablesOf are the tables that every database has. Times are Unix milliseconds, but where a type says more.
const tablesOf = `
CREATE TABLE hub (
	one         boolean PRIMARY KEY DEFAULT true CHECK (one),
	format      integer NOT NULL,
	commits     bigint NOT NULL DEFAULT 0,
	versioning  text NOT NULL,
	public      bytea NOT NULL,
	private     bytea NOT NULL
);
COMMENT ON TABLE hub IS 'Tandem database';
CREATE TABLE node (
	number integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	source bytea NOT NULL,
	epoch  bigint NOT NULL DEFAULT 1,
	batch  bigint NOT NULL DEFAULT 0,
	clock  bigint NOT NULL DEFAULT 0,
	until  timestamptz NOT NULL
);
CREATE TABLE duty (name text PRIMARY KEY, node integer NOT NULL, epoch bigint NOT NULL, until timestamptz NOT NULL);
CREATE TABLE setting (key text COLLATE "C" PRIMARY KEY, value bigint NOT NULL);
CREATE TABLE collection (
	number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	scope  text NOT NULL COLLATE "C",
	name   text NOT NULL COLLATE "C",
	tab    text NOT NULL UNIQUE,
	last   bigint NOT NULL DEFAULT 0,
	live   bigint NOT NULL DEFAULT 0,
	UNIQUE (scope, name)
);
CREATE TABLE kept (
	collection bigint NOT NULL,
	id      text NOT NULL COLLATE "C",
	remote  bigint NOT NULL,
	rev     text NOT NULL COLLATE "C",
	history text NOT NULL,
	flags   bigint NOT NULL,
	base    text NOT NULL,
	body    text NOT NULL,
	PRIMARY KEY (collection, id, remote, rev)
);
CREATE TABLE value (
	space text NOT NULL COLLATE "C",
	key   text NOT NULL COLLATE "C",
	value bytea NOT NULL,
	PRIMARY KEY (space, key)
);
CREATE TABLE conflict (
	number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	time   bigint NOT NULL,
	collection text NOT NULL,
	id     text NOT NULL,
	remote text NOT NULL,
	winner bigint NOT NULL,
	why    text NOT NULL,
	local_rev text NOT NULL, local_deleted boolean NOT NULL, local_body text NOT NULL,
	remote_rev text NOT NULL, remote_deleted boolean NOT NULL, remote_body text NOT NULL,
	result_rev text NOT NULL
);
CREATE INDEX conflict_document ON conflict (collection, id);
CREATE TABLE blob (
	upload  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	digest  text COLLATE "C" UNIQUE,
	size    bigint NOT NULL DEFAULT 0,
	touched timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TABLE chunk (
	upload bigint NOT NULL REFERENCES blob ON DELETE CASCADE,
	n      integer NOT NULL,
	data   bytea NOT NULL,
	PRIMARY KEY (upload, n)
);
ALTER TABLE chunk ALTER data SET STORAGE EXTERNAL;
`

// tableOf is the table of one collection, {} its name, and the view of its live documents. # is the number of
// the collection.
const tableOf = `
CREATE TABLE {} (
	id      text COLLATE "C" PRIMARY KEY,
	seq     bigint NOT NULL,
	deleted boolean GENERATED ALWAYS AS (flags & 1 <> 0) STORED,
	flags   bigint NOT NULL,
	rev     text NOT NULL,
	history text NOT NULL,
	known   text NOT NULL,
	expiry  bigint,
	body    text NOT NULL,
	unfit   text, -- why body is not in doc
	doc     jsonb GENERATED ALWAYS AS (CASE WHEN unfit IS NULL THEN body::jsonb END) STORED
);
CREATE UNIQUE INDEX docs_#_seq ON {} (seq);
CREATE INDEX docs_#_expiry ON {} (expiry) WHERE expiry IS NOT NULL;
CREATE INDEX docs_#_conflicts ON {} (id) WHERE flags & 2 <> 0;
CREATE INDEX docs_#_blobs ON {} (seq) WHERE flags & 12 <> 0;
CREATE VIEW {live} AS SELECT id, seq, rev, doc, body FROM {} WHERE flags & 1 = 0 AND
	(expiry IS NULL OR expiry > extract(epoch FROM now()) * 1000);
`

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
	if o.Versioning != "" && o.Versioning != db.identity.Versioning {
		return fault.Invalid.Says("the database has versioning %s, not %s", db.identity.Versioning, o.Versioning).
			Try("leave the versioning out to accept what the database has")
	}
	return nil
}

func (db *database) checkServer(ctx context.Context) error {
	var version int
	var encoding string
	err := db.pool.QueryRow(ctx, `SELECT current_setting('server_version_num')::int, current_setting('server_encoding')`).
		Scan(&version, &encoding)
	switch {
	case err != nil:
		return wrapped(err)
	case version < oldest:
		return fault.Unsupported.Says("the server has version %d, and 12 or later is needed", version/10000).
			Try("use a newer server")
	case encoding != "UTF8":
		return fault.Unsupported.Says("the database of the server has the encoding %s, not UTF8", encoding).
			Try("create it anew: createdb --encoding=UTF8 --template=template0 NAME")
	}
	return nil
}

// identify reads what the schema holds. found is false for a schema that is missing or empty.
func (db *database) identify(ctx context.Context) (found bool, err error) {
	var tables int
	var ours bool
	err = db.pool.QueryRow(ctx, `SELECT count(*), coalesce(bool_or(relname = 'hub' AND obj_description(oid) = 'Tandem database'), false)
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
	var version int
	var public, private []byte
	err = db.pool.QueryRow(ctx, `SELECT format, versioning, public, private, commits FROM hub`).
		Scan(&version, &db.identity.Versioning, &public, &private, seenBy{db})
	if err != nil {
		return false, wrapped(err)
	}
	if version > format {
		return false, fault.TooNew.Says("the database has format %d, this program knows up to %d", version, format).
			Try("update this program")
	}
	if copy(db.identity.Public[:], public) != 16 || copy(db.identity.Private[:], private) != 16 {
		return false, fault.CorruptData.Says("the database has no UUIDs")
	}
	return true, nil
}

// seenBy takes the number of commits.
type seenBy struct{ db *database }

// Scan is for the driver.
func (s seenBy) Scan(v any) error {
	n, ok := v.(int64)
	if !ok {
		return errors.New("not a number")
	}
	s.db.seen.Store(n)
	return nil
}

// create makes the schema. Of nodes that try at once, the later ones find it done.
func (db *database) create(ctx context.Context, o row.Options) error {
	err := pgx.BeginFunc(ctx, db.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended($1, 7400))`, db.schema); err != nil {
			return err
		}
		if found, err := db.identify(ctx); err != nil || found {
			return err
		}
		name := pgx.Identifier{db.schema}.Sanitize()
		for _, sql := range []string{`CREATE SCHEMA IF NOT EXISTS ` + name, tablesOf} {
			if _, err := tx.Exec(ctx, sql); err != nil {
				return err
			}
		}
		uuids := make([]byte, 32)
		rand.Read(uuids) // never fails
		_, err := tx.Exec(ctx, `INSERT INTO hub (format, versioning, public, private) VALUES ($1, $2, $3, $4)`,
			format, cmp.Or(o.Versioning, "version-vectors"), uuids[:16], uuids[16:])
		if err == nil {
			_, err = addCollection(ctx, tx, "_default", "_default")
		}
		return err
	})
	return wrapped(err)
}

// executor is a connection or a transaction.
type executor interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

func addCollection(ctx context.Context, on executor, scope, name string) (c row.Collection, err error) {
	c = row.Collection{Scope: scope, Name: name}
	table := tableName(scope, name)
	err = on.QueryRow(ctx, `INSERT INTO collection (scope, name, tab) VALUES ($1, $2, $3) RETURNING number`, scope, name, table).
		Scan(&c.Number)
	if err != nil {
		return c, err
	}
	sql := strings.NewReplacer(
		"{}", pgx.Identifier{table}.Sanitize(), "{live}", pgx.Identifier{liveName(table)}.Sanitize(), "#", fmt.Sprint(c.Number),
	).Replace(tableOf)
	_, err = on.Exec(ctx, sql)
	return c, err
}

// longestName is the longest name of a table, in bytes, with room for the view's ending.
const longestName = 58

// tableName returns the name of a collection's table: scope.name, shortened with a part of random text where
// that is too long for the server.
func tableName(scope, name string) string {
	full := scope + "." + name
	if len(full) <= longestName {
		return full
	}
	return full[:longestName-9] + "~" + strings.ToLower(rand.Text()[:8])
}

// liveName returns the name of the view of a table's live documents. No collection has a space in its name.
func liveName(table string) string { return table + " live" }

// tables remembers the names of the collections' tables.
type tables struct {
	mu    sync.Mutex
	names map[int64]string // quoted
}

// of returns the name of a collection's table for SQL.
func (t *tables) of(ctx context.Context, on executor, collection int64) (string, error) {
	t.mu.Lock()
	name, ok := t.names[collection]
	t.mu.Unlock()
	if ok {
		return name, nil
	}
	var table string
	err := on.QueryRow(ctx, `SELECT tab FROM collection WHERE number = $1`, collection).Scan(&table)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", fault.NotFound.Says("the collection was deleted")
	}
	if err != nil {
		return "", err
	}
	name = pgx.Identifier{table}.Sanitize()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.names == nil {
		t.names = make(map[int64]string)
	}
	t.names[collection] = name
	return name, nil
}
