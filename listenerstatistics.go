package tandem

import (
	"context"
	"errors"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/replication"
)

// ListenerStatistics counts what a listener has done since it was made.
type ListenerStatistics struct {
	// Connections counts the clients that were let in.
	Connections uint64

	// Failures counts those that left without a goodbye.
	Failures uint64

	// Progress sums up all connections. Push is what clients were sent, Pull what came
	// from them.
	Progress ReplicatorProgress
}

// Statistics returns a snapshot of what the listener has done. It outlives a stop and a start.
func (l *URLEndpointListener) Statistics() ListenerStatistics {
	l.mu.Lock()
	total := l.past
	sessions := l.sessionsLocked()
	l.mu.Unlock()
	total.Connections += uint64(len(sessions))
	for _, session := range sessions {
		total.Progress.add(session.Progress())
	}
	total.Progress.Busy = false
	return total
}

func (l *URLEndpointListener) sessionsLocked() []*replication.Session {
	sessions := make([]*replication.Session, 0, len(l.sessions))
	for session := range l.sessions {
		sessions = append(sessions, session)
	}
	return sessions
}

// left counts a session that is over, for the reason err.
func (l *URLEndpointListener) left(session *replication.Session, err error) {
	progress := session.Progress()
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.sessions, session)
	l.past.Connections++
	l.past.Progress.add(progress)
	if err != nil && !errors.Is(err, fault.PeerClosed) && !errors.Is(err, context.Canceled) {
		l.past.Failures++
	}
}
