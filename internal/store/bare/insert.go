package bare

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/ncruces/go-sqlite3"
)

// schema has the settings and the columns of the store.
const schema = `PRAGMA page_size=8192; PRAGMA journal_mode=wal; PRAGMA synchronous=normal;
	PRAGMA wal_autocheckpoint=4096; PRAGMA cache_size=-16384;
	CREATE TABLE docs (seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, rev TEXT NOT NULL, body TEXT NOT NULL) STRICT`

// Insert inserts n rows into a new database in folder, batch rows per transaction, and returns the
// time spent. body returns the text of each row; the time of body itself does not count.
func Insert(ctx context.Context, folder string, n, batch int, body func(i int) []byte) (took time.Duration, err error) {
	c, err := sqlite3.OpenContext(ctx, filepath.Join(folder, "bare.sqlite3"))
	if err != nil {
		return 0, err
	}
	defer func() {
		if closeErr := c.Close(); err == nil {
			err = closeErr
		}
	}()
	if err := c.Exec(schema); err != nil {
		return 0, err
	}
	insert, _, err := c.PrepareFlags(`INSERT INTO docs VALUES (?, ?, ?, ?)`, sqlite3.PREPARE_PERSISTENT)
	if err != nil {
		return 0, err
	}
	defer insert.Close()
	for from := 0; from < n; from += batch {
		bodies := make([]string, min(batch, n-from))
		for i := range bodies {
			bodies[i] = string(body(from + i))
		}
		begin := time.Now()
		if err := insertBatch(c, insert, from, bodies); err != nil {
			return 0, err
		}
		took += time.Since(begin)
		if err := ctx.Err(); err != nil {
			return 0, err
		}
	}
	return took, nil
}

// insertBatch inserts the rows of one transaction.
func insertBatch(c *sqlite3.Conn, insert *sqlite3.Stmt, from int, bodies []string) error {
	if err := c.Exec(`BEGIN IMMEDIATE`); err != nil {
		return err
	}
	for i, body := range bodies {
		if err := insertRow(insert, from+i, body); err != nil {
			return err
		}
	}
	return c.Exec(`COMMIT`)
}

func insertRow(insert *sqlite3.Stmt, i int, body string) error {
	if err := insert.BindInt64(1, int64(i+1)); err != nil {
		return err
	}
	if err := insert.BindText(2, fmt.Sprintf("doc-%08d", i)); err != nil {
		return err
	}
	if err := insert.BindText(3, "17b2c8f4d0a@AAAAAAAAAAAAAAAAAAAAAA"); err != nil {
		return err
	}
	if err := insert.BindText(4, body); err != nil {
		return err
	}
	return insert.Exec()
}
