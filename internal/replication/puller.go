package replication

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/store"
)

// puller decides which announced revisions of one collection are wanted, and keeps account
// of them until they are stored. It serves both roles: an active peer hears changes, a
// passive one proposeChanges.
type puller struct {
	c     *collection
	queue chan *blip.Request // announcements, answered in order

	mu       sync.Mutex // guards the following
	awaiting bool       // subscribed, and the peer has not said that we are caught up
	caughtUp bool       // it has, be the message still in the queue
	answered bool       // a reply has said what we take
	queued   int        // announcements not yet answered
	wanted   map[string][]*want
	count    int // of wanted
	bytes    int // of wanted, as announced
	room     chan struct{}
}

func newPuller(c *collection) *puller {
	return &puller{
		c:      c,
		queue:  make(chan *blip.Request, announcementsQueued),
		wanted: make(map[string][]*want),
		room:   make(chan struct{}, 1),
	}
}

// subscribed says that the peer was asked for changes and owes a caught-up message.
func (p *puller) subscribed() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.awaiting = true
}

func (p *puller) busy() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.awaiting || p.queued > 0 || p.count > 0
}

// announced queues a changes or proposeChanges message. A peer that does not wait for our
// answers is cut off before they fill the memory.
func (c *collection) announced(req *blip.Request) error {
	p := c.pull
	if p.isIdle(req) {
		return nil
	}
	p.mu.Lock()
	p.queued++
	p.mu.Unlock()
	select {
	case p.queue <- req:
		return nil
	default:
		c.s.fail(fault.ProtocolError.Says("the peer sent more than %d announcements at once", announcementsQueued))
		return nil
	}
}

// isIdle reports whether a message announces nothing, wants no answer, and does not end our wait either. A
// peer may send one each time that it finds nothing to announce.
func (p *puller) isIdle(req *blip.Request) bool {
	if !req.NoReply || string(req.Body) != "[]" {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.awaiting || p.caughtUp {
		return true
	}
	p.caughtUp = true
	return false
}

// run answers announcements until ctx ends.
func (p *puller) run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case req := <-p.queue:
			if err := p.answer(ctx, req); err != nil {
				p.c.s.refuse(req, err)
				if p.c.s.active != nil && p.c.opts.Pull && req.Profile() == profileChanges {
					// To go on would pass over what the message announces.
					return fmt.Errorf("pull %s: %w", p.c.store().FullName(), fromStranger(err))
				}
			}
			p.mu.Lock()
			p.queued--
			p.mu.Unlock()
			p.c.s.stateChanged()
		}
	}
}

func (p *puller) answer(ctx context.Context, req *blip.Request) error {
	s := p.c.s
	switch proposing := req.Profile() == profileProposeChanges; {
	case s.shared != nil && s.shared.ReadOnly:
		return fault.New(fault.HTTP, 403, "attempting to push to a read-only peer")
	case proposing && s.active != nil:
		return fault.New(fault.HTTP, 403, "an active peer takes no proposals")
	case s.active != nil && !p.c.opts.Pull:
		return fault.New(fault.HTTP, 403, "this peer does not pull")
	case proposing:
		return unlessDeleted(p.answerProposals(ctx, req))
	default:
		return unlessDeleted(p.answerChanges(ctx, req))
	}
}

// unlessDeleted makes of what the store says about a deleted collection what a peer is to hear.
func unlessDeleted(err error) error {
	if isNotFound(err) {
		return fault.New(fault.HTTP, 404, "the collection was deleted").Because(err)
	}
	return err
}

// answerProposals says which of the proposed revisions fit upon ours (spec/replication.md §7).
func (p *puller) answerProposals(ctx context.Context, req *blip.Request) error {
	proposals, err := parseProposals(req.Body)
	if err != nil {
		return err
	}
	if len(proposals) == 0 {
		req.Reply(&blip.Message{})
		return nil
	}
	if err := p.waitForRoom(ctx); err != nil {
		return err
	}
	ids := make([]string, len(proposals))
	for i, proposal := range proposals {
		ids[i] = proposal.ID
	}
	heads, err := p.heads(ctx, ids)
	if err != nil {
		return err
	}
	tellRev := req.Properties.Bool(propConflictRev)
	answers := make([]answer, len(proposals))
	for i, proposal := range proposals {
		answers[i] = p.judge(heads[i], proposal, tellRev)
	}
	p.reply(req, answers)
	return nil
}

func (p *puller) judge(head *store.Document, proposal proposal, tellRev bool) answer {
	var current revision.Rev
	deleted := false
	if head != nil {
		current, deleted = head.Rev, head.Deleted
	}
	if proposal.Bad != nil || proposal.Rev.ID.IsVersion() && !p.c.s.vectors() {
		return answer{Status: 400}
	}
	status := revision.Proposal(current, deleted, proposal.Rev, proposal.Parent)
	a := answer{Status: status}
	if status == revision.Refuse && tellRev {
		a.Rev, a.HasRev = current.Vector(), true
	}
	return a
}

// answerChanges asks for the announced revisions that we lack (spec/replication.md §6).
func (p *puller) answerChanges(ctx context.Context, req *blip.Request) error {
	changes, err := parseChanges(req.Body)
	if err != nil {
		return err
	}
	if len(changes) == 0 {
		p.mu.Lock()
		p.awaiting = false
		p.mu.Unlock()
		req.Reply(&blip.Message{})
		return nil
	}
	if err := p.waitForRoom(ctx); err != nil {
		return err
	}
	p.c.counters.pullTotal.Add(uint64(len(changes)))
	seqs := p.enter(changes)
	answers, known, lost, err := p.decide(ctx, changes)
	if err != nil {
		return err
	}
	if err := p.settle(ctx, known, lost); err != nil {
		return err
	}
	p.register(changes, answers, seqs)
	p.reply(req, answers)
	return nil
}

// waitForRoom waits until few enough of the wanted revisions are still to come, or wait for
// their blobs.
func (p *puller) waitForRoom(ctx context.Context) error {
	for {
		p.mu.Lock()
		full := p.count >= revsWanted || p.bytes >= revBytesWanted
		p.mu.Unlock()
		full = full || p.c.s.receiver.waiting.Load() >= revsFetchingBlobs ||
			p.c.check != nil && p.c.check.openRemote() >= sequencesOpen
		if !full {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-p.room:
		}
	}
}

// hasRoom says that there may be room for more revisions.
func (p *puller) hasRoom() {
	select {
	case p.room <- struct{}{}:
	default:
	}
}

// enter puts the peer's sequences on the checkpoint's list, in their order.
func (p *puller) enter(changes []change) []*remoteSequence {
	if p.c.check == nil {
		return make([]*remoteSequence, len(changes))
	}
	texts := make([]string, len(changes))
	for i, c := range changes {
		texts[i] = c.Sequence
	}
	return p.c.check.addRemote(texts)
}

// decide answers each change; known are those of which the database does not know that the
// peer has them; lost are those that the user may not see any more.
func (p *puller) decide(ctx context.Context, changes []change) (answers []answer, known, lost []change, err error) {
	ids := make([]string, len(changes))
	for i, c := range changes {
		ids[i] = c.ID
	}
	heads, err := p.heads(ctx, ids)
	if err != nil {
		return nil, nil, nil, err
	}
	answers = make([]answer, len(changes))
	for i, c := range changes {
		head := heads[i]
		if c.lost() {
			lost = append(lost, c)
			continue
		}
		if c.Bad == nil && c.Rev.ID.IsVersion() && !p.c.s.vectors() {
			c.Bad = fault.BadRevisionID.Says("the version %s is none for a database of revision trees", c.Rev.ID)
		}
		if c.Bad != nil {
			answers[i] = answer{Status: 400}
			if p.c.s.active != nil {
				p.c.report(DocumentEvent{ID: c.ID, Deleted: c.Flags&flagDeleted != 0, Err: c.Bad})
			}
			continue
		}
		answers[i] = p.want(head, c)
		if !answers[i].Send && answers[i].Status == 0 && p.isNews(head, c) {
			known = append(known, c)
		}
	}
	return answers, known, lost, nil
}

// isNews reports whether the database knows another revision of the peer than the one announced.
// What it announces of a document that this session has pushed is older than the push.
func (p *puller) isNews(head *store.Document, c change) bool {
	return p.c.s.remote != 0 && head.Known(p.c.s.remote) != c.Rev.ID && !p.c.check.isNew(head.Sequence)
}

// want answers one change, given the local document or nil.
func (p *puller) want(head *store.Document, c change) answer {
	if head == nil {
		return answer{Send: true}
	}
	remote := head.Known(p.c.s.remote)
	if head.Conflicted && p.c.s.remote != 0 && remote.Is(c.Rev.ID) {
		return answer{} // it came before, and is for the resolver
	}
	switch revision.Wanted(head.Rev, c.Rev) {
	case revision.Same, revision.Older:
		return answer{}
	case revision.Conflict:
		if p.c.s.active == nil {
			return answer{Status: 409}
		}
	case revision.Newer:
	}
	return answer{Send: true, Known: p.ancestors(head, remote, c.Rev.ID)}
}

// ancestors names revisions of the document that its history may end with, or that a delta
// may start from.
func (p *puller) ancestors(head *store.Document, remote, announced revision.ID) []revision.ID {
	candidates := []revision.ID{head.Rev.ID}
	if head.Deleted && p.c.s.common.Deltas {
		candidates = nil
	}
	if remote != "" {
		candidates = append(candidates, remote)
	}
	// Beside a version Sync Gateway takes one tree revision, and no more.
	if !p.c.s.common.Deltas && head.Rev.ID.IsTree() && announced.IsTree() {
		candidates = append(candidates, head.Rev.History.Ancestors...)
	}
	known := make([]revision.ID, 0, 2)
	for _, id := range candidates {
		older := !id.IsTree() || !announced.IsTree() || id.Generation() < announced.Generation()
		if older && !slices.Contains(known, id) && len(known) < knownRevsAnswered {
			known = append(known, id)
		}
	}
	return known
}

// heads reads the documents with these IDs; nil stands for one that does not exist.
func (p *puller) heads(ctx context.Context, ids []string) ([]*store.Document, error) {
	var heads []*store.Document
	err := p.c.s.db.View(ctx, func(tx *store.Tx) (err error) {
		heads, err = tx.Heads(p.c.store(), ids)
		return err
	})
	return heads, err
}

// settle writes down what the changes tell without any revision being sent.
func (p *puller) settle(ctx context.Context, known, lost []change) error {
	if len(known) > 0 {
		err := p.c.s.db.Update(ctx, func(tx *store.Tx) error {
			for _, c := range known {
				if err := tx.MarkKnown(p.c.store(), c.ID, p.c.s.remote, c.Rev.ID); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	if push := p.c.pusher(); push != nil && p.c.s.active != nil {
		for _, c := range known { // a peer that has lost what it had, gets it again
			push.peerHas(c.ID)
		}
	}
	for _, c := range lost {
		if err := p.c.loseAccess(ctx, c.ID, nil); err != nil {
			return err
		}
	}
	return nil
}

// reply answers an announcement, and says what we can take (spec/replication.md §6).
func (p *puller) reply(req *blip.Request, answers []answer) {
	m := &blip.Message{Body: appendAnswers(nil, answers), Compress: true, Urgent: true}
	if !p.c.s.vectors() {
		m.Properties.Add(propMaxHistory, strconv.Itoa(defaultHistory))
	}
	m.Properties.Add(propBlobs, yes)
	p.mu.Lock()
	first := !p.answered
	p.answered = true
	p.mu.Unlock()
	if p.c.s.common.Deltas && first {
		m.Properties.Add(propDeltas, yes)
	}
	m.Properties.Add(propSendReplacement, yes)
	req.Reply(m)
}

// loseAccess purges a document that the user may not see any more, unless told to keep it. w is the
// want that was answered so; nil if all are.
func (c *collection) loseAccess(ctx context.Context, id string, w *want) error {
	if c.s.active == nil {
		return nil
	}
	event := DocumentEvent{ID: id, AccessRemoved: true}
	keep := c.s.active.KeepLost || c.opts.DocIDs != nil
	if !keep && c.opts.PullFilter != nil {
		ok, err := callFilter(c.s.log, c.opts.PullFilter, &store.Document{ID: id, Body: []byte("{}")}, true)
		switch {
		case err != nil:
			keep, event.Err = true, err
		case !ok:
			keep, event.Err = true, refusedByFilter(id)
		}
	}
	if !keep {
		c.pull.lose(id, w) // before the purge: a revision that is stored after it would stay
		err := c.s.db.Update(ctx, func(tx *store.Tx) error { return tx.Purge(c.store(), id) })
		if err != nil && !isNotFound(err) {
			return err
		}
	}
	c.report(event)
	return nil
}
