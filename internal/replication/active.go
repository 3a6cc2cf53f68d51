package replication

import (
	"context"
	"errors"
	"time"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/replication/wire"
)

// leader is the role of the active peer. It agrees with the peer on collections and checkpoints,
// starts both directions, and chooses the next step whenever both directions are at rest.
type leader struct {
	s   *Session
	cfg *Active
}

// NewActive returns the session of the peer that opened the connection.
func NewActive(pipe blip.Pipe, cfg Active) *Session {
	s := newSession(pipe, cfg.Common, wire.CloseNormal)
	s.role = &leader{s: s, cfg: &cfg}
	return s
}

// lead runs the active role. done means that a one-shot session has finished its work.
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

// rest is the state that lead saw when both directions were last at rest.
type rest struct {
	arrived      uint64 // revisions written by the pull and the resolver
	mayStartOver bool   // the pull has not yet started over for held documents
}

// goOn chooses the next step of a session at rest: push new changes, start over, end a one-shot
// session (done), or let a continuous session wait.
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

// pushArrived extends the push over the revisions that the pull and the resolver have written since
// the last rest. The push sends resolved revisions and inspects pulled ones, so that the checkpoint
// can cover them. more reports whether the push has new work.
func (l *leader) pushArrived(ctx context.Context, last *rest) (more bool, err error) {
	now := l.arrived()
	if now == last.arrived {
		return false, nil
	}
	last.arrived = now
	return l.pushFurther(ctx)
}

// ErrStartOver ends a session that another session must follow at once. The peer refused a document
// because of a revision that lies before our checkpoint and that we have purged. The next session
// pulls from the beginning.
var ErrStartOver = errors.New("the pull has to start over")

// holdPatience is how long a continuous session waits for the revision over which the peer refused
// ours: the peer's feed may lag behind. A one-shot pull needs no wait, because its end shows
// whether the revision came.
const holdPatience = 2 * time.Second

// holding reports whether a push waits for revisions that the pull has not brought, and whether
// starting over for them is pointless. While it is too early to tell, holding schedules a later
// wake-up of the session.
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

// giveUpWaiting stops documents from waiting for a pull that has brought everything, and reports
// whether the push has new work.
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

// arrived counts the revisions that the pull and the resolver have written.
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

func (l *leader) saveCheckpoints(ctx context.Context) {
	for _, x := range l.s.all() {
		l.s.saved(x.check.id, x.check.save(ctx))
	}
}

// saveInTime calls saveCheckpoints with the time limit farewell, for a session that somebody else
// ends.
func (l *leader) saveInTime(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, farewell)
	defer cancel()
	l.saveCheckpoints(ctx)
}

// goodbye saves the checkpoints and leaves the close code to the session.
func (l *leader) goodbye(context.Context) (code int, reason string) {
	l.saveInTime(l.s.work)
	return wire.CloseNormal, ""
}

func (*leader) getCollections(*blip.Request) error {
	return fault.New(fault.BLIP, 404, "the active peer has no collections to offer")
}

// beginLegacy does nothing: the active peer chooses the form of the conversation in meet.
func (*leader) beginLegacy() error { return nil }

func (*leader) subChanges(*exchange, *blip.Request) error {
	return fault.New(fault.Tandem, 501, "an active peer takes no subscriptions")
}

func (*leader) unsubChanges(*exchange) {}
