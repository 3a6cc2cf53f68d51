package main

import (
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"

	"github.com/tandemdb/tandem"
)

// view shows the progress of a replication on standard error.
type view interface {
	show(tandem.ReplicatorStatus)
	close()
}

// newView returns bars for a one-shot replication on a capable terminal, otherwise lines.
func (a *app) newView(continuous bool, peer string) view {
	if a.drawsBars() && !continuous {
		return newBars(a.screen)
	}
	return &lines{a: a, continuous: continuous, peer: peer}
}

// bars show one bar for each direction.
type bars struct {
	all        *mpb.Progress
	push, pull *mpb.Bar
}

func newBars(f *os.File) *bars {
	all := mpb.New(mpb.WithOutput(f), mpb.WithWidth(60))
	return &bars{all, newBar(all, "push", ofDocuments), newBar(all, "pull", ofDocuments)}
}

func (b *bars) show(status tandem.ReplicatorStatus) {
	push, pull := status.Progress.Push, status.Progress.Pull
	setBar(b.push, push.Completed, push.Total)
	setBar(b.pull, pull.Completed, pull.Total)
}

func (b *bars) close() {
	for _, bar := range []*mpb.Bar{b.push, b.pull} {
		bar.SetTotal(-1, true) // everything is done
	}
	b.all.Wait()
}

// lines prints a line every few seconds while there is work, and one when a connection fails. For a
// continuous replication it also prints one when it connects and whenever all is done.
type lines struct {
	a          *app
	continuous bool
	peer       string // its URL

	mu        sync.Mutex // guards the following
	connected bool
	waiting   bool // a line since the connection began says that all is done
	shown     tandem.ReplicatorStatus
	last      time.Time
}

const lineInterval = 3 * time.Second

func (l *lines) show(status tandem.ReplicatorStatus) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.last.IsZero() {
		l.last = time.Now() // a short replication needs no line
	}
	l.tellConnection(status.Activity)
	if !l.worth(status) {
		return
	}
	l.shown, l.last = status, time.Now()
	l.a.note("%s", lineOf(status))
}

// tellConnection prints that a continuous replication has reached its peer.
func (l *lines) tellConnection(now tandem.ActivityLevel) {
	was := l.connected
	if l.connected = isConnected(now); l.connected == was {
		return
	}
	l.waiting = false
	if l.continuous && l.connected {
		if l.a.tellCreated != nil {
			l.a.tellCreated() // or it would be told when the sync is stopped
		}
		l.a.note("connected to %s", l.peer)
	}
}

func isConnected(now tandem.ActivityLevel) bool { return now == tandem.Busy || now == tandem.Idle }

// worth reports whether status deserves a line.
func (l *lines) worth(status tandem.ReplicatorStatus) bool {
	p, shown := status.Progress, l.shown.Progress
	moved := p.Push.Completed != shown.Push.Completed || p.Pull.Completed != shown.Pull.Completed
	arrived := p.Push.Documents != shown.Push.Documents || p.Pull.Documents != shown.Pull.Documents
	switch status.Activity {
	case tandem.Offline:
		return status.NextRetry != l.shown.NextRetry
	case tandem.Busy:
		return moved && time.Since(l.last) >= lineInterval
	case tandem.Idle:
		first := !l.waiting
		l.waiting = true
		return l.continuous && (arrived || first)
	case tandem.Connecting, tandem.Stopped:
	}
	return false
}

func lineOf(status tandem.ReplicatorStatus) string {
	if status.Activity == tandem.Offline {
		wait := time.Until(status.NextRetry).Round(time.Second)
		return fmt.Sprintf("offline: %v; next attempt in %s", status.Err, wait)
	}
	push, pull := status.Progress.Push, status.Progress.Pull
	if status.Activity == tandem.Idle {
		return fmt.Sprintf("waiting for changes: so far pushed %s, pulled %s", count(push.Documents, "document"), count(pull.Documents, "document"))
	}
	return fmt.Sprintf("syncing: pushed %d of %d, pulled %d of %d", push.Completed, push.Total, pull.Completed, pull.Total)
}

func (l *lines) close() {}
