package replication

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/replication/wire"
	"github.com/tandemdb/tandem/internal/store"
)

// meet agrees with the peer on collections and reads both copies of each checkpoint. If the peer
// predates collections, and we replicate only the default collection, meet falls back to the legacy
// form.
func (l *leader) meet(ctx context.Context) error {
	err := l.s.db.Update(ctx, func(tx *store.Tx) (err error) {
		l.s.remote, err = tx.RemoteFor(l.cfg.Remote)
		l.s.known = l.s.remote
		return err
	})
	if err != nil {
		return err
	}
	if err := l.s.dialect.begin(ctx, l.s.db); err != nil {
		return err
	}
	all := make([]*exchange, len(l.cfg.Collections))
	for i, opts := range l.cfg.Collections {
		all[i] = l.exchange(i, opts)
	}
	theirs, err := l.askCollections(ctx, all)
	var refusal *blip.Error
	if errors.As(err, &refusal) && refusal.Domain == string(fault.BLIP) && refusal.Code == 404 &&
		len(all) == 1 && all[0].store().FullName() == "_default._default" {
		return l.meetLegacy(ctx, all)
	}
	if err != nil {
		return fmt.Errorf("agree on collections: %w", wire.FromPeer(err))
	}
	for i, x := range all {
		if x == nil {
			continue
		}
		var body []byte
		rev := ""
		if string(theirs[i]) != "{}" {
			body = theirs[i]
			if _, rev, err = wire.ParseCheckpoint(body); err != nil {
				body = nil // an unreadable checkpoint counts as missing
			}
		}
		if err := x.check.begin(ctx, body, rev, l.cfg.Reset); err != nil {
			return err
		}
	}
	l.s.agreeOn(all)
	return nil
}

func (l *leader) exchange(index int, opts CollectionOptions) *exchange {
	account := newAccount()
	c := newCollection(l.s.engine, index, opts, account)
	x := newExchange(c, l.s.receiver, l.cfg.Continuous, func(w *wanted) pullSide {
		return hearing{c: c, wanted: w, keepLost: l.cfg.KeepLost}
	})
	x.check = newCheckpointer(c, checkpointIDs(l.s.db, l.cfg.Remote, &opts), account)
	x.check.unsaved, x.check.retryRefused = l.cfg.asks, l.cfg.RetryRefused
	return x
}

// askCollections sends getCollections. It fails unless the peer shares each collection or, in a mesh,
// one of them: those that it does not share become nil in all.
func (l *leader) askCollections(ctx context.Context, all []*exchange) ([]json.RawMessage, error) {
	var wanted wire.CollectionsRequest
	for _, x := range all {
		wanted.Add(x.store().FullName(), x.check.id)
	}
	text, err := wanted.Encode()
	if err != nil {
		return nil, err
	}
	m := &blip.Message{Body: text}
	m.Properties.Add(wire.PropProfile, wire.ProfileGetCollections)
	m.Properties.Add(wire.PropUUID, sourceUUID(l.s.db))
	if l.cfg.Mesh != nil {
		m.Properties.Add(wire.PropMirror, wire.Yes)
	}
	l.s.greets(&m.Properties)
	reply, err := l.s.call(ctx, m)
	if err != nil {
		return nil, err
	}
	if itself, err := l.checkTwin(ctx, reply.Properties); err != nil {
		return nil, err
	} else if itself {
		m.Properties.Add(wire.PropToken, reply.Properties.Value(wire.PropToken))
		if reply, err = l.s.call(ctx, m); err != nil {
			return nil, err
		}
	}
	l.s.met(reply.Properties)
	theirs, err := wire.ParseCollections(reply.Body, len(all))
	if err != nil {
		return nil, err
	}
	mirrors := readMirrors(reply.Properties.Value(wire.PropMirror), len(all))
	var missing []string
	for i, entry := range theirs {
		all[i].mirror = mirrors[i]
		if entry == nil {
			missing = append(missing, all[i].store().FullName())
		}
	}
	if len(missing) > 0 && (l.cfg.Mesh == nil || len(missing) == len(all)) {
		return nil, fault.NotFoundRemotely.Says("collection %q not found on the remote", missing[0]).
			Try("share the collection on the peer, or leave it out of the replication")
	}
	for i := range all {
		if theirs[i] == nil {
			all[i] = nil
		}
	}
	l.cfg.Mesh.leaveOut(missing)
	return theirs, nil
}

// meetLegacy is meet for peers that predate collections.
func (l *leader) meetLegacy(ctx context.Context, all []*exchange) error {
	x := all[0]
	x.index = -1
	body, rev, err := x.check.fetch(ctx, x.check.id)
	if err != nil {
		return err
	}
	if err := x.check.begin(ctx, body, rev, l.cfg.Reset); err != nil {
		return err
	}
	l.s.agreeOn(all)
	return nil
}

// begin starts both directions of one collection.
func (l *leader) begin(ctx context.Context, x *exchange) error {
	if err := x.conflicts.findOld(ctx); err != nil {
		return err
	}
	if err := x.ahead.load(ctx); err != nil {
		return err
	}
	if x.opts.Pull && !l.cfg.asks {
		x.report(x.ahead.events()...)
	}
	l.s.spawn(x.check.run)
	l.s.spawn(x.conflicts.run)
	l.s.spawn(x.pull.run)
	since, remote := x.check.start()
	if x.opts.Push {
		if err := l.push(ctx, x, since); err != nil {
			return err
		}
	}
	if x.opts.Pull {
		return l.subscribe(ctx, x, remote)
	}
	return nil
}

func (l *leader) push(ctx context.Context, x *exchange, since store.Sequence) error {
	push := newPusher(x.collection, proposing{pulls: x.opts.Pull, acquaintance: l.cfg.Acquaintance}, pushOptions{
		since:        since,
		continuous:   l.cfg.Continuous,
		docIDs:       idSet(x.opts.DocIDs),
		batch:        changesPerBatch,
		replacements: true,
		saysNothing:  l.s.versioning() == store.RevTrees,
	})
	if err := push.begin(ctx); err != nil {
		return err
	}
	x.push.set(push)
	l.s.spawn(push.run)
	return nil
}

// subscribe asks the peer for its changes.
func (l *leader) subscribe(ctx context.Context, x *exchange, since string) error {
	wanted := wire.Subscription{
		Since:        since,
		Continuous:   l.cfg.Continuous,
		LiveOnly:     since == "" && l.cfg.Mesh == nil && isEmpty(ctx, x.collection), // others of a mesh may bring what was deleted
		Batch:        changesPerBatch,
		Channels:     x.opts.Channels,
		Replacements: true,
		Versioning:   string(l.s.versioning()),
		Revocations:  true,
		DocIDs:       x.opts.DocIDs,
	}
	m := x.message(wire.ProfileSubChanges)
	if err := wanted.AddTo(m); err != nil {
		return err
	}
	x.pull.subscribed()
	return l.s.send(m, func(_ *blip.Reply, err error) {
		if err != nil {
			l.s.fail(fmt.Errorf("subscribe to changes of %s: %w", x.store().FullName(), wire.FromPeer(err)))
		}
	})
}

// isEmpty reports whether the collection has never held a document.
func isEmpty(ctx context.Context, c *collection) bool {
	last, err := c.lastSequence(ctx)
	return err == nil && last == 0
}
