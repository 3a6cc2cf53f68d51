package outbox_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/replication/outbox"
	"github.com/tandemdb/tandem/internal/replication/wire"
	"github.com/tandemdb/tandem/internal/revision"
)

// box is an outbox, or one with a fault that is planted for a test.
type box interface {
	Next() outbox.Step
	Idle() bool
	Err() error
	Size() int
	Held() int
	Changed(head outbox.Head, passes outbox.Filter)
	Looked(it *outbox.Item, head *outbox.Head, passes outbox.Filter)
	Reached(through outbox.Sequence, exhausted bool)
	Refeed()
	Moved(id string)
	Met(id string)
	Remind(id string)
	PeerHas(id string, ours, theirs revision.ID)
	Received(id string, rev revision.ID)
	PutBack(items []*outbox.Item)
	Answered(batch []*outbox.Item, answers []wire.Answer, now time.Time)
	Rejected(batch []*outbox.Item, err error)
	Sending(it *outbox.Item, rev revision.Rev, deleted bool, p outbox.Parcel)
	Withheld(it *outbox.Item, err error)
	Replied(it *outbox.Item, err error, now time.Time)
	Marked(items []*outbox.Item)
	Told(items []*outbox.Item)
	Lost()
	GiveUp() bool
}

// version is a revision by two writers: how far it has seen our edits and the peer's, and whose it is. The
// zero value is none.
type version struct {
	a, p   int
	byPeer bool
}

const (
	us   = revision.Source("AAAAAAAAAAAAAAAAAAAAAA")
	them = revision.Source("PPPPPPPPPPPPPPPPPPPPPA")
)

// versionIDs are made once: a world makes many.
var versionIDs = func() (ids [2][4096]revision.ID) { //nolint:gochecknoglobals // a table that nothing changes
	for t := range ids[0] {
		ids[0][t] = revision.NewVersion(revision.Time(t+1)<<16, us)
		ids[1][t] = revision.NewVersion(revision.Time(t+1)<<16, them)
	}
	return ids
}()

func (v version) id() revision.ID {
	switch {
	case v == version{}:
		return ""
	case v.byPeer:
		return versionIDs[1][v.p]
	}
	return versionIDs[0][v.a]
}

func (v version) rev() revision.Rev {
	r := revision.Rev{ID: v.id()}
	switch {
	case v.byPeer && v.a > 0:
		r.History.Previous = []revision.ID{versionIDs[0][v.a]}
	case !v.byPeer && v.p > 0:
		r.History.Previous = []revision.ID{versionIDs[1][v.p]}
	}
	return r
}

func (v version) deleted() bool { return (v.a+v.p)%5 == 4 }

// has reports whether v is w, or has seen it.
func (v version) has(w version) bool {
	if w.byPeer {
		return v.p >= w.p
	}
	return v.a >= w.a
}

// document is a document in our database.
type document struct {
	id         string
	seq        outbox.Sequence // 0 once purged
	is         version
	conflicted bool
	known      version // what the database knows that the peer has
	filter     verdict
	echo       bool // is came from the peer, which only offers know
}

type verdict int

const (
	passes verdict = iota
	refuses
	fails
)

var errFilter = errors.New("the filter failed")

// world is a database, a peer, and the outbox between them. What it demands is written from
// the protocol: of sequences, of announcements and revisions, and of their order.
type world struct {
	random *rand.Rand
	offers bool // we are the passive peer, and the peer subscribes
	pulls  bool // we pull too
	strict bool // the peer goes by parents alone, as Couchbase Lite does
	benign bool // nothing goes wrong any more

	docs   []*document
	last   outbox.Sequence // of the database
	cursor outbox.Sequence
	chosen outbox.Selection
	target bool // something may be unread

	peer  map[string]version // what the peer has
	had   map[string]version // the newest of ours that it has had
	ahead int                // of the peer's own edits

	box    box
	ledger *ledger
	limits outbox.Limits

	// What is under way, in no order.
	announced [][]*outbox.Item
	sent      []*outbox.Item
	marking   []*outbox.Item
	caughtUp  bool
	shown     map[outbox.Sequence]bool // announced in this session
	front     outbox.Sequence          // the last one of these
	reminded  map[string]bool          // documents that may be announced again

	asked     map[*outbox.Item]bool // the peer wants it, and has not got it
	isDelta   map[*outbox.Item]bool
	forbidden map[*outbox.Item]int
	refused   map[outbox.Sequence]bool       // for good, and the user was told, in any session
	told      map[outbox.Sequence]outbox.End // the last word on each sequence in this session
	toldItems map[*outbox.Item]bool

	steps int
	trace *strings.Builder // nil to say nothing
	wrong []string
}

// ledger is a plain list of sequences. It objects when one is complete that must not be.
type ledger struct {
	w       *world
	pending map[outbox.Sequence]bool
	through outbox.Sequence
}

func (l *ledger) Add(seq outbox.Sequence) { l.pending[seq] = true }
func (l *ledger) Arrived(seq outbox.Sequence) {
	if !l.pending[seq] {
		l.w.fail("sequence %d has arrived, and was not pending", seq)
	}
}

func (l *ledger) Complete(seq outbox.Sequence) {
	delete(l.pending, seq)
	if why := l.w.unsettled(seq); why != "" {
		l.w.fail("sequence %d is complete: %s", seq, why)
	}
}

func (l *ledger) LookedAt(through outbox.Sequence) {
	l.through = max(l.through, through)
	for _, d := range l.w.docs {
		if d.seq != 0 && d.seq <= through && !l.pending[d.seq] {
			if why := l.w.unsettled(d.seq); why != "" {
				l.w.fail("all up to %d is looked at, and %d not pending: %s", through, d.seq, why)
			}
		}
	}
}

func (l *ledger) Finished(outbox.Sequence) bool { return false }

// begin returns where the next session reads on: what was pending comes again.
func (l *ledger) begin() outbox.Sequence {
	for seq := range l.pending {
		l.through = min(l.through, seq-1)
	}
	clear(l.pending)
	return l.through
}

// unsettled says why a sequence must not count as done, "" if it may: the peer has the revision, has
// refused it for good and the user was told, or it became obsolete, or is not for the peer.
func (w *world) unsettled(seq outbox.Sequence) string {
	for _, d := range w.docs {
		if d.seq != seq {
			continue
		}
		switch {
		case w.hasHad(d), d.conflicted, d.filter == refuses, d.echo, !w.chooses(d):
		case w.refused[seq]:
		case d.known == d.is:
			// the peer had it, and has gone on or forgotten since: then it says so
		default:
			return fmt.Sprintf("%s is %v, the peer has %v", d.id, d.is, w.peer[d.id])
		}
	}
	return ""
}

// chooses reports whether the peer has asked for a document.
func (w *world) chooses(d *document) bool {
	ids, isOld := w.chosen.IDs, w.chosen.LiveOnly && d.is.deleted() && d.seq <= w.chosen.Fresh
	return (ids == nil || ids[d.id]) && !isOld
}

// hasHad reports whether the peer has the document's revision, or has lost it since, which it says then.
func (w *world) hasHad(d *document) bool {
	has := w.peer[d.id]
	return has != version{} && has.has(d.is) || d.is.a > 0 && !d.is.byPeer && w.had[d.id].a >= d.is.a
}

func (w *world) fail(format string, args ...any) {
	w.wrong = append(w.wrong, fmt.Sprintf(format, args...))
	w.note("WRONG: "+format, args...)
}

func (w *world) note(format string, args ...any) {
	if w.trace != nil {
		fmt.Fprintf(w.trace, "%5d  "+format+"\n", append([]any{w.steps}, args...)...)
	}
}

func (w *world) chance(one int) bool { return w.random.IntN(one) == 0 }

func (w *world) head(d *document) outbox.Head {
	return outbox.Head{
		ID: d.id, Sequence: d.seq, Rev: d.is.rev(), Conflicted: d.conflicted, Deleted: d.is.deleted(), Size: 1 + d.is.a%7, Known: d.known.id(),
	}
}

func (w *world) filter(d *document) outbox.Filter {
	return func() (bool, error) {
		if d.filter == fails {
			return false, errFilter
		}
		return d.filter == passes, nil
	}
}

// change gives a document a new sequence.
func (w *world) change(d *document, is version) {
	w.last++
	d.seq, d.is, d.echo = w.last, is, false
	w.target = true
	w.note("change %s to %v at %d", d.id, is, d.seq)
	w.box.Refeed()
}

func (w *world) document(id string) *document {
	return w.docs[slices.IndexFunc(w.docs, func(d *document) bool { return d.id == id })]
}

// do performs what the outbox wants done next, and reports whether that was anything.
func (w *world) do() bool {
	step := w.box.Next()
	w.note("step %d of %s", step.Do, names(step.Items))
	switch step.Do {
	case outbox.Rest:
		return false
	case outbox.Report:
		w.report(step.Items)
	case outbox.Touch:
		for _, it := range step.Items {
			if d := w.document(it.ID); d.seq == it.Sequence && !d.conflicted {
				w.change(d, version{a: d.is.a + 1, p: d.is.p})
			}
		}
	case outbox.Read:
		w.read(step.Items, step.Limit)
	case outbox.Announce:
		w.announce(step.Items)
	case outbox.CatchUp:
		if !w.offers || w.caughtUp {
			w.fail("the peer is told that it is caught up: offers %v, told before %v", w.offers, w.caughtUp)
		}
		w.caughtUp = true
	case outbox.Send:
		for _, it := range step.Items {
			w.send(it)
		}
	case outbox.Mark:
		if w.marking != nil || w.offers {
			w.fail("something is marked, though something else is, or though we only offer")
		}
		w.marking = step.Items
	}
	return true
}

func (w *world) report(items []*outbox.Item) {
	for _, it := range items {
		end := it.End()
		if w.toldItems[it] {
			w.fail("the user is told of %s at %d twice", it.ID, it.Sequence)
		}
		w.toldItems[it] = true
		w.told[it.Sequence] = end
		w.refused[it.Sequence] = end.Err != nil && !end.Pending
		d := w.document(it.ID)
		if end.Err == nil && d.seq == it.Sequence && !w.hasHad(d) && d.known != d.is {
			w.fail("the user is told that %s at %d has arrived: %v, the peer has %v", it.ID, it.Sequence, d.is, w.peer[it.ID])
		}
	}
	w.box.Told(items)
}

func (w *world) read(items []*outbox.Item, limit int) {
	for _, it := range items {
		d := w.document(it.ID)
		if d.seq == 0 {
			w.box.Looked(it, nil, nil)
			continue
		}
		head := w.head(d)
		w.box.Looked(it, &head, w.filter(d))
	}
	if limit == 0 {
		return
	}
	next := make([]*document, 0, len(w.docs))
	for _, d := range w.docs {
		if d.seq > w.cursor {
			next = append(next, d)
		}
	}
	slices.SortFunc(next, func(a, b *document) int { return int(a.seq) - int(b.seq) })
	exhausted := len(next) < limit
	for _, d := range next[:min(limit, len(next))] {
		w.cursor = d.seq
		w.box.Changed(w.head(d), w.filter(d))
	}
	if exhausted {
		w.target = false
	}
	w.box.Reached(w.cursor, exhausted)
}

// announce has an announcement on its way, or as much of it as goes into a frame.
func (w *world) announce(items []*outbox.Item) {
	if len(items) == 0 || len(items) > w.limits.Batch {
		w.fail("an announcement of %d", len(items))
	}
	if fit := 1 + w.random.IntN(4*len(items)); fit < len(items) {
		w.box.PutBack(items[fit:])
		items = items[:fit]
	}
	seen := make(map[string]bool)
	for _, it := range items {
		if seen[it.ID] && !w.offers {
			w.fail("%s is twice in one announcement", it.ID)
		}
		seen[it.ID] = true
		for _, other := range w.underWay() {
			if other == it || !w.offers && other.ID == it.ID {
				w.fail("%s is announced at %d while %d is under way", it.ID, it.Sequence, other.Sequence)
			}
		}
		w.checkOrder(it)
		if it.Conflicted || w.document(it.ID).seq == it.Sequence && it.Rev.ID != w.document(it.ID).is.id() {
			w.fail("%s is announced at %d as %s", it.ID, it.Sequence, it.Rev.ID)
		}
	}
	w.announced = append(w.announced, items)
	if len(w.announced) > w.limits.Announcements {
		w.fail("%d announcements are not answered", len(w.announced))
	}
}

// checkOrder objects to an announcement before its turn to a peer that subscribes: the peer's checkpoint passes over
// what it has not heard of by then.
func (w *world) checkOrder(it *outbox.Item) {
	if !w.offers {
		return
	}
	switch {
	case it.Sequence > w.cursor:
		w.fail("%s is announced at %d, and the feed has come to %d", it.ID, it.Sequence, w.cursor)
	case it.Sequence < w.front && !w.shown[it.Sequence] && !w.reminded[it.ID]:
		w.fail("%s is announced at %d, after %d", it.ID, it.Sequence, w.front)
	}
	w.shown[it.Sequence], w.front = true, max(w.front, it.Sequence)
}

// underWay returns what the peer has not answered or not got.
func (w *world) underWay() (all []*outbox.Item) {
	for _, batch := range w.announced {
		all = append(all, batch...)
	}
	all = append(all, w.sent...)
	for it := range w.asked {
		all = append(all, it)
	}
	return all
}

// send has a revision on its way. One that was not asked for makes peers hang up; and only one revision of
// a document is in flight.
func (w *world) send(it *outbox.Item) {
	if !w.asked[it] {
		w.fail("%s is sent at %d, and nobody has asked for it", it.ID, it.Sequence)
	}
	delete(w.asked, it)
	for _, other := range w.sent {
		if other.ID == it.ID {
			w.fail("%s is sent at %d while %d is", it.ID, it.Sequence, other.Sequence)
		}
	}
	d := w.document(it.ID)
	switch {
	case d.seq == 0, d.conflicted, !d.is.rev().Contains(it.Rev.ID):
		w.box.Withheld(it, nil)
		return
	case !w.benign && w.chance(40):
		w.box.Withheld(it, fault.Crypto)
		return
	}
	p := outbox.Parcel{Bytes: 1 + d.is.a%7, Delta: !it.Whole && w.chance(2)}
	w.box.Sending(it, d.is.rev(), d.is.deleted(), p)
	w.isDelta[it] = p.Delta
	w.sent = append(w.sent, it)
	if len(w.sent) > w.limits.UnansweredRevs {
		w.fail("%d revisions are not answered", len(w.sent))
	}
}

func names(items []*outbox.Item) string {
	var b strings.Builder
	for _, it := range items {
		fmt.Fprintf(&b, " %s@%d=%s", it.ID, it.Sequence, it.Rev.ID)
	}
	return b.String()
}
