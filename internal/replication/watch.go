package replication

import (
	"cmp"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
)

// watch detects a peer that owes revisions and has sent nothing for too long. The connection
// enforces the deadlines of requests.
type watch struct {
	s        *engine
	receiver *receiver
	patience time.Duration
	ticker   *time.Ticker // the interval of checks
	received int64        // bytes, at the last check
	since    time.Time    // the time of the last progress
	fetching time.Time    // when revisions last waited for blobs
}

func newWatch(s *engine, r *receiver) *watch {
	patience := cmp.Or(s.common.ReplyTimeout, 2*time.Minute)
	return &watch{s: s, receiver: r, patience: patience, ticker: time.NewTicker(patience / 4), since: time.Now()}
}

// look returns an error if the session must end.
func (w *watch) look(now time.Time, all []*exchange) error {
	if n := w.s.conn.Stats().Received.Bytes; n != w.received {
		w.received, w.since = n, now
	}
	if w.receiver.waiting.Load() > 0 { // the peer may be waiting for these before it sends the next revision
		w.fetching = now
	}
	for _, x := range all {
		if x.ahead.isDue(now) {
			w.s.stateChanged()
		}
		silent := now.Sub(w.since) >= w.patience && x.pull.wanted.overdue(now.Add(-w.patience))
		owing := now.Sub(w.fetching) >= 10*w.patience && x.pull.wanted.overdue(now.Add(-10*w.patience))
		if silent || owing {
			return fault.Timeout.In("pull", x.store().FullName()).
				Says("the peer has not sent revisions that it had promised")
		}
	}
	return nil
}
