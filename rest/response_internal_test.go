package rest

import (
	"net/http/httptest"
	"testing"
	"time"

	"github.com/tandemdb/tandem/internal/testsize"
)

// deadlines notes the deadlines of writes.
type deadlines struct {
	*httptest.ResponseRecorder
	at    time.Time
	times int
}

// SetWriteDeadline is for [http.ResponseController].
func (d *deadlines) SetWriteDeadline(at time.Time) error {
	d.at = at
	d.times++
	return nil
}

// The events of a feed, ten a second, set a deadline now and then only, and each has time enough.
func TestDeadlinesOfWritesAreSetRarelyAndInTime(t *testing.T) {
	testsize.Bubble(t, func(t *testing.T) {
		const patience, events = 30 * time.Second, 600
		to := &deadlines{ResponseRecorder: httptest.NewRecorder()}
		w := newResponse(to, patience)
		for range events {
			if _, err := w.Write([]byte("event")); err != nil {
				t.Fatal(err)
			}
			if err := w.flush(); err != nil {
				t.Fatal(err)
			}
			if left := time.Until(to.at); left < patience*3/4 || left > patience {
				t.Fatalf("a write has %v, want about %v", left, patience)
			}
			time.Sleep(time.Second / 10)
		}
		if to.times > events/10 {
			t.Errorf("%d deadlines were set for %d events", to.times, events)
		}
	})
}
