package replication

import (
	"context"
	"math"
	"sync"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/store"
)

// pusher sends the changes of one collection: it announces them, sends the revisions that
// the peer wants, and keeps account of each sequence until it is done. It serves both
// roles: an active peer proposes changes, a passive one offers them.
//
// One goroutine, run, does it all. What comes from elsewhere (replies, news of the pull)
// is put into its inbox.
type pusher struct {
	c    *collection
	opts pushOptions

	inbox inbox

	// The following belong to run.

	cursor    store.Sequence   // everything up to here was looked at
	fresh     store.Sequence   // what came after it, came during this session; on the passive side, during this subscription
	exhausted bool             // nothing was after cursor when last looked
	announced bool             // the caught-up message was sent (passive side)
	batches   int              // announcements without a reply
	accepted  bool             // the peer has answered one
	current   map[string]*item // the newest announced of each document
	heldItems int              // of current, those in state held
	again     []*lookup        // documents to look at again, out of turn
	againFor  map[string]*lookup
	proposals []*item                // to be proposed again, with another parent
	lastTries []*item                // forbidden by the peer; to be proposed once more when all else is done
	overFor   map[string]revision.ID // documents for which an earlier session has started over; nil until needed
	parts     [][]*item              // of batches that were too large, or that the peer has refused as a whole
	ready     []*item                // wanted by the peer, to be sent
	unreplied int                    // bytes of revs without a reply
	inFlight  int                    // the same, counted
	touched   map[string]bool        // documents of which a new revision was made, and not taken yet
	settling  []*item                // the peer has them, and the database is still to hear of it
	marking   bool                   // a transaction of those is on its way
	peer      peerLimits

	mu      sync.Mutex // guards the following
	target  store.Sequence
	idle    bool
	unmet   time.Time // since when the longest waiting item was not met by the pull; zero if none waits
	inVain  bool      // an earlier session has started over for all of those
	stopped bool
	echo    map[string]revision.ID // received from this peer, and not yet met in the feed
	cancel  context.CancelFunc
}

// pushOptions says what to send.
type pushOptions struct {
	proposes     bool // as the active peer; the passive one offers
	since        store.Sequence
	continuous   bool
	liveOnly     bool            // no tombstones of before the subscription
	docIDs       map[string]bool // nil means all documents
	batch        int64           // changes in one message
	toGateway    bool            // the peer is a Sync Gateway, and active
	replacements bool            // the peer takes a newer revision in place of the one it asked for
}

// peerLimits is what the peer's replies say it can take.
type peerLimits struct {
	maxHistory   int
	blobs        bool // understands blobs in place; else it needs _attachments
	deltas       bool
	replacements bool
}

func newPusher(c *collection, opts pushOptions) *pusher {
	p := &pusher{
		c: c, opts: opts, cursor: opts.since,
		current:  make(map[string]*item),
		touched:  make(map[string]bool),
		againFor: make(map[string]*lookup),
		peer:     peerLimits{maxHistory: defaultHistory, replacements: opts.replacements},
		inbox:    newInbox(),
	}
	p.opts.batch = min(max(opts.batch, 10), changesPerBatch)
	if opts.continuous {
		p.target = math.MaxInt64
		if !opts.proposes {
			p.echo = make(map[string]revision.ID)
		}
	}
	return p
}

// extend lets a one-shot push go on to what is now the last sequence, and reports whether
// there is anything new to push.
func (p *pusher) extend(ctx context.Context) (more bool, err error) {
	if p.opts.continuous {
		return false, nil
	}
	last, err := p.c.lastSequence(ctx)
	if err != nil {
		return false, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	more = last > p.target
	p.target = last
	if more {
		p.idle = false
		p.inbox.put(func() error {
			p.exhausted = false
			return nil
		})
	}
	return more, nil
}

// busy reports whether there is anything left to push just now.
func (p *pusher) busy() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.idle && !p.stopped
}

func (p *pusher) ended() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stopped
}

// stop ends the push, without waiting for it. It may not even have begun.
func (p *pusher) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stopped = true
	if p.cancel != nil {
		p.cancel()
	}
}

// run pushes until ctx ends; the passive side of a one-shot subscription until all was sent.
func (p *pusher) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if !p.mayBegin(cancel) {
		return nil
	}
	if err := p.push(ctx); err != nil && ctx.Err() == nil {
		p.c.s.fail(err) // before it is known that nothing is pushed any more
	}
	p.finish()
	return nil
}

func (p *pusher) push(ctx context.Context) error {
	if !p.opts.proposes {
		if err := p.begin(ctx); err != nil {
			return err
		}
	}
	changes := p.c.s.db.Subscribe()
	defer changes.Close()
	for {
		switch err := p.step(ctx); {
		case err == nil:
		case ctx.Err() != nil:
			return nil
		default:
			return err
		}
		if p.announced && !p.opts.continuous && p.nothingLeft() {
			return nil // a passive feed that has said all: there may be another subscription
		}
		select {
		case <-ctx.Done():
			return nil
		case <-p.inbox.wake:
		case _, open := <-changes.C:
			if !open {
				return fault.NotOpen.In("push", p.c.store().FullName()).Says("the database was closed")
			}
			p.exhausted = false
		}
	}
}

// mayBegin reports whether nobody has stopped the push already; from now on that cancels it.
func (p *pusher) mayBegin(cancel context.CancelFunc) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cancel = cancel
	return !p.stopped
}

// begin fixes what a subscription starts with.
func (p *pusher) begin(ctx context.Context) (err error) {
	if p.fresh, err = p.c.lastSequence(ctx); err == nil {
		_, err = p.extend(ctx)
	}
	return err
}

// finish tells of what has arrived and is noted as such, since no other session is going to.
func (p *pusher) finish() {
	for p.inbox.handle() == nil && p.marking {
		<-p.inbox.wake
	}
	p.mu.Lock()
	p.stopped = true
	p.mu.Unlock()
	p.c.s.stateChanged()
}

// step does everything that can be done now.
func (p *pusher) step(ctx context.Context) error {
	p.setIdle(false)
	for {
		if err := p.inbox.handle(); err != nil {
			return err
		}
		offered, err := p.offer(ctx)
		if err != nil {
			return err
		}
		sent, err := p.send(ctx)
		if err != nil {
			return err
		}
		p.mark()
		if !offered && !sent && p.inbox.empty() {
			break
		}
	}
	if err := p.countUnmet(ctx); err != nil {
		return err
	}
	p.setIdle(p.nothingLeft())
	return nil
}

// nothingLeft reports whether the push has done all it can. What is held waits for the
// pull, which counts for itself.
func (p *pusher) nothingLeft() bool {
	return p.exhausted && p.batches == 0 && len(p.again) == 0 && len(p.proposals) == 0 && len(p.parts) == 0 && len(p.lastTries) == 0 &&
		len(p.current) == p.heldItems && len(p.ready) == 0 && p.inFlight == 0
}

func (p *pusher) setIdle(idle bool) {
	p.mu.Lock()
	was := p.idle
	p.idle = idle && p.inbox.empty()
	idle = p.idle
	p.mu.Unlock()
	if idle != was {
		p.c.s.stateChanged()
	}
}
