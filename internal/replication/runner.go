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

// Activity is the current activity of a [Runner].
type Activity int

// The activities. The usual sequences are
//
//	Connecting → Busy → Stopped                        one-shot
//	Connecting → Busy ⇄ Idle                           continuous
//	Connecting → Offline → Connecting → …              while the peer is unreachable
const (
	Stopped    Activity = iota
	Offline             // waiting for the next attempt
	Connecting          // dialing, and agreeing on checkpoints
	Idle                // all changes are pushed, pulled and resolved; waiting for more
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
	Err       error     // the latest error; nil after recovery
	Attempt   int       // consecutive connection attempts; 1 for the one that succeeded last
	NextRetry time.Time // when Offline: the time of the next attempt; else zero
}

// Retry configures how a [Runner] handles transient errors. The zero value is the default.
type Retry struct {
	// MaxAttempts bounds consecutive connection attempts, including the first. Zero means 10 for a
	// one-shot run, and no limit for a continuous one.
	MaxAttempts int

	// MaxWait caps the time between attempts, which grows from 2 s by doubling. Zero means 300 s.
	MaxWait time.Duration

	// StrictClose ends a continuous run when the peer says goodbye or hangs up before it answers,
	// as Couchbase Lite does. By default the runner reconnects.
	StrictClose bool
}

// Dialer opens the connection of one attempt and names the protocol agreed upon.
type Dialer func(ctx context.Context) (pipe blip.Pipe, protocol string, err error)

// Runner keeps an active session going: it dials, holds a session, and tries again after a
// transient error. Its methods may be called from any goroutine.
type Runner struct {
	cfg     Active
	retry   Retry
	dial    Dialer
	changed func()
	now     chan struct{} // capacity 1: retry at once
	met     bool          // the run has reached the peer before

	mu      sync.Mutex // guards the following
	status  Status
	steps   []Status // steps not yet returned by Steps
	past    Progress // sum over ended sessions
	session *Session // the current session, or nil
}

// NewRunner returns a runner that starts with [Runner.Run]. changed, unless nil, is called on any
// goroutine when Status has changed. It must not block.
func NewRunner(cfg Active, dial Dialer, retry Retry, changed func()) *Runner {
	if changed == nil {
		changed = func() {}
	}
	r := &Runner{cfg: cfg, dial: dial, retry: retry, changed: changed, now: make(chan struct{}, 1)}
	r.cfg.Changed = changed
	r.status.Activity = Connecting
	return r
}

// Run replicates until a one-shot run has finished, an error occurs that a retry cannot cure, or
// ctx ends. Only the second case returns an error. Run may be called once.
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

// maxSteps bounds the steps kept for Steps.
const maxSteps = 32

// Steps returns the steps since the last call, oldest first: one for each time that the runner
// began to connect, to replicate or to wait. They include states that a caller of Status may miss.
// The runner drops the oldest of more than maxSteps.
func (r *Runner) Steps() []Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	steps := r.steps
	r.steps = nil
	return steps
}

// LookAgain calls [Session.LookAgain] on the current session, if there is one.
func (r *Runner) LookAgain() {
	r.mu.Lock()
	session := r.session
	r.mu.Unlock()
	if session != nil {
		session.LookAgain()
	}
}

// Send is [Session.Send] on the current session. Without one it fails with [fault.NotConnected].
func (r *Runner) Send(m *blip.Message) error {
	r.mu.Lock()
	session := r.session
	r.mu.Unlock()
	if session == nil {
		return fault.NotConnected
	}
	return session.Send(m)
}

func (r *Runner) stepLocked(a Activity) {
	step := r.status
	step.Activity, step.Progress = a, r.past
	if len(r.steps) == maxSteps {
		r.steps = slices.Delete(r.steps, 0, 1)
	}
	r.steps = append(r.steps, step)
}

// RetryNow ends the wait for the next attempt, for instance because the network is back.
func (r *Runner) RetryNow() {
	select {
	case r.now <- struct{}{}:
	default:
	}
}

func (r *Runner) loop(ctx context.Context) error {
	for attempt := 1; ; attempt++ {
		r.set(func(s *Status) { s.Activity, s.Attempt, s.NextRetry = Connecting, attempt, time.Time{} })
		connected, err := r.cfg.duty().do(ctx, r.standBy, r.attempt)
		r.cfg.StartedOver = errors.Is(err, ErrStartOver)
		switch {
		case ctx.Err() != nil:
			return nil
		case r.cfg.StartedOver, errors.Is(err, errAskAgain), errors.Is(err, ErrSpeaksTrees):
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

// standBy says why the runner does nothing for now.
func (r *Runner) standBy(err error) { r.set(func(s *Status) { s.Activity, s.Err = Offline, err }) }

// attempt holds one session, after a session for due revisions if there are any. good means that
// the connection was of use.
func (r *Runner) attempt(ctx context.Context) (good bool, err error) {
	select {
	case <-r.now: // the request preceded this attempt
	default:
	}
	if err := r.ask(ctx); err != nil {
		return false, err
	}
	return r.converse(ctx, r.cfg)
}

// ask holds a session for due revisions, if there are any. If the peer does not support such a
// session, the main one still follows.
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

// converse dials and holds one session. good means that the connection was of use.
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
	r.past.Push.Total, r.past.Pull.Total = r.past.Push.Completed, r.past.Pull.Completed // the next session counts the rest again
	r.status.Err = nil
	r.stepLocked(Busy)
	r.mu.Unlock()
	r.changed()
	err = session.Run(ctx)
	if session.begun.Load() && !cfg.asks {
		r.cfg.RetryRefused = false
		r.cfg.Reset = false // the checkpoints have been reset
	}
	progress := session.Progress()
	progress.Busy = false
	r.mu.Lock()
	r.session = nil
	r.past.Add(progress)
	r.mu.Unlock()
	moved := progress.Push.Completed > progress.Push.Failed || progress.Pull.Documents > 0
	stuck := fault.HasCode(err, fault.WebSocket, 503) || isDiskTrouble(err) // neither condition ends at once
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

// mayPass reports whether a retry makes sense after err.
func (r *Runner) mayPass(err error) bool {
	switch {
	case fault.IsTransient(err):
		return true
	case hungUp(err): // like a link that breaks during the handshake
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

// wait waits between two attempts. It returns false if ctx has ended.
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

// delay returns 2, 4, 8 … seconds up to the cap, plus a random part, so that many peers do not
// reconnect at the same moment.
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
