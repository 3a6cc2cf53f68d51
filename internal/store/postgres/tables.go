package postgres

import (
	"cmp"
	"regexp"
)

// tablesOf are the tables that every database has. Times are Unix milliseconds, but where a type says more.
const tablesOf = `
CREATE TABLE @hub (
	one         boolean PRIMARY KEY DEFAULT true CHECK (one),
	format      integer NOT NULL,
	commits     bigint NOT NULL DEFAULT 0,
	versioning  text NOT NULL,
	public      bytea NOT NULL,
	private     bytea NOT NULL,
	incarnation bigint NOT NULL DEFAULT 1,
	line        text NOT NULL DEFAULT ''
);
COMMENT ON TABLE @hub IS 'Tandem database';
CREATE TABLE @node (
	number integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	source bytea NOT NULL,
	epoch  bigint NOT NULL DEFAULT 1,
	batch  bigint NOT NULL DEFAULT 0,
	clock  bigint NOT NULL DEFAULT 0,
	until  timestamptz NOT NULL
);
CREATE TABLE @duty (name text PRIMARY KEY, node integer NOT NULL, epoch bigint NOT NULL, until timestamptz NOT NULL);
CREATE TABLE @setting (key text COLLATE "C" PRIMARY KEY, value bigint NOT NULL);
CREATE TABLE @collection (
	number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	scope  text NOT NULL COLLATE "C",
	name   text NOT NULL COLLATE "C",
	tab    text NOT NULL UNIQUE,
	last   bigint NOT NULL DEFAULT 0,
	live   bigint NOT NULL DEFAULT 0,
	UNIQUE (scope, name)
);
CREATE TABLE @kept (
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
CREATE TABLE @value (
	space text NOT NULL COLLATE "C",
	key   text NOT NULL COLLATE "C",
	value bytea NOT NULL,
	PRIMARY KEY (space, key)
);
CREATE TABLE @conflict (
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
CREATE INDEX conflict_document ON @conflict (collection, id);
CREATE TABLE @blob (
	upload  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	digest  text COLLATE "C" UNIQUE,
	size    bigint NOT NULL DEFAULT 0,
	touched timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TABLE @chunk (
	upload bigint NOT NULL REFERENCES @blob ON DELETE CASCADE,
	n      integer NOT NULL,
	data   bytea NOT NULL,
	PRIMARY KEY (upload, n)
);
` + storageOf + droppedOf + inboxOf + inboxNewsOf

// storageOf has PostgreSQL store parts of blobs as they are: most contents are compressed already.
const storageOf = `ALTER TABLE @chunk ALTER data SET STORAGE EXTERNAL;
`

// droppedOf is the table of deleted collections, whose tables may wait for their end.
const droppedOf = `
CREATE TABLE @dropped (
	number bigint PRIMARY KEY,
	scope  text NOT NULL COLLATE "C",
	name   text NOT NULL COLLATE "C",
	tab    text NOT NULL UNIQUE,
	waits  boolean NOT NULL DEFAULT true
);
`

// inboxOf are the tables by which SQL asks for edits.
const inboxOf = `
CREATE TABLE @inbox (
	id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	collection   text NOT NULL DEFAULT '_default._default',
	doc_id       text NOT NULL,
	body         json,
	deleted      boolean NOT NULL DEFAULT false,
	expected_rev text
);
CREATE TABLE @inbox_failed (
	id           bigint PRIMARY KEY,
	collection   text NOT NULL,
	doc_id       text NOT NULL,
	body         json,
	deleted      boolean NOT NULL,
	expected_rev text,
	reason       text NOT NULL,
	failed       timestamptz NOT NULL DEFAULT clock_timestamp()
);
`

// inboxNewsOf tells the nodes of letters.
const inboxNewsOf = `
CREATE FUNCTION @inbox_news() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
	PERFORM pg_notify('tandem_' || TG_TABLE_SCHEMA, '');
	RETURN NULL;
END $$;
CREATE TRIGGER news AFTER INSERT ON @inbox FOR EACH STATEMENT EXECUTE FUNCTION @inbox_news();
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
CREATE UNIQUE INDEX docs_#_seq ON {} (seq ASC);
CREATE INDEX docs_#_expiry ON {} (expiry ASC) WHERE expiry IS NOT NULL;
CREATE INDEX docs_#_conflicts ON {} (id ASC) WHERE flags & 2 <> 0;
CREATE INDEX docs_#_blobs ON {} (seq ASC) WHERE flags & 12 <> 0;
SET LOCAL lock_timeout = '1s'; -- whoever reads the view of an older collection must not make all writers wait
CREATE OR REPLACE VIEW {live} AS SELECT id, seq, rev, doc, body FROM {} WHERE flags & 1 = 0 AND
	(expiry IS NULL OR expiry > extract(epoch FROM now()) * 1000);
SET LOCAL lock_timeout = DEFAULT;
`

// upgrades are the statements that lead from each format to the next, the first one from format 1.
var upgrades = []string{
	`ALTER TABLE @hub ADD incarnation bigint NOT NULL DEFAULT 1, ADD line text NOT NULL DEFAULT '';` + droppedOf,
	inboxOf + inboxNewsOf,
}

var (
	tableText  = regexp.MustCompile(`(?s)CREATE TABLE @(\w+) \((.*?)\);\n`)
	columnText = regexp.MustCompile(`([a-z_]+) +(boolean|integer|bigint|text|bytea|timestamptz|jsonb|json)\b`)
)

// typeNames are the names that the server gives to types.
var typeNames = map[string]string{"timestamptz": "timestamp with time zone"}

// columnsIn returns the columns that DDL gives to its tables, as "table.column type".
func columnsIn(ddl string) (columns []string) {
	for _, table := range tableText.FindAllStringSubmatch(ddl, -1) {
		for _, column := range columnText.FindAllStringSubmatch(table[2], -1) {
			columns = append(columns, table[1]+"."+column[1]+" "+cmp.Or(typeNames[column[2]], column[2]))
		}
	}
	return columns
}
