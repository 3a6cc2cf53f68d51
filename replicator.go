package tandem

import (
	"context"
	"crypto/x509"
	"sync"

	"github.com/tandemdb/tandem/internal/transport"
)

// Replicator is an active peer: it connects to another database and carries changes to it
// and from it. Its methods may be called from any goroutine, also
// from its listeners unless they say otherwise.
type Replicator struct {
	cfg ReplicatorConfiguration
	db  *Database

	statusListeners   listeners[ReplicatorStatus]
	documentListeners listeners[DocumentReplication]
	local             sync.WaitGroup // sessions of a [DatabaseEndpoint]

	mu         sync.Mutex // guards the following
	run        *replicatorRun
	restart    *startOptions // a start that waits for the end of run
	last       ReplicatorStatus
	lastFailed error          // of the last run: what did not arrive
	seen       transport.Seen // of the last connection
	cookies    *transport.Cookies
}

type startOptions struct{ reset bool }

// NewReplicator returns a replicator that is not started. It keeps a copy of cfg. It fails with the
// error of [ReplicatorConfiguration.Validate].
func NewReplicator(cfg ReplicatorConfiguration) (*Replicator, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Replicator{cfg: cfg.clone(), db: cfg.Collections[0].Collection.Database()}, nil
}

// Config returns a copy of the configuration.
func (r *Replicator) Config() ReplicatorConfiguration { return r.cfg.clone() }

// Start begins to replicate. On a running replicator it does nothing; a stopping replicator
// starts again as soon as it has stopped. It fails with [ErrNotOpen] when the database is
// closed; the status has all other errors.
func (r *Replicator) Start() error { return r.start(startOptions{}) }

// StartWithReset is [Replicator.Start] without the checkpoint: it compares every document again,
// and sends only documents that differ.
func (r *Replicator) StartWithReset() error { return r.start(startOptions{reset: true}) }

func (r *Replicator) start(o startOptions) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.run == nil {
		return r.startLocked(o)
	}
	if r.run.ending() {
		r.restart = &o
	}
	return nil
}

func (r *Replicator) startLocked(o startOptions) error {
	if err := r.db.registerSync(r); err != nil {
		r.last = ReplicatorStatus{Activity: Stopped, Err: err}
		return err
	}
	r.run = newReplicatorRun(r, o)
	r.run.begin()
	return nil
}

// Stop ends replication and returns at once: the status becomes [Stopped] when unfinished work
// is safe. On a stopped replicator it does nothing.
func (r *Replicator) Stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.restart = nil
	if r.run != nil {
		r.run.cancel()
	}
}

// Close stops the replicator, and waits until it has stopped and its listeners have returned. A
// listener, filter or resolver of the replicator must not call it, since Close waits for them. The
// replicator can be started again.
func (r *Replicator) Close() {
	r.Stop()
	r.mu.Lock()
	run := r.run
	r.mu.Unlock()
	if run != nil {
		<-run.done
	}
}

// Wait waits until the replicator is stopped, or idle if it is continuous, and returns the
// status's error. The error is a [*DocumentsError] if a one-shot run ended but some documents
// did not arrive. Documents saved before the call have then been pushed or refused. When ctx
// ends first, Wait returns ctx's error. Without a deadline it waits for an unreachable peer for
// as long as the replicator tries.
func (r *Replicator) Wait(ctx context.Context) error {
	if err := r.db.mayWait("wait for replicator"); err != nil {
		return err
	}
	changed := make(chan struct{}, 1)
	token := r.statusListeners.add(func(ReplicatorStatus) {
		select {
		case changed <- struct{}{}:
		default:
		}
	})
	defer token.Remove()
	r.lookAgain()
	for {
		switch status := r.Status(); status.Activity {
		case Stopped, Idle:
			if status.Err == nil {
				return r.failedDocuments()
			}
			return status.Err
		case Offline, Connecting, Busy:
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		}
	}
}

// failedDocuments is the error for what did not arrive in the present or the last run.
func (r *Replicator) failedDocuments() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.run != nil {
		return r.run.failed.err()
	}
	return r.lastFailed
}

// lookAgain has a continuous replicator look for what was saved just now.
func (r *Replicator) lookAgain() {
	r.mu.Lock()
	run := r.run
	r.mu.Unlock()
	if run != nil && r.cfg.Continuous {
		run.runner.LookAgain()
		run.notify() // so that Wait hears of the end of it
	}
}

// RetryNow ends the pause before the next attempt to connect. Call it when the network or the
// peer is known to be back.
func (r *Replicator) RetryNow() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.run != nil {
		r.run.runner.RetryNow()
	}
}

// Status returns a snapshot of what the replicator is doing. Before the first start, Activity is
// [Stopped], and all other fields are zero.
func (r *Replicator) Status() ReplicatorStatus {
	r.mu.Lock()
	defer r.mu.Unlock()
	status := r.last
	if r.run != nil {
		status = r.run.status()
	}
	if status.Activity == Stopped && r.restart != nil {
		return ReplicatorStatus{Activity: Connecting}
	}
	return status
}

// AddChangeListener has fn called with the status on each change of activity, and at most
// five times a second as work goes on; the last call says [Stopped]. fn is called on a
// goroutine of the replicator, one call at a time, and may start or stop it.
func (r *Replicator) AddChangeListener(fn func(ReplicatorStatus)) *ListenerToken {
	return r.statusListeners.add(fn)
}

// AddDocumentReplicationListener has fn called with the outcome for each document, in batches.
// fn is called on a goroutine of the replicator, one call at a time; a slow fn slows replication
// down.
func (r *Replicator) AddDocumentReplicationListener(fn func(DocumentReplication)) *ListenerToken {
	return r.documentListeners.add(fn)
}

// ServerCertificate returns the certificate that the peer showed in the last attempt to connect,
// even a refused one; nil without TLS.
func (r *Replicator) ServerCertificate() *x509.Certificate {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.seen.Certificates) == 0 {
		return nil
	}
	return r.seen.Certificates[0]
}

// CorrelationID returns the name that the peer's log has for the last connection, "" if the peer
// did not tell.
func (r *Replicator) CorrelationID() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.seen.CorrelationID
}

// stop is what the database calls when it closes.
func (r *Replicator) stop() { r.Close() }

// ended is called by a run that is over, when the listeners have heard of it. It starts what was
// asked for meanwhile.
func (r *Replicator) ended(status ReplicatorStatus) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last, r.lastFailed = status, r.run.failed.err()
	r.run = nil
	r.db.unregister(r)
	if o := r.restart; o != nil {
		r.restart = nil
		_ = r.startLocked(*o) // the error is in the status
	}
}
