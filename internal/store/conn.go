package store

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/tandemdb/tandem/internal/store/queries"
)

const (
	busyTimeout = 30 * time.Second // how long to wait for another process's lock
	maxMemory   = 512 << 20        // bytes one connection may use: several of the largest bodies
	walPages    = 4096             // the log is copied into the database file at this length (32 MiB)
)

// conn is a connection to SQLite with its prepared statements. One goroutine uses it at a time.
type conn struct {
	*sqlite3.Conn
	general    [numStatements]*sqlite3.Stmt
	collection map[int64]*[numCollStatements]*sqlite3.Stmt
	sweepAt    int             // the number of collections in the map above that calls for a sweep
	queries    *queries.Runner // holds the SQL functions that index expressions call; writes need them, too

	recorder recorder

	rest    rowRest // what writeRow has bound last
	scratch *scratch
	broken  bool // a panic has passed through it
	wide    bool // see widen
}

// openConn opens the database file in the folder path through the SQLite file system called vfs; ""
// means the operating system's. All database files are opened here.
func openConn(ctx context.Context, path, vfs string, o Options) (*conn, error) {
	file, err := filepath.Abs(filepath.Join(path, databaseFile))
	if err != nil {
		return nil, err
	}
	temporary := newScratch(vfs)
	name := fileURI(file, temporary.name)
	if o.ReadOnly {
		name += frozenParameters(file)
	}
	raw, err := sqlite3.OpenContext(sqlite3.WithMaxMemory(ctx, maxMemory), name)
	if err != nil {
		temporary.close()
		return nil, err
	}
	c := &conn{Conn: raw, collection: make(map[int64]*[numCollStatements]*sqlite3.Stmt), scratch: temporary}
	if err := c.configure(o); err != nil {
		return nil, closing(c, err)
	}
	return c, nil
}

// fileURI names a file for SQLite together with the file system to open it through.
func fileURI(file, vfs string) string {
	return "file:" + url.PathEscape(file) + "?vfs=" + cmp.Or(vfs, "os")
}

func (c *conn) configure(o Options) error {
	if err := c.BusyTimeout(busyTimeout); err != nil {
		return err
	}
	var err error
	if c.queries, err = queries.Prepare(c.Conn); err != nil {
		return err
	}
	if o.ReadOnly {
		return c.Exec(fmt.Sprintf(`PRAGMA locking_mode=exclusive; PRAGMA cache_size=%d; PRAGMA temp_store=file;
			PRAGMA query_only=on`, cachePages))
	}
	return c.Exec(fmt.Sprintf(`PRAGMA cache_size=%d; PRAGMA temp_store=file; PRAGMA synchronous=%s;
		PRAGMA wal_autocheckpoint=%d`, cachePages, o.synchronous(), walPages))
}

func (o Options) synchronous() string {
	if o.FullSync {
		return "full"
	}
	return "normal"
}

// closing closes c after the failure err, and returns err.
func closing(c *conn, err error) error {
	_ = c.close() // err is what went wrong first
	return err
}

func (c *conn) close() error {
	for id := range c.collection {
		c.forget(id)
	}
	for _, s := range c.general {
		_ = s.Close() // reports the statement's last error again
	}
	if c.queries != nil {
		c.queries.Close()
	}
	if c.broken {
		c.finalize()
	}
	err := c.Close()
	if err == nil {
		c.scratch.close()
	}
	return err
}

// passing runs fn, which may panic in the middle of a statement. The statement is then never ended,
// and nothing could be committed: the connection is not used again.
func (c *conn) passing(fn func() error) error {
	returned := false
	defer func() { c.broken = c.broken || !returned }()
	err := fn()
	returned = true
	return err
}

// finalize closes the statements that a panic has left, without which SQLite keeps its files open.
func (c *conn) finalize() {
	for _, s := range slices.Collect(c.Stmts()) {
		func() {
			defer func() { _ = recover() }() // the error of the last step
			_ = s.Close()
		}()
	}
}

// forget drops the statements of a collection that no longer exists.
func (c *conn) forget(collection int64) {
	prepared := c.collection[collection]
	if prepared == nil {
		return // this connection never used the collection
	}
	for _, s := range prepared {
		_ = s.Close() // reports the statement's last error again
	}
	delete(c.collection, collection)
}

// leastSwept is the least number of collections whose statements call for a sweep.
const leastSwept = 16

// sweep drops the statements of collections that no longer exist: other connections delete them, too.
// It runs each time that the number of collections with statements has doubled.
func (c *conn) sweep() error {
	s, err := c.stmt(sqlListCollections)
	if err != nil {
		return err
	}
	exists := make(map[int64]bool)
	if err := query(s, func(s *sqlite3.Stmt) error { exists[s.ColumnInt64(0)] = true; return nil }); err != nil {
		return err
	}
	for id := range c.collection {
		if !exists[id] {
			c.forget(id)
		}
	}
	c.sweepAt = 2 * len(c.collection)
	return nil
}

// stmt returns a prepared statement about the whole database.
func (c *conn) stmt(which statement) (*sqlite3.Stmt, error) {
	if s := c.general[which]; s != nil {
		return s, nil
	}
	s, err := c.prepare(statements[which])
	c.general[which] = s
	return s, err
}

// collStmt returns a prepared statement about one collection.
func (c *conn) collStmt(collection int64, which collStatement) (*sqlite3.Stmt, error) {
	prepared := c.collection[collection]
	if prepared == nil {
		if len(c.collection) >= max(c.sweepAt, leastSwept) {
			if err := c.sweep(); err != nil {
				return nil, err
			}
		}
		prepared = new([numCollStatements]*sqlite3.Stmt)
		c.collection[collection] = prepared
	}
	if s := prepared[which]; s != nil {
		return s, nil
	}
	s, err := c.prepare(forCollection(collStatements[which], collection))
	prepared[which] = s
	return s, err
}

// run executes a statement that takes no arguments and returns no rows.
func (c *conn) run(which statement) error {
	s, err := c.stmt(which)
	if err != nil {
		return err
	}
	return s.Exec()
}

// commit commits, and meanwhile writes the log in large pieces.
func (c *conn) commit() error {
	if log := c.scratch.log; log != nil {
		log.gather()
		defer log.release()
	}
	return c.run(sqlCommit)
}

func (c *conn) prepare(sql string) (*sqlite3.Stmt, error) {
	s, _, err := c.PrepareFlags(sql, sqlite3.PREPARE_PERSISTENT)
	return s, err
}

// exec runs a statement without results. Each argument is an int64, string, []byte or nil.
func exec(s *sqlite3.Stmt, args ...any) error {
	if err := bind(s, args); err != nil {
		return err
	}
	return s.Exec()
}

// query runs a statement and calls row for each result, until row fails.
func query(s *sqlite3.Stmt, row func(*sqlite3.Stmt) error, args ...any) error {
	if err := bind(s, args); err != nil {
		return err
	}
	for s.Step() {
		if err := row(s); err != nil {
			_ = s.Reset() // Reset cannot fail here, because the last step succeeded
			return err
		}
	}
	err := s.Err()
	_ = s.Reset() // reports the step's error again
	return err
}

func bind(s *sqlite3.Stmt, args []any) error {
	for i, arg := range args {
		var err error
		switch v := arg.(type) {
		case int64:
			err = s.BindInt64(i+1, v)
		case bool:
			err = s.BindBool(i+1, v)
		case string:
			err = s.BindText(i+1, v)
		case []byte:
			err = s.BindBlob(i+1, v)
		case nil:
			err = s.BindNull(i + 1)
		default:
			panic(fmt.Sprintf("store: cannot bind a %T", arg)) // a programming error
		}
		if err != nil {
			return err
		}
	}
	return nil
}
