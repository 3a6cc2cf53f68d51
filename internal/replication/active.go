package replication

import (
	"context"
	"errors"
	"time"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/replication/wire"
)

// leader is the role of the active peer: it agrees on collections and checkpoints, starts both directions,
// and decides how to go on whenever both have come to rest.
type leader struct {
	s   *Session
	cfg *Active
}

// NewActive makes the session of the peer that opened the connection.
func NewActive(pipe blip.Pipe, cfg Active) *Session {
	s := newSession(pipe, cfg.Common, wire.CloseNormal)
	s.role = &leader{s: s, cfg: &cfg}
	return s
}

// lead returns when a one-shot session has done its work.
func (l *leader) lead(ctx context.Context) (done bool, err error) {
	if err := l.meet(ctx); err != nil {
		return false, err
	}
	for _, x := range l.s.all() {
		if err := l.begin(ctx, x); err != nil {
			return false, err
		}
	}
	l.s.begun.Store(true)
	l.s.stateChanged()
	last := rest{mayStartOver: !l.cfg.StartedOver}
	for {
		select {
		case <-ctx.Done():
			return false, nil
		case <-l.s.state:
		}
		if l.s.Busy() {
			continue
		}
		if done, err := l.goOn(ctx, &last); done || err != nil {
			return done, err
		}
	}
}

// rest is what lead found when both directions had come to rest the last time.
type rest struct {
	arrived      uint64 // what the pull and the resolver had written
	mayStartOver bool   // the pull has not started over for what is held
}

// goOn decides how a session at rest goes on: it pushes what has come up, starts over, ends a
// one-shot session, which done tells, or lets a continuous one wait.
func (l *leader) goOn(ctx context.Context, last *rest) (done bool, err error) {
	if more, err := l.pushArrived(ctx, last); more || err != nil {
		return false, err
	}
	held, inVain := l.holding()
	if held && !inVain && last.mayStartOver {
		return true, l.startOver(ctx)
	}
	last.mayStartOver = last.mayStartOver || !held
	if held || !l.cfg.Continuous {
		if more, err := l.giveUpWaiting(ctx); more || err != nil {
			return false, err
		}
	}
	if !l.cfg.Continuous {
		l.saveCheckpoints(ctx)
		return true, nil
	}
	for _, x := range l.s.all() {
		if x.ahead.isDue(time.Now()) {
			l.saveInTime(ctx)
			return true, errAskAgain
		}
	}
	if err := l.s.leftBehind(); err != nil {
		l.saveInTime(ctx)
		return true, err
	}
	l.saveSoon()
	return false, nil
}

// pushArrived looks at what the pull and the resolver have written since the last rest: what was
// resolved is pushed in the same run, and what was pulled is looked at, so that the checkpoint
// vouches for it. It reports whether there is more to push.
func (l *leader) pushArrived(ctx context.Context, last *rest) (more bool, err error) {
	now := l.arrived()
	if now == last.arrived {
		return false, nil
	}
	last.arrived = now
	return l.pushFurther(ctx)
}

// ErrStartOver ends a session that has to be followed by another one at once: the peer
// refuses a document for a revision that lies before our checkpoint, and that we do not have
// any more, because it was purged. The next session pulls from the beginning.
var ErrStartOver = errors.New("the pull has to start over")

// holdPatience is how long a continuous session waits for the revision that the peer has
// refused ours for: its feed may be late. A one-shot pull brings all there is, or nothing.
const holdPatience = 2 * time.Second

// holding reports whether a push waits for what the pull has not brought, and whether it would be in
// vain to start over for that. If it is too early to tell, the session is woken later.
func (l *leader) holding() (held, inVain bool) {
	inVain = true
	for _, x := range l.s.all() {
		push := x.push.get()
		if push == nil {
			continue
		}
		since, vain := push.unmetSince()
		if since.IsZero() {
			continue
		}
		early := holdPatience - time.Since(since)
		if l.cfg.Continuous && early > 0 {
			time.AfterFunc(early, l.s.stateChanged)
			continue
		}
		held, inVain = true, inVain && vain
	}
	return held, inVain
}

func (l *leader) startOver(ctx context.Context) error {
	for _, x := range l.s.all() {
		if push := x.push.get(); push != nil && push.isUnmet() {
			if err := push.rememberOver(ctx); err != nil {
				return err
			}
			x.check.forgetRemote()
		}
		if err := x.check.save(ctx); err != nil {
			return err
		}
	}
	return ErrStartOver
}

// giveUpWaiting ends the wait of documents for a pull that has brought everything there is,
// and reports whether there is more to push now.
func (l *leader) giveUpWaiting(ctx context.Context) (more bool, err error) {
	for _, x := range l.s.all() {
		push := x.push.get()
		if push == nil {
			continue
		}
		touched, err := push.giveUpWaiting(ctx)
		if err != nil {
			return false, err
		}
		more = more || touched
	}
	if more {
		_, err = l.pushFurther(ctx)
	}
	return more, err
}

func (l *leader) saveSoon() {
	for _, x := range l.s.all() {
		x.check.saveNow()
	}
}

// arrived counts what the pull and the resolver have written.
func (l *leader) arrived() (n uint64) {
	for _, x := range l.s.all() {
		n += x.counters.conflicts.Load() + x.counters.pulled.Load()
	}
	return n
}

func (l *leader) pushFurther(ctx context.Context) (more bool, err error) {
	for _, x := range l.s.all() {
		push := x.push.get()
		if push == nil {
			continue
		}
		further, err := push.extend(ctx)
		if err != nil {
			return false, err
		}
		more = more || further
	}
	return more, nil
}

// saveCheckpoints saves the checkpoints of all collections.
func (l *leader) saveCheckpoints(ctx context.Context) {
	for _, x := range l.s.all() {
		l.s.saved(x.check.id, x.check.save(ctx))
	}
}

// saveInTime is saveCheckpoints for a session that does not end by itself: it takes no longer than
// farewell.
func (l *leader) saveInTime(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, farewell)
	defer cancel()
	l.saveCheckpoints(ctx)
}

// goodbye saves what can be saved.
func (l *leader) goodbye(context.Context) (code int, reason string) {
	l.saveInTime(l.s.work) //nolint:contextcheck // the context of Run has ended; the goodbye is still to be said
	return wire.CloseNormal, ""
}

func (*leader) getCollections(*blip.Request) error {
	return fault.New(fault.BLIP, 404, "the active peer has no collections to offer")
}

// beginLegacy does nothing: the active peer decides what is agreed on, and how.
func (*leader) beginLegacy() error { return nil }

func (*leader) subChanges(*exchange, *blip.Request) error {
	return fault.New(fault.Tandem, 501, "an active peer takes no subscriptions")
}

func (*leader) unsubChanges(*exchange) {}
