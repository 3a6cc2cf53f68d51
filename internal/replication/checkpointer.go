package replication

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/replication/wire"
	"github.com/tandemdb/tandem/internal/store"
)

// saveInterval is how long a checkpoint may be unsaved while work goes on.
const saveInterval = 5 * time.Second

// checkpointer keeps the checkpoint of one collection on the active side: what is done, in
// memory, and the copies of it at the peer and in the database, in this order.
type checkpointer struct {
	c  *collection
	id string

	saving chan struct{} // capacity 1, filled through a save: one at a time
	rev    string        // the peer's revision of its copy; "" if it has none; guarded by saving

	mu        sync.Mutex // guards the following
	local     localSequences
	remote    remoteSequences
	position  checkpoint // as last saved
	forgotten bool       // the remote part is not to be saved any more
	dirty     bool
	urgent    bool

	wake chan struct{} // capacity 1
}

func newCheckpointer(c *collection, id string) *checkpointer {
	return &checkpointer{c: c, id: id, wake: make(chan struct{}, 1), saving: make(chan struct{}, 1)}
}

// begin sets the starting point: what both copies agree on.
func (k *checkpointer) begin(ctx context.Context, theirs []byte, rev string, reset bool) error {
	k.rev = rev
	var ours []byte
	err := k.c.s.db.View(ctx, func(tx *store.Tx) (err error) {
		ours, err = tx.LocalCheckpoint(k.id)
		return err
	})
	if err != nil && !errors.Is(err, fault.NotFound) {
		return err
	}
	if reset && ours != nil { // not before the next save alone: the session may break off
		err := k.c.s.db.Update(ctx, func(tx *store.Tx) error { return tx.SetLocalCheckpoint(k.id, []byte("{}")) })
		if err != nil {
			return err
		}
	}
	if reset || ours == nil || theirs == nil {
		return nil
	}
	local, _, err := parseCheckpoint(ours)
	if err != nil {
		return nil //nolint:nilerr // a copy that cannot be read is none: start from the beginning
	}
	remote, _, err := parseCheckpoint(theirs)
	if err != nil {
		return nil //nolint:nilerr // the same
	}
	start := agree(local, remote)
	k.position = start
	k.local.done = start.done
	if len(start.done) > 0 && start.done[0].first == 0 {
		k.local.look(start.done[0].end - 1)
	}
	k.remote.last = start.remote
	return nil
}

// start returns where to go on: after which local sequence, and the peer's as JSON text.
func (k *checkpointer) start() (local store.Sequence, remote string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return store.Sequence(k.local.seen), k.remote.last
}

// addLocal enters a sequence that the peer is going to be offered.
func (k *checkpointer) addLocal(seq store.Sequence) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.local.add(uint64(seq))
}

// finished reports whether an earlier session has dealt with seq.
func (k *checkpointer) finished(seq store.Sequence) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.local.finished(uint64(seq))
}

// arrived says that the peer has what seq stands for; it is complete when that is noted.
func (k *checkpointer) arrived(seq store.Sequence) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.local.arrive(uint64(seq))
}

// isNew reports whether the peer has got what seq stands for in this session, and not before.
func (k *checkpointer) isNew(seq store.Sequence) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.local.isNew(uint64(seq))
}

// lookedAt says that each sequence up to seq was entered, or is not for the peer.
func (k *checkpointer) lookedAt(seq store.Sequence) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if uint64(seq) > k.local.seen {
		k.local.look(uint64(seq))
		k.changedLocked()
	}
}

// completeLocal says that sequences are done.
func (k *checkpointer) completeLocal(seqs ...store.Sequence) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, seq := range seqs {
		if k.local.complete(uint64(seq)) {
			k.changedLocked()
		}
	}
}

// addRemote enters sequences of the peer, in the order in which they came.
func (k *checkpointer) addRemote(texts []string) []*remoteSequence {
	k.mu.Lock()
	defer k.mu.Unlock()
	seqs := make([]*remoteSequence, len(texts))
	for i, text := range texts {
		seqs[i] = k.remote.add(text)
	}
	return seqs
}

// completeRemote says that what the peer's sequences stand for is stored, or never will be.
func (k *checkpointer) completeRemote(seqs ...*remoteSequence) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, seq := range seqs {
		if seq != nil && k.remote.complete(seq) {
			k.changedLocked()
		}
	}
}

// leaveRemote says that what the peer's sequence stands for is left for the next session.
func (k *checkpointer) leaveRemote(seq *remoteSequence) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.remote.leave(seq)
}

func (k *checkpointer) changedLocked() {
	k.dirty = true
	k.poke()
}

// openRemote returns how many of the peer's sequences come after one that is not done.
func (k *checkpointer) openRemote() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.remote.pending()
}

// forgetRemote makes the next session pull from the beginning.
func (k *checkpointer) forgetRemote() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.remote.last = ""
	k.forgotten = true
	k.dirty = true
}

// saveNow asks for a save without waiting for the interval, if there is something to save.
func (k *checkpointer) saveNow() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.dirty {
		k.urgent = true
		k.poke()
	}
}

func (k *checkpointer) poke() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// run saves the checkpoint a while after it has changed, or at once when asked, until ctx
// ends. After a save that failed it waits, longer each time.
func (k *checkpointer) run(ctx context.Context) error {
	var due <-chan time.Time
	pause := time.Duration(0)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-due:
		case <-k.wake:
			if pause > 0 || !k.isUrgent() {
				if due == nil {
					due = time.After(max(saveInterval, pause))
				}
				continue
			}
		}
		due = nil
		err := k.save(ctx)
		k.c.s.saved(k, err)
		if err != nil {
			pause = min(max(2*pause, saveInterval), time.Minute)
			due = time.After(pause)
			continue
		}
		pause = 0
		k.c.s.stateChanged()
	}
}

func (k *checkpointer) isUrgent() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.urgent
}

// save writes the peer's copy and then ours, which must never be ahead of it. What could
// not be saved is tried again with the next change.
func (k *checkpointer) save(ctx context.Context) (err error) {
	select {
	case k.saving <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-k.saving }()
	position, dirty := k.take()
	if !dirty {
		return nil
	}
	defer func() {
		if err != nil {
			k.mu.Lock()
			k.dirty = true
			k.mu.Unlock()
		}
	}()
	body := position.encode(time.Now())
	if err := k.saveRemotely(ctx, body); err != nil {
		return err
	}
	err = k.c.s.db.UpdateDurable(ctx, func(tx *store.Tx) error {
		return tx.SetLocalCheckpoint(k.id, body)
	})
	if err != nil {
		return err
	}
	k.mu.Lock()
	k.position = position
	k.mu.Unlock()
	return nil
}

// take returns the position to save, and claims it.
func (k *checkpointer) take() (position checkpoint, dirty bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	dirty, k.dirty, k.urgent = k.dirty, false, false
	position = checkpoint{done: k.local.spans(), remote: k.remote.last}
	if k.forgotten {
		position.remote = ""
	}
	if dirty && position.equal(k.position) {
		dirty = false
	}
	return position, dirty
}

// saveRemotely writes the peer's copy. A refusal because of another revision is answered by
// reading it again: whatever another run has written there, ours is the truth now.
func (k *checkpointer) saveRemotely(ctx context.Context, body []byte) error {
	for range maxCheckpointRetries {
		m := k.c.message(wire.ProfileSetCheckpoint)
		m.Properties.Add(wire.PropClient, k.id)
		m.Properties.Add(wire.PropRev, k.rev)
		m.Body = body
		reply, err := k.c.s.call(ctx, m)
		if err == nil {
			k.rev = reply.Properties.Value(wire.PropRev)
			return nil
		}
		err = wire.FromPeer(err)
		switch {
		case isConflict(err):
			if err := k.reread(ctx); err != nil {
				return err
			}
		case fault.HasCode(err, fault.WebSocket, 404) && k.rev != "": // Sync Gateway has lost it
			k.rev = ""
		default:
			return fmt.Errorf("save checkpoint at the peer: %w", err)
		}
	}
	return fault.RemoteConflict.In("save checkpoint", "at the peer").
		Says("the peer refused it %d times in a row", maxCheckpointRetries)
}

func (k *checkpointer) reread(ctx context.Context) error {
	_, rev, err := k.fetch(ctx)
	if err != nil {
		return err
	}
	k.rev = rev
	return nil
}

// fetch reads the peer's copy; all is empty if it has none.
func (k *checkpointer) fetch(ctx context.Context) (body []byte, rev string, err error) {
	m := k.c.message(wire.ProfileGetCheckpoint)
	m.Properties.Add(wire.PropClient, k.id)
	reply, err := k.c.s.call(ctx, m)
	if err != nil {
		var refusal *blip.Error
		if errors.As(err, &refusal) && refusal.Code == 404 && refusal.Domain == string(fault.HTTP) {
			return nil, "", nil
		}
		return nil, "", fmt.Errorf("read checkpoint at the peer: %w", wire.FromPeer(err))
	}
	return reply.Body, reply.Properties.Value(wire.PropRev), nil
}
