package store

import (
	"context"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"
)

// logCopier copies SQLite's log into the database file while the writer goes on. SQLite by itself
// copies the log within a commit, which then waits for the disk.
type logCopier struct {
	db      *DB
	due     chan struct{} // capacity 1: the log has reached walPages
	copying chan struct{} // capacity 1: holds a value while a connection copies the log
}

func newLogCopier(db *DB) *logCopier {
	return &logCopier{db: db, due: make(chan struct{}, 1), copying: make(chan struct{}, 1)}
}

// watch makes the writer's connection c report a long log. When the log is twice as long, the disk
// is slower than the writer: commits then wait until the log is copied.
func (l *logCopier) watch(c *conn) {
	c.WALHook(func(_ *sqlite3.Conn, _ string, pages int) error {
		if pages >= walPages {
			signal(l.due)
		}
		if pages >= 2*walPages {
			_, _ = l.copyOn(c) // the commit has succeeded, and the next one tries again
		}
		return nil
	})
}

func (l *logCopier) run() {
	for {
		select {
		case <-l.db.closing:
			return
		case <-l.due:
			_ = l.copy() // the next commit asks again
		}
	}
}

// copy copies the log beside the writer, and then lets the writer copy the little that it has added
// meanwhile. SQLite begins the log anew only when all of it is copied.
func (l *logCopier) copy() error {
	for range 2 { // the second time copies what was added during the first
		if all, err := l.copyBeside(); err != nil || !all {
			return err
		}
	}
	return l.db.submit(&request{ctx: context.Background(), alone: func(c *conn) error {
		_, err := l.copyOn(c)
		return err
	}})
}

// copyBeside copies the log on the connection of a view. SQLite allows that because the view has
// read nothing, and so has no snapshot. SQLite syncs the database file only if nothing was committed
// meanwhile, so copyBeside does, and the writer need not wait for that.
func (l *logCopier) copyBeside() (all bool, err error) {
	err = l.db.View(context.Background(), func(tx *Tx) (err error) {
		if all, err = l.copyOn(tx.c); err != nil {
			return err
		}
		return tx.c.scratch.database.Sync(vfs.SYNC_FULL)
	})
	return all, err
}

// copyOn copies the log, up to the oldest snapshot in use, and reports whether that was all of it.
func (l *logCopier) copyOn(c *conn) (all bool, err error) {
	l.copying <- struct{}{}
	defer func() { <-l.copying }()
	pages, copied, err := c.WALCheckpoint("main", sqlite3.CHECKPOINT_PASSIVE)
	return copied == pages, err
}
