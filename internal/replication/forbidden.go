package replication

import "sync"

// A pusher sends a forbidden revision a second time, after all others, since one of them may have
// changed the peer's mind. forbidden lets the peer report the revision once. Its zero value knows no
// revision.
type forbidden struct {
	mu   sync.Mutex        // guards the following
	once map[string]string // the revision of each document that was forbidden once
}

// maxForbidden bounds the revisions kept for one session and collection. Beyond it, some are reported
// twice.
const maxForbidden = 10_000

// again notes that a revision is forbidden, and reports whether that is for the second time.
func (f *forbidden) again(id, rev string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if was, known := f.once[id]; known && was == rev {
		delete(f.once, id)
		return true
	}
	if f.once == nil || len(f.once) >= maxForbidden {
		f.once = make(map[string]string)
	}
	f.once[id] = rev
	return false
}
