package tandem

import (
	"sync"

	"github.com/tandemdb/tandem/internal/fault"
)

// user is something that works on a database until it is stopped: a replicator, a listener.
// Its dynamic type is a pointer.
type user interface {
	// stop ends the user and waits for it. It may be called several times, and on one that
	// has ended by itself.
	stop()
}

// users are those that [Database.Close] has to stop. The zero value has none.
type users struct {
	mu     sync.Mutex // guards the following
	all    map[user]struct{}
	closed bool
}

// add registers u; false means that the database is closing.
func (us *users) add(u user) bool {
	us.mu.Lock()
	defer us.mu.Unlock()
	if us.closed {
		return false
	}
	if us.all == nil {
		us.all = make(map[user]struct{})
	}
	us.all[u] = struct{}{}
	return true
}

func (us *users) remove(u user) {
	us.mu.Lock()
	defer us.mu.Unlock()
	delete(us.all, u)
}

// stop lets nobody in any more, stops all at once and waits for them.
func (us *users) stop() {
	us.mu.Lock()
	us.closed = true
	all := us.all
	us.all = nil
	us.mu.Unlock()
	var stopping sync.WaitGroup
	for u := range all {
		stopping.Go(u.stop)
	}
	stopping.Wait()
}

// register makes [Database.Close] stop u before it closes. While the database is closing it
// fails with fault.NotOpen: u must not start then.
func (db *Database) register(u user) error {
	if !db.users.add(u) {
		return fault.NotOpen.In("use database", db.Path()).Says("the database is closed")
	}
	return nil
}

// unregister undoes register when u has ended by itself. Doing so twice is harmless.
func (db *Database) unregister(u user) { db.users.remove(u) }
