package replication

import (
	"sync"
	"time"
)

// Fetches is what the sessions of one database are fetching. A revision or blob that several peers
// offer is asked for once: the second offer waits for the first, and is asked for if that one fails.
// The zero value is ready to use.
type Fetches struct {
	mu    sync.Mutex // guards the following, and the fields of claims
	revs  map[fetchKey]*claim
	blobs map[string]*fetch
}

type fetchKey struct{ collection, id string }

// claim stands for a document that a session has asked for.
type claim struct {
	by    *claims
	since time.Time
	done  chan struct{} // closed when the document has come, or will not
}

// claims are those of one session. A nil *claims makes none.
type claims struct {
	shared *Fetches
	all    map[fetchKey]*claim
	slow   bool // its peer has kept one waiting: others do not wait for it
}

const (
	claimPatience = 5 * time.Second // that others wait for a claim
	maxClaims     = 20_000          // of one session
	maxWaits      = 100             // of one announcement
)

// take claims documents of a collection, all or none. If another session has claimed one of them, it
// returns what closes when that claim ends.
func (c *claims) take(collection string, ids []string, now time.Time) (wait <-chan struct{}) {
	if c == nil {
		return nil
	}
	c.shared.mu.Lock()
	defer c.shared.mu.Unlock()
	for _, id := range ids {
		other := c.shared.revs[fetchKey{collection, id}]
		if other == nil || other.by == c || other.by.slow {
			continue
		}
		if now.Sub(other.since) < claimPatience {
			return other.done
		}
		other.by.slow = true
	}
	if c.shared.revs == nil {
		c.shared.revs = make(map[fetchKey]*claim)
	}
	for _, id := range ids {
		key := fetchKey{collection, id}
		if old := c.shared.revs[key]; len(c.all) < maxClaims && (old == nil || old.by != c) {
			mine := &claim{by: c, since: now, done: make(chan struct{})}
			if old != nil {
				old.by.dropLocked(key, old)
			}
			c.shared.revs[key], c.all[key] = mine, mine
		}
	}
	return nil
}

// release ends the claim of a document, which has come or will not.
func (c *claims) release(collection, id string) {
	if c == nil {
		return
	}
	c.shared.mu.Lock()
	defer c.shared.mu.Unlock()
	key := fetchKey{collection, id}
	if mine := c.all[key]; mine != nil {
		c.dropLocked(key, mine)
	}
}

// end ends all claims.
func (c *claims) end() {
	if c == nil {
		return
	}
	c.shared.mu.Lock()
	defer c.shared.mu.Unlock()
	for key, mine := range c.all {
		c.dropLocked(key, mine)
	}
}

func (c *claims) dropLocked(key fetchKey, mine *claim) {
	delete(c.all, key)
	if c.shared.revs[key] == mine {
		delete(c.shared.revs, key)
	}
	close(mine.done)
}

// beginBlob returns the fetch of a blob that is under way, or begins one, which endBlob must end.
func (f *Fetches) beginBlob(digest string) (running *fetch, begun bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if running = f.blobs[digest]; running != nil {
		return running, false
	}
	if f.blobs == nil {
		f.blobs = make(map[string]*fetch)
	}
	running = &fetch{done: make(chan struct{})}
	f.blobs[digest] = running
	return running, true
}

func (f *Fetches) endBlob(digest string, running *fetch, err error) {
	f.mu.Lock()
	delete(f.blobs, digest)
	f.mu.Unlock()
	running.err = err
	close(running.done)
}

type fetch struct {
	done chan struct{}
	err  error // valid after done is closed
}
