package rest

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/tandemdb/tandem/rest/internal/tail"
)

// feed is what all answers that go on with changes have in common.
type feed struct {
	c     *call
	o     feedOptions
	form  feedForm
	ctx   context.Context //nolint:containedctx // that of the request, which is kept since each event asks it
	wake  chan struct{}   // gets a value when there may be changes, or it is time for something
	timer *time.Timer     // fills wake
	due   time.Time       // when it does next

	unhook func() bool // has the end of ctx fill wake no more

	interval time.Duration // between two looks at the user's rights

	looked  time.Time // at the user's rights
	wrote   time.Time
	changed time.Time
}

func (c *call) newFeed(o feedOptions) feed {
	return feed{
		c: c, o: o, form: c.feedForm(o.mode), ctx: c.r.Context(), wake: make(chan struct{}, 1), interval: accessInterval,
	}
}

// begin sends the header, and reports whether a body is to follow. Then the caller ends the feed by stop.
func (f *feed) begin() (bool, error) {
	if err := f.form.begin(); err != nil || f.c.r.Method == http.MethodHead {
		return false, err
	}
	now := time.Now()
	f.looked, f.wrote, f.changed = now, now, now
	f.due = now.Add(f.interval)
	f.timer = time.AfterFunc(f.interval, f.poke)
	f.unhook = context.AfterFunc(f.ctx, f.poke)
	return true, nil
}

func (f *feed) stop() {
	f.timer.Stop()
	f.unhook()
}

// poke ends a wait.
func (f *feed) poke() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// send sends changes, if there are any.
func (f *feed) send(some []*tail.Event) error {
	if len(some) == 0 {
		return nil
	}
	if err := f.form.events(some); err != nil {
		return err
	}
	f.wrote = time.Now()
	f.changed = f.wrote
	return nil
}

// tick does what it is time for. It reports false when it is time to end.
func (f *feed) tick() (goesOn bool, err error) {
	now := time.Now()
	if now.Sub(f.looked) >= f.interval {
		f.looked = now
		if !f.c.mayGoOn() {
			return false, nil
		}
	}
	if f.o.timeout > 0 && now.Sub(f.changed) >= f.o.timeout {
		return false, nil
	}
	if f.o.heartbeat > 0 && now.Sub(f.wrote) >= f.o.heartbeat {
		f.wrote = now
		return true, f.form.beat()
	}
	return true, nil
}

// wait waits until there may be changes, or it is time for something. One channel is for all of that: a
// select of several would cost more than all else that is done for an event, but for sending it.
func (f *feed) wait() error {
	next := f.looked.Add(f.interval)
	if at := f.wrote.Add(f.o.heartbeat); f.o.heartbeat > 0 && at.Before(next) {
		next = at
	}
	if at := f.changed.Add(f.o.timeout); f.o.timeout > 0 && at.Before(next) {
		next = at
	}
	if now := time.Now(); next.Before(f.due) || !f.due.After(now) { // a timer that fires early does no harm
		f.due = next
		f.timer.Reset(next.Sub(now))
	}
	<-f.wake
	if f.ctx.Err() != nil {
		return context.Cause(f.ctx)
	}
	return nil
}

// failed reports whether an error says that the answer is not complete. One that the end of the server
// cuts off is.
func (f *feed) failed(err error) bool {
	return err != nil && (f.c.w.status == 0 || !isEnd(err))
}

func isEnd(err error) bool { return errors.Is(err, context.Canceled) || errors.Is(err, errClosing) }

// asFeed runs an answer that goes on, and lists it among the active tasks. An answer to a client that
// has left has not failed.
func (c *call) asFeed(ks string, run func() error) error {
	defer c.hurryAtEnd()()
	defer c.begin(activity{Type: "changes", KS: ks, Args: c.feedArguments()})()
	err := run()
	switch ended := context.Cause(c.r.Context()); {
	case ended == nil || err == nil:
		return err
	case c.w.status == 0 && errors.Is(ended, errClosing):
		return errClosing
	}
	return nil
}

// hurryAtEnd gives a client that does not read little time once the answer is to end.
func (c *call) hurryAtEnd() (stop func()) {
	const little = time.Second
	hurried := make(chan struct{})
	unregister := context.AfterFunc(c.r.Context(), func() {
		defer close(hurried)
		_ = c.w.control.SetWriteDeadline(time.Now().Add(little)) // not every server can
	})
	return func() {
		if !unregister() {
			<-hurried
		}
	}
}

// collectionFeed is a feed of one collection.
type collectionFeed struct {
	feed
	reader *tail.Reader
	last   uint64 // the last change when the feed began
	at     uint64 // the last change that was looked at
	given  int
	chosen []*tail.Event
}

// follow answers with the changes there are, and then with those that come.
func (c *call) follow(o feedOptions) error {
	f := &collectionFeed{feed: c.newFeed(o)}
	var err error
	f.reader, f.last, err = c.h.tails.Follow(c.r.Context(), c.coll, o.documents, f.wake)
	if err != nil {
		return err
	}
	defer f.reader.Close()
	if f.at, err = o.start(f.last); err != nil {
		return err
	}
	f.reader.Seek(f.at)
	if more, err := f.begin(); err != nil || !more {
		return err
	}
	defer f.stop()
	if err := f.run(); f.failed(err) {
		return err
	}
	pending := uint64(0)
	if o.mode == longpollFeed && f.given == o.limit {
		if pending, err = c.coll.CountChanges(c.r.Context(), f.at); err != nil {
			return err
		}
	}
	return f.form.end(f.at, pending)
}

func (f *collectionFeed) run() error {
	for {
		goesOn, err := f.tick()
		if err != nil || !goesOn {
			return err
		}
		events, err := f.reader.Next(f.ctx)
		if err != nil {
			return err
		}
		if err := f.send(f.choose(events)); err != nil || f.complete(len(events)) {
			return err
		}
		if len(events) > 0 {
			continue
		}
		if err := f.wait(); err != nil {
			return err
		}
	}
}

// choose returns the changes that the client wants, up to the limit.
func (f *collectionFeed) choose(events []*tail.Event) []*tail.Event {
	clear(f.chosen) // large documents may be in memory for them alone
	f.chosen = f.chosen[:0]
	for _, e := range events {
		if f.given == f.o.limit {
			break
		}
		f.at = e.Sequence
		if f.o.selects(e.ID, e.Deleted) {
			f.chosen = append(f.chosen, f.o.form(e))
			f.given++
		}
	}
	return f.chosen
}

// complete reports whether the client has all that it wants, where got is how many changes came last.
func (f *collectionFeed) complete(got int) bool {
	if f.o.mode == longpollFeed && f.given > 0 && (got == 0 || f.at >= f.last) {
		return true
	}
	return f.given == f.o.limit
}
