package tandem

import (
	"sync"

	"github.com/tandemdb/tandem/internal/fault"
)

// service works on a database until it is stopped: a replicator or a listener. Its dynamic type is
// a pointer.
type service interface {
	// stop ends the service and waits for it. It may be called several times, and on one that
	// has ended by itself.
	stop()
}

// services are the services that [Database.Close] must stop. The zero value has none.
type services struct {
	mu     sync.Mutex // guards the following
	all    map[service]struct{}
	closed bool
}

// add registers s; false means that the database is closing.
func (ss *services) add(s service) bool {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if ss.closed {
		return false
	}
	if ss.all == nil {
		ss.all = make(map[service]struct{})
	}
	ss.all[s] = struct{}{}
	return true
}

func (ss *services) remove(s service) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	delete(ss.all, s)
}

// stop refuses new services, stops all concurrently, and waits for them.
func (ss *services) stop() {
	ss.mu.Lock()
	ss.closed = true
	all := ss.all
	ss.all = nil
	ss.mu.Unlock()
	var stopping sync.WaitGroup
	for s := range all {
		stopping.Go(s.stop)
	}
	stopping.Wait()
}

// register makes [Database.Close] stop s before it closes. While the database is closing it
// fails with fault.NotOpen: s must not start then.
func (db *Database) register(s service) error {
	if !db.services.add(s) {
		return fault.NotOpen.In("use database", db.Path()).Says("the database is closed")
	}
	return nil
}

// registerSync is register for services that sync with peers, and therefore write.
func (db *Database) registerSync(s service) error {
	if db.readOnly {
		return fault.NotWriteable.In("sync database", db.Path()).Says("the database was opened read-only").
			Try("open it where it can be written")
	}
	return db.register(s)
}

// unregister undoes register when s has ended by itself. Doing so twice is harmless.
func (db *Database) unregister(s service) { db.services.remove(s) }
