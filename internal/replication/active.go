package replication

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/replication/wire"
	"github.com/tandemdb/tandem/internal/store"
)

// drive leads the conversation from the active side: it agrees on collections and checkpoints,
// starts both directions, and decides how to go on whenever both have come to rest. It returns
// when a one-shot session has done its work.
func (s *Session) drive(ctx context.Context) error {
	if err := s.meet(ctx); err != nil {
		return err
	}
	for _, c := range s.all() {
		if err := c.begin(ctx); err != nil {
			return err
		}
	}
	s.begun.Store(true)
	s.stateChanged()
	last := rest{mayStartOver: !s.active.StartedOver}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.state:
		}
		if s.Busy() {
			continue
		}
		if done, err := s.goOn(ctx, &last); done || err != nil {
			return err
		}
	}
}

// rest is what drive found when both directions had come to rest the last time.
type rest struct {
	arrived      uint64 // what the pull and the resolver had written
	mayStartOver bool   // the pull has not started over for what is held
}

// goOn decides how a session at rest goes on: it pushes what has come up, starts over, ends a
// one-shot session, which done tells, or lets a continuous one wait.
func (s *Session) goOn(ctx context.Context, last *rest) (done bool, err error) {
	if more, err := s.pushArrived(ctx, last); more || err != nil {
		return false, err
	}
	held, inVain := s.holding()
	if held && !inVain && last.mayStartOver {
		return true, s.startOver(ctx)
	}
	last.mayStartOver = last.mayStartOver || !held
	if held || !s.active.Continuous {
		if more, err := s.giveUpWaiting(ctx); more || err != nil {
			return false, err
		}
	}
	if !s.active.Continuous {
		s.saveCheckpoints(ctx)
		return true, nil
	}
	if err := s.leftBehind(); err != nil {
		s.saveInTime(ctx)
		return true, err
	}
	s.saveSoon()
	return false, nil
}

// pushArrived looks at what the pull and the resolver have written since the last rest: what was
// resolved is pushed in the same run, and what was pulled is looked at, so that the checkpoint
// vouches for it. It reports whether there is more to push.
func (s *Session) pushArrived(ctx context.Context, last *rest) (more bool, err error) {
	now := s.arrived()
	if now == last.arrived {
		return false, nil
	}
	last.arrived = now
	return s.pushFurther(ctx)
}

// ErrStartOver ends a session that has to be followed by another one at once: the peer
// refuses a document for a revision that lies before our checkpoint, and that we do not have
// any more, because it was purged. The next session pulls from the beginning.
var ErrStartOver = errors.New("the pull has to start over")

// holdPatience is how long a continuous session waits for the revision that the peer has
// refused ours for: its feed may be late. A one-shot pull brings all there is, or nothing.
const holdPatience = 2 * time.Second

// holding reports whether a push waits for what the pull has not brought, and whether it would be in
// vain to start over for that. If it is too early to tell, the session is woken later.
func (s *Session) holding() (held, inVain bool) {
	inVain = true
	for _, c := range s.all() {
		push := c.pusher()
		if push == nil {
			continue
		}
		since, vain := push.unmetSince()
		if since.IsZero() {
			continue
		}
		early := holdPatience - time.Since(since)
		if s.active.Continuous && early > 0 {
			time.AfterFunc(early, s.stateChanged)
			continue
		}
		held, inVain = true, inVain && vain
	}
	return held, inVain
}

func (s *Session) startOver(ctx context.Context) error {
	for _, c := range s.all() {
		if push := c.pusher(); push != nil && push.isUnmet() {
			if err := push.rememberOver(ctx); err != nil {
				return err
			}
			c.check.forgetRemote()
		}
		if err := c.check.save(ctx); err != nil {
			return err
		}
	}
	return ErrStartOver
}

// giveUpWaiting ends the wait of documents for a pull that has brought everything there is,
// and reports whether there is more to push now.
func (s *Session) giveUpWaiting(ctx context.Context) (more bool, err error) {
	for _, c := range s.all() {
		push := c.pusher()
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
		_, err = s.pushFurther(ctx)
	}
	return more, err
}

func (s *Session) saveSoon() {
	for _, c := range s.all() {
		c.check.saveNow()
	}
}

// arrived counts what the pull and the resolver have written.
func (s *Session) arrived() (n uint64) {
	for _, c := range s.all() {
		n += c.counters.conflicts.Load() + c.counters.pulled.Load()
	}
	return n
}

func (s *Session) pushFurther(ctx context.Context) (more bool, err error) {
	for _, c := range s.all() {
		push := c.pusher()
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

// meet agrees with the peer on collections and reads both copies of each checkpoint. A
// peer that knows no collections is asked in the legacy form, if the default collection is
// all we want.
func (s *Session) meet(ctx context.Context) error {
	err := s.db.Update(ctx, func(tx *store.Tx) (err error) {
		s.remote, err = tx.RemoteFor(s.active.Remote)
		return err
	})
	if err != nil {
		return err
	}
	all := make([]*collection, len(s.active.Collections))
	for i, opts := range s.active.Collections {
		all[i] = s.newCollection(i, opts)
		all[i].conflicts = newConflicts(all[i])
		all[i].check = newCheckpointer(all[i], checkpointID(s.db, s.active.Remote, &opts))
		all[i].ledger = all[i].check
	}
	theirs, err := s.askCollections(ctx, all)
	var refusal *blip.Error
	if errors.As(err, &refusal) && refusal.Domain == string(fault.BLIP) && refusal.Code == 404 &&
		len(all) == 1 && all[0].store().FullName() == "_default._default" {
		return s.meetLegacy(ctx, all)
	}
	if err != nil {
		return fmt.Errorf("agree on collections: %w", wire.FromPeer(err))
	}
	for i, c := range all {
		var body []byte
		rev := ""
		if string(theirs[i]) != "{}" {
			body = theirs[i]
			if _, rev, err = wire.ParseCheckpoint(body); err != nil {
				body = nil // what cannot be read is no checkpoint: begin anew
			}
		}
		if err := c.check.begin(ctx, body, rev, s.active.Reset); err != nil {
			return err
		}
	}
	s.agreeOn(all)
	return nil
}

// askCollections sends getCollections and checks the reply's form.
func (s *Session) askCollections(ctx context.Context, all []*collection) ([]json.RawMessage, error) {
	var body collectionsRequest
	for _, c := range all {
		body.CheckpointIDs = append(body.CheckpointIDs, c.check.id)
		body.Collections = append(body.Collections, strings.TrimPrefix(c.store().FullName(), "_default."))
	}
	text, err := json.Marshal(body)
	if err != nil {
		return nil, fault.Unexpected.Because(err)
	}
	m := &blip.Message{Body: text}
	m.Properties.Add(wire.PropProfile, wire.ProfileGetCollections)
	reply, err := s.call(ctx, m)
	if err != nil {
		return nil, err
	}
	var theirs []json.RawMessage
	if err := json.Unmarshal(reply.Body, &theirs); err != nil || len(theirs) != len(all) {
		return nil, fault.Remote.Says("the peer's answer to getCollections does not fit the question").Because(err)
	}
	for i, entry := range theirs {
		if len(entry) == 0 || entry[0] != '{' {
			return nil, fault.NotFoundRemotely.
				Says("collection %q not found on the remote", all[i].store().FullName()).
				Try("share the collection on the peer, or leave it out of the replication")
		}
	}
	return theirs, nil
}

// meetLegacy is meet for peers from before collections.
func (s *Session) meetLegacy(ctx context.Context, all []*collection) error {
	c := all[0]
	c.index = -1
	body, rev, err := c.check.fetch(ctx)
	if err != nil {
		return err
	}
	if err := c.check.begin(ctx, body, rev, s.active.Reset); err != nil {
		return err
	}
	s.agreeOn(all)
	return nil
}

// begin starts both directions of one collection.
func (c *collection) begin(ctx context.Context) error {
	s := c.s
	if err := c.conflicts.findOld(ctx); err != nil {
		return err
	}
	s.spawn(c.check.run)
	s.spawn(c.conflicts.run)
	s.spawn(c.pull.run)
	since, remote := c.check.start()
	if c.opts.Push {
		push := newPusher(c, pushOptions{
			since:        since,
			continuous:   s.active.Continuous,
			docIDs:       idSet(c.opts.DocIDs),
			batch:        changesPerBatch,
			replacements: true,
		})
		var err error
		if push.fresh, err = c.lastSequence(ctx); err != nil {
			return err
		}
		if _, err := push.extend(ctx); err != nil {
			return err
		}
		c.mu.Lock()
		c.push = push
		c.mu.Unlock()
		s.spawn(push.run)
	}
	if c.opts.Pull {
		c.subscribe(remote)
	}
	return nil
}

// subscribe asks the peer for its changes.
func (c *collection) subscribe(since string) {
	s := c.s
	m := c.message(wire.ProfileSubChanges)
	if since != "" {
		m.Properties.Add(wire.PropSince, since)
	}
	if s.active.Continuous {
		m.Properties.Add(wire.PropContinuous, wire.Yes)
	}
	m.Properties.Add(wire.PropBatch, fmt.Sprint(changesPerBatch))
	if since == "" && c.isEmpty() {
		m.Properties.Add(wire.PropActiveOnly, wire.Yes)
	}
	if len(c.opts.Channels) > 0 {
		m.Properties.Add(wire.PropFilter, wire.FilterByChannel)
		m.Properties.Add(wire.PropChannels, strings.Join(c.opts.Channels, ","))
	}
	m.Properties.Add(wire.PropSendReplacement, wire.Yes)
	m.Properties.Add(wire.PropVersioning, string(s.db.Versioning()))
	m.Properties.Add(wire.PropRevocations, wire.Yes)
	if c.opts.DocIDs != nil {
		text, err := json.Marshal(map[string][]string{"docIDs": c.opts.DocIDs})
		if err != nil {
			s.fail(fault.Unexpected.Because(err))
			return
		}
		m.Body = text
	}
	c.pull.subscribed()
	err := s.send(m, func(_ *blip.Reply, err error) {
		if err != nil {
			s.fail(fmt.Errorf("subscribe to changes of %s: %w", c.store().FullName(), wire.FromPeer(err)))
		}
	})
	if err != nil {
		s.fail(err)
	}
}

// isEmpty reports whether the collection has never held a document.
func (c *collection) isEmpty() bool {
	last, err := c.lastSequence(c.s.work)
	return err == nil && last == 0
}
