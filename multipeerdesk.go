package tandem

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/tandemdb/tandem/internal/mesh/joining"
	"github.com/tandemdb/tandem/internal/store"
	"github.com/tandemdb/tandem/internal/transport"
)

// joinDesk answers the devices that want to join, for one run of a member.
type joinDesk struct {
	run  *meshRun
	g    *PeerGroup
	id   string // of the run
	wake chan struct{}
	log  *slog.Logger

	others map[string]bool // runs of other processes that were seen; of work

	limit joining.Limit

	mu   sync.Mutex // guards the following
	ends map[string]time.Time
	open map[joining.Key]answered // the invitations that are answered for
	tags []string                 // of the open ones
	seen int64                    // how often the rows had changed when they were read last; of work
}

// answered is an invitation that is answered for: after it has ended for a while, so that late joiners
// are told why.
type answered struct {
	id    string
	until time.Time
}

// toldFor is how long after they were made codes are answered for.
const toldFor = time.Hour

// lookEvery is how soon what another process has written is noticed.
const lookEvery = time.Second

func newJoinDesk(run *meshRun, g *PeerGroup) *joinDesk {
	d := &joinDesk{
		run: run, g: g, id: rand.Text(), wake: make(chan struct{}, 1), log: run.m.cfg.Logger, ends: make(map[string]time.Time),
		others: make(map[string]bool),
	}
	if d.log == nil {
		d.log = slog.New(slog.DiscardHandler)
	}
	return d
}

// attach has changes of this process wake the desk, until work ends.
func (d *joinDesk) attach() {
	d.g.mu.Lock()
	defer d.g.mu.Unlock()
	if d.g.wake == nil {
		d.g.wake = make(map[chan struct{}]struct{})
	}
	d.g.wake[d.wake] = struct{}{}
}

// work looks for invitations and removals until ctx ends, which ends the invitations, too.
func (d *joinDesk) work(ctx context.Context) {
	g := d.g
	d.report(d.passOver(ctx))
	d.report(d.begin(ctx))
	d.report(d.refresh(ctx)) // so that those with an ended code are told so
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for ctx.Err() == nil {
		d.report(d.look(ctx))
		select {
		case <-ctx.Done():
		case <-d.wake:
		case <-ticker.C:
		}
	}
	g.mu.Lock()
	delete(g.wake, d.wake)
	g.mu.Unlock()
	last, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	d.report(d.endAll(last))
}

func (d *joinDesk) report(err error) {
	if err != nil && !errors.Is(err, context.Canceled) && !d.g.left.Load() {
		d.log.Warn("mesh: the group's records cannot be read or written", "group", d.g.name, "error", err)
	}
}

// passOver notes the invitations that have ended before this run, of which listeners are not told.
func (d *joinDesk) passOver(ctx context.Context) error {
	all, err := d.g.readInvitations(ctx)
	for _, row := range all {
		if row.State != InvitationNew && row.State != InvitationOpen {
			d.run.invitations[row.id] = row.State
		}
	}
	return err
}

// begin says that this run answers, and ends what an earlier run has left.
func (d *joinDesk) begin(ctx context.Context) error {
	return d.change(ctx, func(row *namedInvitation) bool {
		return row.State == InvitationOpen && row.end(InvitationExpired)
	}, []byte(d.id))
}

func (d *joinDesk) endAll(ctx context.Context) error {
	var left []byte
	d.run.m.mu.Lock()
	if d.run.m.paused {
		left = []byte(pausedRun)
	}
	d.run.m.mu.Unlock()
	return d.change(ctx, func(row *namedInvitation) bool {
		return row.State == InvitationOpen && row.Run == d.id && row.end(InvitationExpired)
	}, left)
}

func (r *namedInvitation) end(state InvitationState) bool {
	r.State = state
	return true
}

// change changes the invitations for which do returns true, and says who answers.
func (d *joinDesk) change(ctx context.Context, do func(*namedInvitation) bool, answers []byte) error {
	return d.g.update(ctx, func(tx *store.Tx) error {
		all, err := d.g.invitations(tx)
		if err != nil {
			return err
		}
		for _, row := range all {
			if do(&row) {
				if err := writeJSON(tx, invitationSpace+d.g.name, row.id, row.invitationRow); err != nil {
					return err
				}
			}
		}
		if string(answers) != d.id { // it ends
			running, err := tx.Info(groupRunningSpace, d.g.name)
			if err != nil || string(running) != d.id { // another one runs, too
				return err
			}
		}
		return tx.SetInfo(groupRunningSpace, d.g.name, answers)
	})
}

// look takes new invitations, ends those whose time is over, and acts on removals.
func (d *joinDesk) look(ctx context.Context) error {
	now, err := d.g.countChanges(ctx)
	if err != nil {
		return err
	}
	changed := now != d.seen
	if changed {
		if err := d.g.reread(ctx); err != nil {
			d.run.groupChanged() // the database may have left the group
			return err
		}
	}
	if d.anyOver() || changed && d.anyNew(ctx) {
		if err := d.takeAndEnd(ctx); err != nil {
			return err
		}
		changed = true
	}
	if !changed {
		return nil
	}
	if err := d.checkAlone(ctx); err != nil {
		return err
	}
	d.run.groupChanged()
	d.seen = now // what has come since, from this desk too, is seen the next time
	return d.refresh(ctx)
}

func (d *joinDesk) anyOver() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, end := range d.ends {
		if time.Now().After(end) {
			return true
		}
	}
	return false
}

func (d *joinDesk) anyNew(ctx context.Context) bool {
	all, err := d.g.readInvitations(ctx)
	return err != nil || slices.ContainsFunc(all, func(row namedInvitation) bool { return row.State == InvitationNew })
}

// takeAndEnd writes which invitations this run answers for.
func (d *joinDesk) takeAndEnd(ctx context.Context) error {
	now := time.Now()
	err := d.change(ctx, func(row *namedInvitation) bool {
		switch age := time.Since(time.Unix(row.Created, 0)); {
		case row.State == InvitationNew && (age > InvitationLife || age < -InvitationLife):
			return row.end(InvitationExpired) // left by a process that has ended
		case row.State == InvitationNew:
			row.Run = d.id
			d.offer(row.invitationRow, row.id, InvitationLife-max(0, age)) // before others can read that this run answers
			return row.end(InvitationOpen)
		case row.State == InvitationOpen && row.Run == d.id && d.isOver(row.id, now):
			return row.end(InvitationExpired)
		}
		return false
	}, []byte(d.id))
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	maps.DeleteFunc(d.ends, func(_ string, end time.Time) bool { return now.After(end) }) // also of used ones
	return nil
}

// offer has the desk answer for the code of an invitation, which is good for the time that is left.
func (d *joinDesk) offer(row invitationRow, id string, left time.Duration) {
	key, ok := row.key()
	if !ok {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.open == nil {
		d.open = make(map[joining.Key]answered)
	}
	now := time.Now()
	d.open[key] = answered{id, now.Add(toldFor)}
	d.ends[id] = now.Add(left) // by the monotonic clock
}

func (d *joinDesk) isOver(id string, now time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	end, known := d.ends[id]
	return !known || now.After(end)
}

// refresh reads the keys and tags of the invitations.
func (d *joinDesk) refresh(ctx context.Context) error {
	all, err := d.g.readInvitations(ctx)
	if err != nil {
		return err
	}
	open, tags := make(map[joining.Key]answered), []string(nil)
	for _, row := range all {
		if key, ok := row.key(); ok {
			open[key] = answered{row.id, time.Now().Add(toldFor - time.Since(time.Unix(row.Created, 0)).Abs())}
		}
		if row.State == InvitationOpen && row.Run == d.id {
			tags = append(tags, row.Tag)
		}
	}
	d.mu.Lock()
	same := slices.Equal(tags, d.tags)
	d.open, d.tags = open, tags
	d.mu.Unlock()
	if !same {
		d.run.readvertise()
	}
	d.run.tellInvitations(all)
	return nil
}

// Tags returns what joiners look for on the local network.
func (d *joinDesk) findTags() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.tags
}

// Keys implements [joining.Desk]. Without any, the port of the mesh takes no joiners.
func (d *joinDesk) Keys() (keys []joining.Key) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	for key, a := range d.open {
		if now.Before(a.until) || now.Before(d.ends[a.id]) {
			keys = append(keys, key)
		}
	}
	return keys
}

// aside is the protocol of joining at the port of the run.
func (d *joinDesk) aside() *transport.Aside {
	return &transport.Aside{
		Protocol: joining.Protocol,
		Open:     func() bool { return len(d.Keys()) > 0 },
		Serve: func(ctx context.Context, conn *tls.Conn, from netip.Addr) {
			own := d.run.certificate().Leaf
			err := joining.Answer(ctx, conn, own, d, &d.limit, from)
			if err != nil {
				d.log.Info("mesh: a device did not join", "address", conn.RemoteAddr().String(), "error", err)
			}
			d.run.notify()
		},
	}
}
