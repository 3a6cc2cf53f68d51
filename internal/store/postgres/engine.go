package postgres

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/store/row"
)

// Engine opens databases in PostgreSQL. Its zero value is ready to use.
type Engine struct {
	// MaxConns bounds the connections of one open database, besides the one that listens for news. Zero means 8.
	MaxConns int

	// Silence is how long a server that was asked may say nothing. Zero means a minute.
	Silence time.Duration

	// Polling leaves out LISTEN and NOTIFY, for engines and poolers that have none.
	Polling bool

	// Portable leaves out what other engines that speak the protocol lack: see [portable].
	Portable bool
}

// polls reports whether nodes look for each other's commits without being told.
func (e *Engine) polls() bool { return e.Polling || e.Portable }

const (
	defaultSchema  = "tandem"
	defaultConns   = 8
	connectTimeout = 10 * time.Second
	longestSchema  = 56 // bytes: the channel of news has a longer name, of 63
)

// Opens reports whether the URL is one of PostgreSQL.
func (Engine) Opens(text string) bool {
	return strings.HasPrefix(text, "postgres://") || strings.HasPrefix(text, "postgresql://")
}

// database is a schema, open for one node.
type database struct {
	pool   *pgxpool.Pool
	schema string
	name   string
	place  string
	engine Engine
	log    *slog.Logger

	names
	identity row.Identity
	readOnly bool
	tables   tables
	fresh    freshBlobs
	node     node
	news     chan struct{}
	life
	tasks
}

// tasks are what a node does until Close.
type tasks struct {
	background context.Context //nolint:containedctx // of work
	stop       context.CancelFunc
	work       sync.WaitGroup
}

// life is what a node remembers of the database's history.
type life struct {
	format      int
	copying     bool         // nobody else can open the database yet
	line        string       // an expression for the server's line: see lineOf
	seen        atomic.Int64 // the commits of all nodes
	commits     atomic.Int64 // of this node
	incarnation atomic.Int64
	adopting    sync.Mutex
	reborn      chan struct{} // capacity 1: after a new incarnation
	sequences   struct {
		sync.Mutex
		last map[int64]int64 // by collection
	}
}

// Open opens the database of a schema, and creates a missing one unless o forbids.
func (e Engine) Open(ctx context.Context, text string, o row.Options) (row.Database, error) {
	op := "open database"
	if o.CopyOf != nil {
		op = "copy database"
	}
	config, schema, place, err := e.parse(text)
	if err != nil {
		return nil, err
	}
	db := &database{
		schema: schema, place: place, engine: e, log: cmp.Or(o.Logger, slog.Default()),
		news: make(chan struct{}, 1), readOnly: o.ReadOnly,
	}
	db.reborn = make(chan struct{}, 1)
	db.copying = o.CopyOf != nil
	db.prefix = pgx.Identifier{schema}.Sanitize() + "."
	db.name = cmp.Or(config.ConnConfig.Database, schema)
	if schema != defaultSchema {
		db.name = schema
	}
	config.ConnConfig.OnNotice = noteWarning
	if db.pool, err = pgxpool.NewWithConfig(ctx, config); err != nil {
		return nil, problem(err).In(op, place)
	}
	if err := db.start(ctx, o); err != nil {
		db.pool.Close()
		return nil, fault.About(wrapped(err), op, place)
	}
	return db, nil
}

// parse reads a URL: all but the schema is the driver's.
func (e *Engine) parse(text string) (config *pgxpool.Config, schema, place string, err error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, "", "", fault.Invalid.Says("malformed URL of a database").
			Try("write it as postgres://user@host/database")
	}
	query := u.Query()
	schema = cmp.Or(query.Get("schema"), defaultSchema)
	place = placeOf(*u)
	if len(schema) > longestSchema || strings.HasPrefix(schema, "pg_") || schema == "public" {
		return nil, "", "", fault.Invalid.In("open database", place).Says("%.80q is no name for a schema of Tandem", schema).
			Try("choose a name of at most 56 bytes that is not public and does not begin with pg_")
	}
	if err := errors.Join(takeSwitch(query, "polling", &e.Polling), takeSwitch(query, "portable", &e.Portable)); err != nil {
		return nil, "", "", fault.About(err, "open database", place)
	}
	query.Del("schema")
	u.RawQuery = query.Encode()
	config, err = pgxpool.ParseConfig(u.String())
	if err != nil {
		return nil, "", "", fault.Invalid.In("open database", place).Says("the URL cannot be used").
			Because(withoutSecrets(err, u)).Try("write it as postgres://user@host/database")
	}
	config.MaxConns = int32(min(max(cmp.Or(e.MaxConns, defaultConns), 2), 1000)) //nolint:gosec // in range
	config.PingTimeout = newsTime                                                // of a connection that was idle
	config.ConnConfig.ConnectTimeout = cmp.Or(config.ConnConfig.ConnectTimeout, connectTimeout)
	if e.Polling { // a pooler may run each transaction on another session, which knows no prepared statement
		config.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	}
	parameters := config.ConnConfig.RuntimeParams
	if parameters["application_name"] == "" {
		parameters["application_name"] = "tandem"
	}
	if e.Portable {
		parameters["default_transaction_isolation"] = "serializable"
	}
	return config, schema, place, nil
}

// takeSwitch removes a parameter of our own from a URL's, and sets what it switches.
func takeSwitch(query url.Values, name string, on *bool) (err error) {
	if text := query.Get(name); text != "" {
		if *on, err = strconv.ParseBool(text); err != nil {
			return fault.Invalid.Says("%s is %.20q, which is neither true nor false", name, text).
				Try("write ?" + name + "=true, or leave it out")
		}
	}
	query.Del(name)
	return nil
}

// WithoutPassword returns the URL of a database without its passwords, and "" for a text that is no URL.
func WithoutPassword(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	return placeOf(*u)
}

// placeOf returns a URL without its passwords.
func placeOf(u url.URL) string {
	if u.User != nil {
		u.User = url.User(u.User.Username())
	}
	query := u.Query()
	query.Del("password")
	query.Del("sslpassword")
	u.RawQuery = query.Encode()
	return u.String()
}

func (db *database) start(ctx context.Context, o row.Options) error {
	if err := db.prepare(ctx, o); err != nil {
		return err
	}
	if err := db.recall(ctx); err != nil {
		return err
	}
	background, stop := context.WithCancel(context.Background())
	db.background, db.stop = background, stop
	if !o.ReadOnly {
		if err := db.node.acquire(ctx, db); err != nil {
			stop()
			return err
		}
		db.work.Go(func() { db.node.keep(background, db) })
		db.work.Go(func() { db.sweep(background) })
		if !db.engine.polls() {
			db.work.Go(func() { db.spread(background) })
		}
	}
	db.identity.Source = db.node.lease().source
	return nil
}

// Close gives up the node's lease and closes all connections.
func (db *database) Close() {
	db.stop()
	db.work.Wait()
	db.node.release(db)
	db.pool.Close()
}

func (db *database) Name() string           { return db.name }
func (db *database) Place() string          { return db.place }
func (db *database) Identity() row.Identity { return db.identity }
func (db *database) Source() [16]byte       { return db.node.lease().source }
