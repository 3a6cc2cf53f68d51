package replication

import (
	"cmp"
	"context"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
)

// watch ends the session when the peer owes revisions and has sent nothing for too long.
// Requests have their own deadline, in the connection.
func (s *Session) watch(ctx context.Context) error {
	patience := cmp.Or(s.common.ReplyTimeout, 2*time.Minute)
	ticker := time.NewTicker(patience / 4)
	defer ticker.Stop()
	received, since := int64(0), time.Now()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		now := time.Now()
		if n := s.conn.Stats().Received.Bytes; n != received {
			received, since = n, now
		}
		for _, c := range s.all() {
			silent := now.Sub(since) >= patience && c.pull.overdue(now.Add(-patience))
			if silent || c.pull.overdue(now.Add(-10*patience)) {
				return fault.Timeout.In("pull", c.store().FullName()).
					Says("the peer has not sent revisions that it had promised")
			}
		}
	}
}
