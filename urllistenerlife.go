package tandem

import "time"

// Done returns a channel that is closed while the listener is not running: before the first start,
// and when it has stopped. See [URLEndpointListener.Err].
func (l *URLEndpointListener) Done() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.done
}

// Err returns why the listener has stopped by itself: [ErrNotFound] when the files of a database were
// removed. It is nil while the listener runs, and after [URLEndpointListener.Stop].
func (l *URLEndpointListener) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

func closedChannel() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}

// presenceInterval is the time between two looks whether the databases are still there.
const presenceInterval = time.Second

// watchDatabases stops the listener when the files of a database are removed: clients would be told
// that their changes are stored. It ends with the listener, and closes watched.
func (l *URLEndpointListener) watchDatabases(done <-chan struct{}, watched chan<- struct{}) {
	defer close(watched)
	ticker := time.NewTicker(presenceInterval)
	defer ticker.Stop()
	for {
		select {
		case <-done:
			return
		case <-ticker.C:
		}
		for _, shared := range l.databases {
			if err := shared.db.store.CheckPresence(); err != nil {
				l.stopWith(done, err)
				return
			}
		}
	}
}

// stopWith stops the run of the listener to which done belongs.
func (l *URLEndpointListener) stopWith(done <-chan struct{}, err error) {
	l.starting.Lock()
	defer l.starting.Unlock()
	select {
	case <-done:
		return // it has ended meanwhile
	default:
	}
	if l.cfg.Logger != nil {
		l.cfg.Logger.Error("listener: stopped", "error", err)
	}
	l.endRun(err)
}
