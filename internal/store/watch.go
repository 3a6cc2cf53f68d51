package store

import (
	"runtime"
	"time"

	"github.com/fsnotify/fsnotify"
)

// How soon the commits of other processes are noticed.
const (
	burstTime = 5 * time.Millisecond  // events of one burst are taken together
	slowPoll  = time.Second           // beside a watch, in case it misses something
	fastPoll  = 50 * time.Millisecond // where there is no watch that can be relied on
)

// watch makes the writer look for other processes' commits whenever the files change, until
// the database closes. The writer's own commits wake it too; looking costs microseconds.
func watch(db *DB) {
	var events <-chan fsnotify.Event
	var problems <-chan error
	poll := fastPoll
	if watcher, err := fsnotify.NewWatcher(); err == nil {
		defer watcher.Close()
		if watcher.Add(db.path) == nil {
			events, problems = watcher.Events, watcher.Errors
			// Windows tells of changed files late, when their size or time reaches the disk.
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
		case <-problems: //nolint:errcheck // events were lost, and looking makes up for them
		case <-events:
			// The files change before the commit is complete, so look more than once.
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

// outwait lets a burst of events pass; false means the database closes.
func outwait(db *DB, pause time.Duration) bool {
	select {
	case <-db.closing:
		return false
	case <-time.After(pause):
		return true
	}
}
