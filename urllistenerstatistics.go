package tandem

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/tandemdb/tandem/internal/fault"
)

// ListenerStatistics counts what a listener has done since it was made.
type ListenerStatistics struct {
	// Connections counts the clients that were let in.
	Connections uint64

	// Failures counts clients that left without a goodbye.
	Failures uint64

	// Progress sums up all connections. Push is what clients were sent, Pull what came
	// from them.
	Progress ReplicatorProgress
}

// Statistics returns a snapshot of what the listener has done. The counts continue over stops and
// starts.
func (l *URLEndpointListener) Statistics() ListenerStatistics {
	l.mu.Lock()
	total, sum := l.past, l.sum
	connected := slices.Collect(maps.Values(l.clients))
	l.mu.Unlock()
	total.Connections += uint64(len(connected))
	for _, c := range connected {
		sum.Add(c.session.Progress())
	}
	sum.Busy = false
	total.Progress = publicProgress(sum)
	return total
}

// left counts a client that has left, for the reason err.
func (l *URLEndpointListener) left(c *connectedClient, err error) {
	progress := c.session.Progress()
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.clients, c.ID)
	l.past.Connections++
	l.sum.Add(progress)
	if err != nil && !errors.Is(err, fault.PeerClosed) && !errors.Is(err, context.Canceled) {
		l.past.Failures++
	}
}
