package store

import (
	"slices"
	"sync"
	"sync/atomic"
)

// Purge names a document that was purged.
type Purge struct {
	Collection *Collection
	ID         string
}

// Subscription reports commits of this process and of others.
type Subscription struct {
	// C receives a value when something was committed since the last receive. The subscriber then
	// reads the changes after its last known sequence. C is closed together with the database or
	// the subscription.
	C <-chan struct{}

	signals *signals
	c       chan struct{}
	count   atomic.Uint64
	of      []int64 // numbers of collections; empty means all collections and all other commits
	purged  []Purge // guarded by signals.mu

	documents bool // it has Documents; signals.mu guards this and the following
	changes   []DocumentChange
	bytes     int
	lost      bool
}

// maxPurges bounds the purges that a subscription remembers.
const maxPurges = 1000

// Subscribe returns a new subscription, which the caller closes. Without arguments it reports all
// commits; otherwise those that change the feed of one of the collections or an expiry in it, purge
// from it or delete it. Commits of other processes count for every collection.
func (db *DB) Subscribe(of ...*Collection) *Subscription {
	c := make(chan struct{}, 1)
	sub := &Subscription{C: c, c: c, signals: &db.signals}
	for _, one := range of {
		sub.of = append(sub.of, one.id)
	}
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

// Subscriptions returns how many subscriptions are open.
func (db *DB) Subscriptions() int {
	db.signals.mu.Lock()
	defer db.signals.mu.Unlock()
	return len(db.signals.subs)
}

func (sub *Subscription) follows(collection int64) bool {
	return len(sub.of) == 0 || slices.Contains(sub.of, collection)
}

// Close ends the subscription. Closing twice is harmless.
func (sub *Subscription) Close() {
	sub.signals.mu.Lock()
	defer sub.signals.mu.Unlock()
	if _, open := sub.signals.subs[sub]; open {
		delete(sub.signals.subs, sub)
		if sub.documents {
			sub.signals.documented.Add(-1)
		}
		close(sub.c)
	}
}

// Count returns how many commits the subscription has reported. A commit of this process is counted
// before its caller is told of success.
func (sub *Subscription) Count() uint64 { return sub.count.Load() }

// tell reports a commit.
func (sub *Subscription) tell() {
	sub.count.Add(1)
	signal(sub.c)
}

// Purged returns the purges in the subscribed collections that this process made since the last
// call, at most the latest 1000.
func (sub *Subscription) Purged() []Purge {
	sub.signals.mu.Lock()
	defer sub.signals.mu.Unlock()
	purged := sub.purged
	sub.purged = nil
	return purged
}

// signals distributes news of commits. Its zero value has no subscribers.
type signals struct {
	expiry     chan<- struct{} // capacity 1
	documented atomic.Int64    // subscriptions with Documents

	mu     sync.Mutex // guards the following
	subs   map[*Subscription]struct{}
	closed bool
}

// notify wakes the subscribers of the changed collections, and those without a filter.
func (s *signals) notify(changed []int64, r *recorder) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for sub := range s.subs {
		if len(sub.of) == 0 || slices.ContainsFunc(changed, sub.follows) {
			if sub.documents {
				sub.note(r)
			}
			sub.tell()
		}
	}
}

// notifyAll wakes every subscriber.
func (s *signals) notifyAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for sub := range s.subs {
		if sub.documents {
			sub.lose()
		}
		sub.tell()
	}
}

func (s *signals) purged(some []Purge) {
	if len(some) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for sub := range s.subs {
		for _, one := range some {
			if sub.follows(one.Collection.id) {
				sub.purged = append(sub.purged, one)
			}
		}
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
	default: // set already
	}
}
