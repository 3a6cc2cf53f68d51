package tandem

import (
	"context"
	"time"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/replication"
)

// notifyInterval is the shortest time between two progress reports to listeners.
const notifyInterval = 200 * time.Millisecond

// replicatorRun is one life of a replicator, from a start to the stop that follows.
type replicatorRun struct {
	r      *Replicator
	runner *replication.Runner
	ctx    context.Context //nolint:containedctx // the extent of the run
	cancel context.CancelFunc

	changed   chan struct{} // capacity 1
	documents chan DocumentReplication
	done      chan struct{} // closed at the very end

	failed failedDocuments  // of a one-shot run
	said   ReplicatorStatus // the last that listeners were told; of the goroutine of tell
	saidAt time.Time
}

func newReplicatorRun(r *Replicator, o startOptions) *replicatorRun {
	run := &replicatorRun{
		r: r, changed: make(chan struct{}, 1), documents: make(chan DocumentReplication, 64), done: make(chan struct{}),
	}
	run.ctx, run.cancel = context.WithCancel(context.Background())
	known := replication.NewAcquaintance(r.db.store, r.cfg.Endpoint.String())
	run.runner = replication.NewRunner(replication.Active{
		Common: replication.Common{
			DB:        r.db.store,
			Deltas:    !r.cfg.DisableDeltaSync && !r.db.noDeltas,
			Documents: run.documentsReplicated,
			Log:       r.cfg.Logger,
		},
		Collections: r.collectionOptions(),
		Continuous:  r.cfg.Continuous,
		Remote:      r.cfg.Endpoint.String(),

		Acquaintance: known,
		Reset:        o.reset,
		KeepLost:     r.cfg.DisableAutoPurge,

		RetryRefused: r.cfg.RetryRefused,
	}, func(ctx context.Context) (blip.Pipe, string, error) {
		return r.cfg.Endpoint.dial(ctx, r, known)
	}, replication.Retry{
		MaxAttempts: r.cfg.MaxAttempts,
		MaxWait:     r.cfg.MaxAttemptWaitTime,
		StrictClose: r.cfg.StopWhenPeerCloses,
	}, run.notify)
	return run
}

func (run *replicatorRun) begin() {
	replicated := make(chan struct{})
	told := make(chan struct{})
	go func() {
		defer close(replicated)
		_ = run.runner.Run(run.ctx) // the error is in the status
		run.r.local.Wait()
		close(run.documents)
	}()
	go func() {
		defer close(told)
		for batch := range run.documents {
			run.r.documentListeners.call(batch)
		}
	}()
	go run.tell(replicated, told)
}

// tell tells the listeners of changes, and winds up the run when it is over.
func (run *replicatorRun) tell(replicated, told <-chan struct{}) {
	defer close(run.done)
	pause := time.NewTimer(notifyInterval)
	defer pause.Stop()
	for over := false; !over; {
		run.sayNews(pause)
		select {
		case <-run.changed:
		case <-pause.C:
		case <-replicated:
			over = true
		}
	}
	<-told
	run.cancel()
	run.saySteps()
	status := run.status()
	run.say(status)
	run.r.ended(status)
}

// sayNews reports changes, or asks pause to do so later: listeners get every activity, and progress
// now and then.
func (run *replicatorRun) sayNews(pause *time.Timer) {
	run.saySteps()
	status := run.status()
	wait := notifyInterval - time.Since(run.saidAt)
	switch {
	case status.Activity == Stopped || status.same(run.said):
	case status.Activity != run.said.Activity || wait <= 0:
		run.say(status)
	default:
		pause.Reset(wait)
	}
}

// saySteps reports activities that may have ended already.
func (run *replicatorRun) saySteps() {
	for _, step := range run.runner.Steps() {
		if ActivityLevel(step.Activity) != run.said.Activity {
			run.say(publicStatus(step))
		}
	}
}

func (run *replicatorRun) say(status ReplicatorStatus) {
	run.said, run.saidAt = status, time.Now()
	run.r.statusListeners.call(status)
}

func (run *replicatorRun) notify() {
	select {
	case run.changed <- struct{}{}:
	default:
	}
}

func (run *replicatorRun) stopping() bool { return run.ctx.Err() != nil }

// ending reports whether the run is over, or was asked to end.
func (run *replicatorRun) ending() bool {
	return run.stopping() || run.runner.Status().Activity == replication.Stopped
}

func (run *replicatorRun) status() ReplicatorStatus {
	status := publicStatus(run.runner.Status())
	if status.Activity == Idle && run.stopping() {
		status.Activity = Busy // with the end
	}
	return status
}

// documentsReplicated passes events on to the listeners, waiting for slow ones.
func (run *replicatorRun) documentsReplicated(events []replication.DocumentEvent) {
	if !run.r.cfg.Continuous {
		run.failed.note(events)
	}
	if run.r.documentListeners.none() {
		return
	}
	for _, batch := range publicEvents(events) {
		run.documents <- batch
	}
}

// collectionOptions translates the configuration.
func (r *Replicator) collectionOptions() []replication.CollectionOptions {
	options := make([]replication.CollectionOptions, len(r.cfg.Collections))
	for i, c := range r.cfg.Collections {
		o := replication.CollectionOptions{
			Collection: c.Collection.coll,
			Push:       r.cfg.pushes(),
			Pull:       r.cfg.pulls(),
			Channels:   c.Channels,
			PushFilter: c.Collection.filter(c.PushFilter),
			PullFilter: c.Collection.filter(c.PullFilter),
			Resolver:   c.Collection.resolver(c.ConflictResolver, r.cfg.Logger),
		}
		if len(c.DocumentIDs) > 0 {
			o.DocIDs = c.DocumentIDs
		}
		options[i] = o
	}
	return options
}
