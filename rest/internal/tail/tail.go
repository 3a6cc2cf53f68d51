package tail

import (
	"context"
	"errors"
	"iter"
	"sync"
	"time"

	"github.com/tandemdb/tandem"
)

// Source is what a tail reads: a [tandem.Collection].
type Source interface {
	// LastSequence is that of the latest change.
	LastSequence(ctx context.Context) (uint64, error)
	// ChangesSince yields the present changes after a sequence.
	ChangesSince(ctx context.Context, since uint64, o ...tandem.ChangeOptions) iter.Seq2[tandem.Change, error]
	// FollowChanges goes on with those that come.
	FollowChanges(ctx context.Context, since uint64, o ...tandem.ChangeOptions) iter.Seq2[tandem.Change, error]
}

// tail follows one source.
type tail struct {
	source    Source
	documents bool // the events have documents

	mu      sync.Mutex // guards the following
	ring    ring
	readers map[*Reader]struct{}
	err     error // why it has ended; nil while it runs
	woke    time.Time
	waking  *time.Timer // wakes the readers later; nil if they know all
}

// follow reads changes after the ring's floor until ctx ends or the source fails.
func (t *tail) follow(ctx context.Context, document AppendDocument) {
	o := tandem.ChangeOptions{Documents: t.documents}
	err := errEnded
	for change, changeErr := range t.source.FollowChanges(ctx, t.ring.floor, o) {
		if changeErr != nil {
			err = changeErr
			break
		}
		t.add(Encode(change, document))
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	t.end(err)
}

var errEnded = errors.New("the changes have come to an end") // which they do not

func (t *tail) add(e *Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ring.add(e)
	t.wake()
}

// wakePause is the time between two wakes for each reader that there is. A reader's work for an event is
// mostly that of writing to its socket: with many readers, changes that come fast share a write.
const (
	wakePause    = 25 * time.Microsecond
	maxWakePause = 50 * time.Millisecond
)

// wake wakes the readers, now or when a pause since the last time is over.
func (t *tail) wake() {
	if t.waking != nil {
		return
	}
	pause := min(wakePause*time.Duration(len(t.readers)), maxWakePause) - time.Since(t.woke)
	if pause <= 0 {
		t.wakeAll()
		return
	}
	t.waking = time.AfterFunc(pause, func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.waking != nil { // not stopped in the last moment
			t.wakeAll()
		}
	})
}

func (t *tail) wakeAll() {
	t.stopWaking()
	t.woke = time.Now()
	for r := range t.readers {
		select {
		case r.wake <- struct{}{}:
		default: // it will look anyhow
		}
	}
}

func (t *tail) stopWaking() {
	if t.waking != nil {
		t.waking.Stop()
		t.waking = nil
	}
}

func (t *tail) end(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.err = err
	t.wakeAll()
}

func (t *tail) ended() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.err != nil
}

// after appends to dst the events after a sequence. ok is false if they are not in the ring.
func (t *tail) after(dst []*Event, since uint64, limit int) (events []*Event, ok bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err != nil {
		return dst, false, t.err
	}
	events, ok = t.ring.after(dst, since, limit)
	return events, ok, nil
}

func (t *tail) join(r *Reader) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.readers[r] = struct{}{}
}

// leave returns how many readers are left.
func (t *tail) leave(r *Reader) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.readers, r)
	return len(t.readers)
}
