package store

import "sync"

// Purge names a document that was purged.
type Purge struct {
	Collection *Collection
	ID         string
}

// Subscription hears of commits, of this process and of others.
type Subscription struct {
	// C has a value whenever something was committed since C was last read: read the changes
	// since the last known sequence then. It is closed when the database or the subscription is.
	C <-chan struct{}

	signals *signals
	c       chan struct{}
	purged  []Purge // guarded by signals.mu
}

// maxPurges bounds what a subscription remembers for one that does not ask.
const maxPurges = 1000

// Subscribe returns a new subscription, which its owner closes.
func (db *DB) Subscribe() *Subscription {
	c := make(chan struct{}, 1)
	sub := &Subscription{C: c, c: c, signals: &db.signals}
	db.signals.mu.Lock()
	defer db.signals.mu.Unlock()
	if db.signals.closed {
		close(c)
		return sub
	}
	if db.signals.subs == nil {
		db.signals.subs = make(map[*Subscription]struct{})
	}
	db.signals.subs[sub] = struct{}{}
	return sub
}

// Close ends the subscription. Closing twice is harmless.
func (sub *Subscription) Close() {
	sub.signals.mu.Lock()
	defer sub.signals.mu.Unlock()
	if _, open := sub.signals.subs[sub]; open {
		delete(sub.signals.subs, sub)
		close(sub.c)
	}
}

// Purged returns the documents that this process has purged since the last call, the latest
// 1000 of them.
func (sub *Subscription) Purged() []Purge {
	sub.signals.mu.Lock()
	defer sub.signals.mu.Unlock()
	purged := sub.purged
	sub.purged = nil
	return purged
}

// signals tells of commits. Its zero value has nobody to tell.
type signals struct {
	expiry chan<- struct{} // capacity 1

	mu     sync.Mutex // guards the following
	subs   map[*Subscription]struct{}
	closed bool
}

// notify wakes every subscriber.
func (s *signals) notify() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for sub := range s.subs {
		signal(sub.c)
	}
}

func (s *signals) purged(some []Purge) {
	if len(some) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for sub := range s.subs {
		sub.purged = append(sub.purged, some...)
		sub.purged = sub.purged[max(0, len(sub.purged)-maxPurges):]
	}
}

func (s *signals) wakeExpirer() { signal(s.expiry) }

func (s *signals) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for sub := range s.subs {
		close(sub.c)
	}
	s.subs = nil
}

// signal sets a level-triggered channel of capacity 1.
func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default: // it is set already
	}
}
