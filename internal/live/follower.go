package live

import "context"

// Follower gets the outcomes of a query.
type Follower[R any] struct {
	hub  *Hub[R]
	bell chan struct{} // capacity 1: there is mail, or the end

	// The hub's mutex guards the following.
	run   *run[R]     // nil when it follows nothing
	from  uint64      // the first run whose outcome it may get
	wants bool        // an outcome, even if that does not differ
	mail  *Outcome[R] // nil for none
	force bool        // the mail is given even if it does not differ
	taken [32]byte    // the digest of the last mail that was taken
	given bool        // there was one
	ended bool
}

// deliver puts a copy of an outcome in the mailbox, in place of an older one.
func (f *Follower[R]) deliver(o *Outcome[R]) {
	mail := *o
	f.mail, f.force = &mail, f.force || f.wants
	f.wants = false
	f.ring()
}

func (f *Follower[R]) ring() { signal(f.bell) }

// Next waits for an outcome that differs from the one before. It reports false when ctx ends, after
// Close, or after the last outcome. One goroutine calls it.
func (f *Follower[R]) Next(ctx context.Context) (o Outcome[R], ok bool) {
	for ctx.Err() == nil {
		o, ok, ended := f.take()
		if ok || ended {
			return o, ok
		}
		select {
		case <-f.bell:
		case <-ctx.Done():
		}
	}
	return o, false
}

// take empties the mailbox.
func (f *Follower[R]) take() (o Outcome[R], ok, ended bool) {
	f.hub.mu.Lock()
	defer f.hub.mu.Unlock()
	f.hub.stats.Wakes++
	mail, force := f.mail, f.force
	f.mail, f.force = nil, false
	if mail == nil || f.given && !force && mail.Digest == f.taken {
		return o, false, f.ended
	}
	f.taken, f.given = mail.Digest, true
	return *mail, true, f.ended
}

// Switch follows another query instead. The next outcome is that query's, whether it differs or not.
// After the end, Switch does nothing.
func (f *Follower[R]) Switch(q Query[R]) {
	f.hub.mu.Lock()
	defer f.hub.mu.Unlock()
	if f.ended || f.hub.closed {
		return
	}
	f.mail = nil
	old := f.run
	f.hub.attach(f, q)
	if old != f.run {
		delete(old.followers, f)
		if len(old.followers) == 0 {
			f.hub.drop(old)
		}
	}
}

// Close ends the following. Closing twice is harmless.
func (f *Follower[R]) Close() {
	f.hub.mu.Lock()
	defer f.hub.mu.Unlock()
	f.mail, f.ended = nil, true
	f.hub.detach(f)
	f.ring()
}
