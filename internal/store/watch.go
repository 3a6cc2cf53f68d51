package store

import (
	"runtime"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Waits that decide how soon commits of other processes are noticed.
const (
	burstTime = 5 * time.Millisecond  // one burst of events counts as one
	slowPoll  = time.Second           // beside a file watch, in case that misses an event
	fastPoll  = 50 * time.Millisecond // without a reliable file watch
)

// watch makes the writer look for other processes' commits when the files change, until the
// database closes. The writer's own commits wake it too; a look costs microseconds.
func watch(db *DB) {
	var events <-chan fsnotify.Event
	var problems <-chan error
	poll := fastPoll
	if watcher, err := fsnotify.NewWatcher(); err == nil {
		defer watcher.Close()
		if watcher.Add(db.path) == nil {
			events, problems = watcher.Events, watcher.Errors
			// Windows reports a changed file late: only when its size or time reaches the disk.
			if runtime.GOOS != "windows" {
				poll = slowPoll
			}
		}
	}
	ticker := time.NewTicker(poll)
	defer ticker.Stop()
	for {
		select {
		case <-db.closing:
			return
		case <-ticker.C:
		case <-problems: //nolint:errcheck // events were lost; the next look makes up for them
		case <-events:
			// The files change before the commit is complete, so look twice.
			if !outwait(db, time.Millisecond) {
				return
			}
			signal(db.writer.poll)
			if !outwait(db, burstTime) {
				return
			}
		}
		signal(db.writer.poll)
	}
}

// outwait lets a burst of events pass; it returns false if the database closes.
func outwait(db *DB, pause time.Duration) bool {
	select {
	case <-db.closing:
		return false
	case <-time.After(pause):
		return true
	}
}
