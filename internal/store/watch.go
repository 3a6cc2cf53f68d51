package store

import (
	"runtime"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Waits that decide how soon commits of other processes are noticed.
const (
	burstTime = 5 * time.Millisecond  // one burst of events counts as one
	ownTime   = 25 * time.Millisecond // likewise while the writer commits
	slowPoll  = time.Second           // beside a file watch, in case that misses an event
	fastPoll  = 50 * time.Millisecond // without a reliable file watch
)

// watch makes the writer look for other processes' commits when the files change, until the
// database closes. The writer's own commits change the files too, and look by themselves: events that
// they may explain are gathered for longer.
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
	for seen := uint64(0); ; {
		select {
		case <-db.closing:
			return
		case <-ticker.C:
		case <-problems: //nolint:errcheck // events were lost; the next look makes up for them
		case <-events:
			own := db.writer.commits.Load()
			if !outwaitBurst(db, own != seen) {
				return
			}
			seen = own // of those in the burst, events may still come
		}
		signal(db.writer.poll)
	}
}

// outwaitBurst lets a burst of events pass. It returns false if the database closes.
func outwaitBurst(db *DB, own bool) bool {
	if own {
		return outwait(db, ownTime)
	}
	// The files change before the commit is complete, so look twice.
	if !outwait(db, time.Millisecond) {
		return false
	}
	signal(db.writer.poll)
	return outwait(db, burstTime)
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
