package bare

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/ncruces/go-sqlite3"
)

// Lookup reads rows of a database that [Insert] has made, each by its ID in a transaction of its own, with
// a connection for each of some workers. It returns the time spent.
func Lookup(ctx context.Context, folder string, rows, lookups, workers int) (took time.Duration, err error) {
	begin := time.Now()
	var all sync.WaitGroup
	errs := make([]error, workers)
	for w := range workers {
		all.Go(func() { errs[w] = lookup(ctx, folder, rows, lookups/workers, w) })
	}
	all.Wait()
	for _, failed := range errs {
		if failed != nil {
			return 0, failed
		}
	}
	return time.Since(begin), nil
}

func lookup(ctx context.Context, folder string, rows, lookups, worker int) error {
	return reading(ctx, folder, `SELECT rev, body FROM docs WHERE id = ?`, func(s *sqlite3.Stmt) error {
		for i := range lookups {
			if err := s.BindText(1, fmt.Sprintf("doc-%08d", (i*7919+worker*104_729)%rows)); err != nil {
				return err
			}
			if !s.Step() {
				return fmt.Errorf("row %d is missing: %w", i, s.Err())
			}
			_, _ = s.ColumnText(0), s.ColumnText(1)
			if err := s.Reset(); err != nil {
				return err
			}
		}
		return nil
	})
}

// Scan reads all rows of a database that [Insert] has made in the order of their IDs, and returns the time
// spent.
func Scan(ctx context.Context, folder string) (took time.Duration, err error) {
	begin := time.Now()
	err = reading(ctx, folder, `SELECT id, rev, body FROM docs ORDER BY id`, func(s *sqlite3.Stmt) error {
		for s.Step() {
			_, _, _ = s.ColumnText(0), s.ColumnText(1), s.ColumnText(2)
		}
		return s.Err()
	})
	return time.Since(begin), err
}

// reading calls use with a statement on a connection of its own.
func reading(ctx context.Context, folder, text string, use func(s *sqlite3.Stmt) error) (err error) {
	c, err := sqlite3.OpenContext(ctx, filepath.Join(folder, "bare.sqlite3"))
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := c.Close(); err == nil {
			err = closeErr
		}
	}()
	s, _, err := c.PrepareFlags(text, sqlite3.PREPARE_PERSISTENT)
	if err != nil {
		return err
	}
	defer s.Close()
	return use(s)
}
