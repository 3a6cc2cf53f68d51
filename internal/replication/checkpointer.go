package replication

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/replication/checkpoint"
	"github.com/tandemdb/tandem/internal/replication/wire"
	"github.com/tandemdb/tandem/internal/store"
)

// saveInterval is how long a busy session may leave its checkpoint unsaved.
const saveInterval = 5 * time.Second

// checkpointer saves the ledger of one collection as a checkpoint: first the peer's copy, then the
// database's.
type checkpointer struct {
	*account
	c   *collection
	id  string
	ids []string // id, and then those of before the database was copied; see [checkpointIDs]

	unsaved      bool // no checkpoint exists to resume from
	retryRefused bool // see [Active]

	saving chan struct{}       // capacity 1; holding the slot serializes saves
	rev    string              // the peer's revision of its copy; "" if it has none; guarded by saving
	saved  checkpoint.Position // as last saved; guarded by saving
}

func newCheckpointer(c *collection, ids []string, a *account) *checkpointer {
	return &checkpointer{account: a, c: c, id: ids[0], ids: ids, saving: make(chan struct{}, 1)}
}

// begin sets the starting point: the position on which both copies agree. A database that was copied, and has no copy of
// its own yet, goes on from the checkpoint that it had before, and saves that under its own ID.
func (k *checkpointer) begin(ctx context.Context, theirs []byte, rev string, reset bool) error {
	k.rev = rev
	id, ours, err := k.readLocal(ctx)
	if err != nil {
		return err
	}
	if reset && ours != nil { // remove our copy now, since the session may break off before its first save
		err := k.c.s.db.Update(ctx, func(tx *store.Tx) error { return tx.SetLocalCheckpoint(k.id, []byte("{}")) })
		if err != nil {
			return err
		}
	}
	if reset || ours == nil {
		return nil
	}
	if id != k.id {
		if theirs, _, err = k.fetch(ctx, id); err != nil {
			return err
		}
		defer k.putBack()
	}
	start := agreed(ours, theirs)
	if id == k.id {
		k.saved = start
	}
	if k.retryRefused {
		refused, err := k.c.refusals.sequences(ctx)
		if err != nil {
			return err
		}
		start = start.Without(refused)
	}
	k.goOnFrom(start)
	return nil
}

// readLocal reads our copy, nil if there is none, and the ID that it has.
func (k *checkpointer) readLocal(ctx context.Context) (id string, ours []byte, err error) {
	err = k.c.s.db.View(ctx, func(tx *store.Tx) (err error) {
		id, ours, err = localCheckpoint(tx, k.ids)
		return err
	})
	return id, ours, err
}

// agreed returns the position on which two copies agree: the zero one if a copy is missing or unreadable.
func agreed(ours, theirs []byte) checkpoint.Position {
	local, _, err := wire.ParseCheckpoint(ours)
	remote, _, err2 := wire.ParseCheckpoint(theirs)
	if err != nil || err2 != nil {
		return checkpoint.Position{}
	}
	return checkpoint.Agree(local, remote)
}

// run saves the checkpoint a while after a change, or at once on request, until ctx ends. It saves
// at most once per saveInterval, because a session that keeps coming to rest requests a save after
// each change. Failed saves lengthen the wait.
func (k *checkpointer) run(ctx context.Context) error {
	var due <-chan time.Time
	var earliest time.Time // when the next save may happen
	pause := time.Duration(0)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-due:
		case <-k.wake:
			urgent, wait := k.isUrgent(), max(saveInterval, pause)
			if urgent {
				wait = time.Until(earliest)
			}
			if wait > 0 && (due == nil || urgent) {
				due = time.After(wait)
			}
			if wait > 0 {
				continue
			}
		}
		err := k.save(ctx)
		k.c.s.saved(k.id, err)
		due, earliest = nil, time.Now().Add(saveInterval)
		if err != nil {
			pause = min(max(2*pause, saveInterval), time.Minute)
			due, earliest = time.After(pause), time.Now().Add(pause)
			continue
		}
		pause = 0
		k.c.s.stateChanged()
	}
}

// save writes the peer's copy and then ours, which must never be ahead. The next change retries a
// failed save.
func (k *checkpointer) save(ctx context.Context) (err error) {
	select {
	case k.saving <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-k.saving }()
	position, dirty := k.take()
	if !dirty || k.unsaved || position.Equal(k.saved) {
		return nil
	}
	defer func() {
		if err != nil {
			k.putBack()
		}
	}()
	body := wire.EncodeCheckpoint(position, time.Now())
	if err := k.saveRemotely(ctx, body); err != nil {
		return err
	}
	err = k.c.s.db.UpdateDurable(ctx, func(tx *store.Tx) error {
		if err := tx.SetLocalCheckpoint(k.id, body); err != nil {
			return err
		}
		return mirrorTheirs(tx, k.c, body)
	})
	if err != nil {
		return err
	}
	k.saved = position
	return nil
}

// saveRemotely writes the peer's copy. On a revision conflict it reads the copy again and
// overwrites it: our ledger is authoritative, whatever another run has written.
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
		case fault.HasCode(err, fault.WebSocket, 404) && k.rev != "": // Sync Gateway has lost the copy
			k.rev = ""
		default:
			return fmt.Errorf("save checkpoint at the peer: %w", err)
		}
	}
	return fault.RemoteConflict.In("save checkpoint", "at the peer").
		Says("the peer refused it %d times in a row", maxCheckpointRetries)
}

func (k *checkpointer) reread(ctx context.Context) error {
	_, rev, err := k.fetch(ctx, k.id)
	if err != nil {
		return err
	}
	k.rev = rev
	return nil
}

// fetch reads the peer's copy of the checkpoint with the ID. All results are empty if there is no copy.
func (k *checkpointer) fetch(ctx context.Context, id string) (body []byte, rev string, err error) {
	m := k.c.message(wire.ProfileGetCheckpoint)
	m.Properties.Add(wire.PropClient, id)
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
