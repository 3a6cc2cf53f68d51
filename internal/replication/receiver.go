package replication

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/store"
)

// Bounds of received data that is not stored yet.
const (
	blobWaitBytes   = 64 << 20 // bodies of revisions that wait for blobs
	commitRevs      = 1_000    // revisions in one transaction
	commitBytes     = 4 << 20
	arrivedRevs     = 64
	stagedRevs      = 500
	blobsPerSession = 8 // revisions fetching blobs at once
)

// receiver takes revisions from message to disk, in two stages that run concurrently: prepare reads
// and checks revisions, commit stores all ready ones in one transaction and then answers them.
// Revisions that lack blobs wait aside.
//
// The stages are bounded. When they are full, the receiver stops reading the connection until it
// has stored some revisions. The stages do not need the connection, so they always drain.
type receiver struct {
	s        *engine
	blobs    *blobFetcher
	begin    sync.Once
	arrivals chan *arrival
	staged   chan *arrival
	space    *semaphore.Weighted // of arrivedBytes
	inWork   atomic.Int64

	fetching  *semaphore.Weighted // of blobsPerSession
	waiting   atomic.Int64        // revisions that wait for blobs
	waitBytes atomic.Int64
	onRoom    []func() // called when fewer wait; set before the first revision
}

func newReceiver(s *engine) *receiver {
	return &receiver{
		s:        s,
		blobs:    newBlobFetcher(s),
		space:    semaphore.NewWeighted(arrivedBytes),
		fetching: semaphore.NewWeighted(blobsPerSession),
	}
}

// start makes the queues and starts the stages with the first revision, because many peers never send one.
func (r *receiver) start() {
	r.arrivals = make(chan *arrival, arrivedRevs)
	r.staged = make(chan *arrival, stagedRevs)
	r.s.spawn(r.prepare)
	r.s.spawn(r.commit)
}

func (r *receiver) busy() bool { return r.inWork.Load() > 0 }

// isFull reports whether too many revisions wait for blobs to ask for more.
func (r *receiver) isFull() bool { return r.waiting.Load() >= revsFetchingBlobs }

// whenRoom registers a function to call when isFull may have become false.
func (r *receiver) whenRoom(tell func()) { r.onRoom = append(r.onRoom, tell) }

// take hands a received revision to the first stage.
func (r *receiver) take(in *intake, req *blip.Request) error {
	if err := in.side.mayDeliver(); err != nil {
		return err
	}
	a := newArrival(in, req)
	if err := r.space.Acquire(r.s.work, a.weight); err != nil {
		return err
	}
	r.begin.Do(r.start)
	r.inWork.Add(1)
	pass(r.s.work, r.arrivals, a)
	return nil
}

// prepare reads and checks revisions, and passes the valid ones on.
func (r *receiver) prepare(ctx context.Context) error {
	for a := next(ctx, r.arrivals); a != nil; a = next(ctx, r.arrivals) {
		switch a.err = a.read(ctx, r.blobs); {
		case a.err == nil && len(a.missing) > 0:
			r.fetchBlobs(a)
		default:
			pass(ctx, r.staged, a)
		}
	}
	return nil
}

// pass passes a on, unless ctx ends first. It seldom has to wait, and a choice between two channels
// costs more than a look at one.
func pass(ctx context.Context, to chan<- *arrival, a *arrival) {
	select {
	case to <- a:
		return
	default:
	}
	select {
	case to <- a:
	case <-ctx.Done():
	}
}

// next returns the next arrival, or nil when ctx has ended.
func next(ctx context.Context, from <-chan *arrival) *arrival {
	select {
	case a := <-from:
		return a
	default:
	}
	select {
	case a := <-from:
		return a
	case <-ctx.Done():
		return nil
	}
}

// fetchBlobs sets a revision aside until its blobs arrive. A peer that exceeds the space for
// waiting revisions is told to come back later.
func (r *receiver) fetchBlobs(a *arrival) {
	waiting, bytes := r.waiting.Add(1), r.waitBytes.Add(a.weight)
	if bytes > blobWaitBytes && waiting > 1 {
		a.err = fault.New(fault.WebSocket, 503, "too many revisions wait for their blobs")
	}
	r.space.Release(a.weight) // a revision that waits for the connection must not block the stages
	weight := a.weight
	a.weight = 0
	r.s.spawn(func(ctx context.Context) error {
		if a.err == nil {
			a.err = r.fetchAll(ctx, a)
		}
		r.waiting.Add(-1)
		r.waitBytes.Add(-weight)
		for _, tell := range r.onRoom {
			tell()
		}
		pass(ctx, r.staged, a)
		return nil
	})
}

func (r *receiver) fetchAll(ctx context.Context, a *arrival) error {
	if err := r.fetching.Acquire(ctx, 1); err != nil {
		return err
	}
	defer r.fetching.Release(1)
	for _, blob := range a.missing {
		err := r.blobs.fetch(ctx, a.c, a.store.ID, blob)
		switch {
		case err == nil:
		case errors.Is(err, errAbsent):
			// The peer lacks the blob too. A document without its blob is better than none: store
			// it. A later revision may bring the content.
			r.s.log.Info("the peer lacks a blob", "document", a.store.ID, "digest", blob.Digest)
			a.store.AllowAbsentBlobs = true
		default:
			return err
		}
	}
	return nil
}

// commit stores the ready revisions, all of them at a time.
func (r *receiver) commit(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case first := <-r.staged:
			batch := r.gather(first)
			r.storeAll(ctx, batch)
			r.finishAll(ctx, batch)
		}
	}
}

func (r *receiver) gather(first *arrival) []*arrival {
	batch := []*arrival{first}
	size := len(first.store.Body)
	for len(batch) < commitRevs && size < commitBytes {
		select {
		case a := <-r.staged:
			batch = append(batch, a)
			size += len(a.store.Body)
		default:
			return batch
		}
	}
	return batch
}

// storeAll stores a batch in one transaction. A refused revision does not affect the others; a
// failed transaction fails all of them.
func (r *receiver) storeAll(ctx context.Context, batch []*arrival) {
	before := make([]error, len(batch))
	for i, a := range batch {
		before[i] = a.err
	}
	err := r.s.db.Update(ctx, func(tx *store.Tx) error {
		if err := expectAll(tx, batch); err != nil {
			return err
		}
		for i, a := range batch {
			a.err, a.due, a.awaited = before[i], time.Time{}, false // the function may run again
			switch {
			case a.err != nil || a.removed:
			case a.want != nil && a.want.lost.Load():
				a.outcome = store.AlreadyKnown // and purged
			default:
				a.err = a.receive(tx)
			}
		}
		return nil
	})
	if err == nil {
		return
	}
	for _, a := range batch {
		if a.err == nil {
			a.err = err
		}
	}
}

// expectAll says which documents of the same collection a batch has.
func expectAll(tx *store.Tx, batch []*arrival) error {
	for rest := batch; len(rest) > 0; {
		n := 1
		for n < len(rest) && rest[n].c == rest[0].c {
			n++
		}
		if err := tx.Expect(rest[0].c.store(), func(yield func(string) bool) {
			for _, a := range rest[:n] {
				if !yield(a.store.ID) {
					return
				}
			}
		}); err != nil {
			return err
		}
		rest = rest[n:]
	}
	return nil
}

// finishAll answers the peer and reports the outcomes of a batch.
func (r *receiver) finishAll(ctx context.Context, batch []*arrival) {
	for rest := batch; len(rest) > 0; {
		n := 1
		for n < len(rest) && rest[n].intake == rest[0].intake {
			n++
		}
		finish(ctx, rest[0].intake, rest[:n])
		rest = rest[n:]
	}
	weight := int64(0)
	for _, a := range batch {
		weight += a.weight
	}
	r.space.Release(weight)
	r.inWork.Add(-int64(len(batch)))
	r.s.stateChanged()
}

// finish is finishAll for revisions of one collection.
func finish(ctx context.Context, in *intake, batch []*arrival) {
	events := make([]DocumentEvent, 0, len(batch))
	wants := make([]*want, 0, len(batch))
	stored := batch[:0:0]
	for _, a := range batch {
		var ok bool
		if ok, events = a.tellOthers(ctx, events); ok {
			stored, wants = append(stored, a), append(wants, a.want)
		}
	}
	in.c.report(events...)
	for _, a := range batch {
		in.c.s.claims.release(in.c.store().FullName(), a.store.ID)
		in.parents.left(a.store.ID)
	}
	for _, a := range stored {
		a.req.Reply(nil)
	}
	if len(wants) > 0 {
		in.wanted.done(wants...)
	}
}
