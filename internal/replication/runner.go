package replication

import (
	"context"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/fault"
)

// Activity is what a [Runner] is doing.
type Activity int

// The activities. The usual ways are
//
//	Connecting → Busy → Stopped                        one-shot
//	Connecting → Busy ⇄ Idle                           continuous
//	Connecting → Offline → Connecting → …              while the peer cannot be reached
const (
	Stopped    Activity = iota
	Offline             // waiting for the next attempt
	Connecting          // dialing, and agreeing on checkpoints
	Idle                // everything is pushed, pulled and resolved; waiting for changes
	Busy                // replicating
)

// String names the activity.
func (a Activity) String() string {
	switch a {
	case Stopped:
		return "stopped"
	case Offline:
		return "offline"
	case Connecting:
		return "connecting"
	case Idle:
		return "idle"
	case Busy:
		return "busy"
	default:
		return "unknown"
	}
}

// Status is a snapshot of a [Runner].
type Status struct {
	Activity  Activity
	Progress  Progress  // over all connections of the run
	Err       error     // what went wrong last; nil once it is mended
	Attempt   int       // connection attempts in a row, beginning with the last that succeeded
	NextRetry time.Time // when Offline: when the next attempt is due; else zero
}

// Retry says how a [Runner] deals with errors that may pass. The zero value is the default.
type Retry struct {
	// MaxAttempts is how often to try to connect in a row, the first time included. Zero
	// means 10 for a one-shot run, and no limit for a continuous one.
	MaxAttempts int

	// MaxWait caps the time between attempts: 2, 4, 8 … seconds. Zero means 300 s.
	MaxWait time.Duration

	// StrictClose ends a continuous run when the peer says goodbye, or hangs up before it
	// answers, as Couchbase Lite does. By default it comes back.
	StrictClose bool
}

// Dialer opens the connection of one attempt and names the protocol agreed upon.
type Dialer func(ctx context.Context) (pipe blip.Pipe, protocol string, err error)

// Runner keeps an active session going: it dials, holds the session, and after an error
// that may pass tries again. Its methods may be called from any goroutine.
type Runner struct {
	cfg     Active
	retry   Retry
	dial    Dialer
	changed func()
	now     chan struct{} // capacity 1: retry at once
	met     bool          // the run has reached the peer before

	mu      sync.Mutex // guards the following
	status  Status
	steps   []Status // of the run, not taken yet
	past    Progress // of the sessions that have ended
	session *Session // the one that runs, or nil
}

// NewRunner returns a runner that does nothing before [Runner.Run]. changed, unless nil, is
// told on any goroutine that Status has changed; it must not block.
func NewRunner(cfg Active, dial Dialer, retry Retry, changed func()) *Runner {
	if changed == nil {
		changed = func() {}
	}
	r := &Runner{cfg: cfg, dial: dial, retry: retry, changed: changed, now: make(chan struct{}, 1)}
	r.cfg.Changed = changed
	r.status.Activity = Connecting
	return r
}

// Run replicates until the work of a one-shot run is done, an error comes that no retry
// mends, or ctx ends. Its error is nil in the first and the last case. It may be called once.
func (r *Runner) Run(ctx context.Context) error {
	err := r.loop(ctx)
	r.set(func(s *Status) { *s = Status{Activity: Stopped, Progress: s.Progress, Err: err} })
	return err
}

// Status returns a snapshot.
func (r *Runner) Status() Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.status
	s.Progress = r.past
	if r.session == nil {
		return s
	}
	now := r.session.Progress()
	s.Progress.Add(now)
	s.Activity = Busy
	if !now.Busy && r.cfg.Continuous {
		s.Activity = Idle
	}
	if s.Err == nil {
		s.Err = r.session.Err()
	}
	return s
}

// maxSteps is how many steps are kept for whoever takes them.
const maxSteps = 32

// Steps returns the steps since the last call, oldest first: each time that the runner began
// to connect, to replicate, or to wait. They tell what Status may be too late for; of very
// many the first are forgotten.
func (r *Runner) Steps() []Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	steps := r.steps
	r.steps = nil
	return steps
}

// LookAgain is that of the session that runs, if there is one: see [Session.LookAgain].
func (r *Runner) LookAgain() {
	r.mu.Lock()
	session := r.session
	r.mu.Unlock()
	if session != nil {
		session.LookAgain()
	}
}

func (r *Runner) stepLocked(a Activity) {
	step := r.status
	step.Activity, step.Progress = a, r.past
	if len(r.steps) == maxSteps {
		r.steps = slices.Delete(r.steps, 0, 1)
	}
	r.steps = append(r.steps, step)
}

// RetryNow ends the wait for the next attempt, if there is one: the network is back.
func (r *Runner) RetryNow() {
	select {
	case r.now <- struct{}{}:
	default:
	}
}

func (r *Runner) loop(ctx context.Context) error {
	for attempt := 1; ; attempt++ {
		r.set(func(s *Status) { s.Activity, s.Attempt, s.NextRetry = Connecting, attempt, time.Time{} })
		connected, err := r.attempt(ctx)
		r.cfg.StartedOver = errors.Is(err, ErrStartOver)
		switch {
		case ctx.Err() != nil:
			return nil
		case r.cfg.StartedOver, errors.Is(err, errAskAgain):
			attempt = 0
			continue
		case err == nil && !r.cfg.Continuous:
			return nil
		case err == nil:
			err = fault.ConnectionLost
		}
		if connected {
			attempt = 1 // the first of a new series
		}
		if !r.mayPass(err) || attempt >= r.maxAttempts() {
			return err
		}
		if !r.wait(ctx, attempt, err) {
			return nil
		}
	}
}

// attempt holds one session, after one for what is due. It reports whether the connection did any good.
func (r *Runner) attempt(ctx context.Context) (good bool, err error) {
	select {
	case <-r.now: // asked for before this attempt
	default:
	}
	if err := r.ask(ctx); err != nil {
		return false, err
	}
	return r.converse(ctx, r.cfg)
}

// ask holds a session for what came too early and is due, if anything is. A peer that cannot be asked in this way
// does not hold up the rest.
func (r *Runner) ask(ctx context.Context) error {
	cfg, asked, err := r.cfg.asking(ctx)
	if cfg == nil || err != nil {
		return err
	}
	if _, err := r.converse(ctx, *cfg); err != nil || ctx.Err() != nil {
		if fault.IsTransient(err) || fault.IsNetworkDependent(err) {
			return err
		}
		return nil
	}
	return cfg.forgetAsked(ctx, asked)
}

// converse dials and holds one session. It reports whether the connection did any good.
func (r *Runner) converse(ctx context.Context, cfg Active) (good bool, err error) {
	pipe, protocol, err := r.dial(ctx)
	if err != nil {
		return false, err
	}
	r.met = true
	cfg.Protocol = protocol
	session := NewActive(pipe, cfg)
	r.mu.Lock()
	r.session = session
	r.past.Push.Total, r.past.Pull.Total = r.past.Push.Completed, r.past.Pull.Completed // the rest is counted again
	r.status.Err = nil
	r.stepLocked(Busy)
	r.mu.Unlock()
	r.changed()
	err = session.Run(ctx)
	if session.begun.Load() && !cfg.asks {
		r.cfg.RetryRefused = false
		r.cfg.Reset = false // the checkpoints have heard of it
	}
	progress := session.Progress()
	progress.Busy = false
	r.mu.Lock()
	r.session = nil
	r.past.Add(progress)
	r.mu.Unlock()
	moved := progress.Push.Completed > progress.Push.Failed || progress.Pull.Documents > 0
	stuck := fault.HasCode(err, fault.WebSocket, 503) || isDiskTrouble(err) // neither is over at once
	return r.cfg.Continuous && !stuck || moved, err
}

func (r *Runner) maxAttempts() int {
	switch {
	case r.retry.MaxAttempts > 0:
		return r.retry.MaxAttempts
	case r.cfg.Continuous:
		return math.MaxInt
	}
	return 10
}

// mayPass reports whether it makes sense to try again after err.
func (r *Runner) mayPass(err error) bool {
	switch {
	case fault.IsTransient(err):
		return true
	case hungUp(err): // as a link does that is cut in the middle of a handshake
		return !r.retry.StrictClose && (r.cfg.Continuous || r.met)
	case errors.Is(err, fault.PeerClosed):
		return !r.retry.StrictClose && r.cfg.Continuous
	}
	return r.cfg.Continuous && (fault.IsNetworkDependent(err) || isDiskTrouble(err))
}

// hungUp reports whether the peer hung up before it answered the request to connect.
func hungUp(err error) bool {
	return (fault.HasCode(err, fault.WebSocket, 400) || errors.Is(err, fault.TLSHandshake)) &&
		(errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF))
}

// wait is the time between two attempts; it returns false when ctx has ended.
func (r *Runner) wait(ctx context.Context, failures int, err error) bool {
	delay := r.delay(failures)
	r.set(func(s *Status) {
		s.Activity, s.Err, s.Attempt, s.NextRetry = Offline, err, failures, time.Now().Add(delay)
	})
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
	case <-r.now:
	}
	return true
}

// delay is 2, 4, 8 … seconds up to the cap, and a little more, so that many peers do not
// come back at the same moment.
func (r *Runner) delay(failures int) time.Duration {
	longest := r.retry.MaxWait
	if longest <= 0 {
		longest = 300 * time.Second
	}
	delay := min(time.Second<<min(failures, 30), longest)
	return delay + rand.N(delay/20+1)
}

func (r *Runner) set(change func(*Status)) {
	r.mu.Lock()
	change(&r.status)
	r.status.Progress = r.past
	if r.status.Activity != Stopped {
		r.stepLocked(r.status.Activity)
	}
	r.mu.Unlock()
	r.changed()
}
