package both_test

import (
	"fmt"
	"math/rand"
	"slices"
	"strings"

	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/revision/both"
)

// The simulation: one document on model peers of both generations and on databases of both, which are
// the real code. Peers edit, sync over random links and are cut off; then everything syncs until nothing
// changes. A judge, which no peer can ask, follows which edit was made in knowledge of which.

// edits is a set of edits.
type edits [2]uint64

func (a edits) or(b edits) edits    { return edits{a[0] | b[0], a[1] | b[1]} }
func (a edits) with(n int) edits    { a[n/64] |= 1 << (n % 64); return a }
func (a edits) within(b edits) bool { return a[0]&^b[0] == 0 && a[1]&^b[1] == 0 }

// content is what a revision holds. Only the judge looks at made and past.
type content struct {
	body    string
	deleted bool
	made    edits // the edits that the content consists of
	past    edits // the edits that were known to whom made it
}

func (c content) same(o content) bool { return c.body == o.body && c.deleted == o.deleted }

// message is a rev message.
type message struct {
	rev     revision.Rev // the ancestors of a version are its legacy tail
	tree    []revision.ID
	gaveUp  []revision.ID // deleted_branch, superseded
	claim   revision.ID   // the parent of the proposal
	content content
	from    both.Sender
	alias   revision.ID // nothing is sent: the receiver has the revision under this name
}

// offer is an item of changes or proposeChanges.
type offer struct {
	rev  revision.Rev
	tree revision.ID
}

const (
	treesOnly   = "3.x"
	vectorsOnly = "4.x"
	serveBoth   = "both"
	gateways    = "gateway"
)

// peer is one database. mode is the protocol's number; other is the index of the peer on the other end.
type peer interface {
	kind() string
	head(mode int) offer
	known(mode, other int) revision.ID
	setKnown(mode, other int, id revision.ID)
	propose(mode, other int, o offer, parent revision.ID) (status int, current revision.Rev)
	compose(mode, other int, known []revision.ID) message
	take(mode, other int, m message, passive bool) (accepted bool)
	want(mode, other int, o offer) (send bool, known []revision.ID)
	descends(mode int, from revision.Rev) bool
	edit(content)
	content() (content, bool)
	fingerprint() string
}

type link struct{ active, passive, mode int }

type world struct {
	*rand.Rand
	now     int64
	skew    []int64
	peers   []peer
	links   []link
	merges  bool              // peers have resolvers that merge
	pulled  map[[2]int]string // the checkpoint of a pull: what was pulled last
	n       int               // edits so far
	cut     bool
	failed  bool // a gateway has answered an app with an error that no database of both can mend
	settles bool
	log     func(format string, args ...any)
	verdict
}

// verdict is what the judge has found.
type verdict struct {
	conflicts, needless, lost, hidden int
	made                              int // revisions that nobody edited
}

// wall returns the clock of a peer.
func (w *world) wall(p int) revision.Time {
	return revision.Time(1_780_000_000_000_000_000+(w.now+w.skew[p])*1_000_000_000) &^ 0xffff
}

func sourceOf(p int) revision.Source {
	return revision.SourceFrom([16]byte{byte(p + 1), 7, 15: byte(p)})
}

// replaced judges that a peer has put one content in place of another without seeing a conflict.
func (w *world) replaced(p int, old, next content, why string) {
	if old.made.within(next.past) || old.same(next) {
		return
	}
	w.hidden++
	if next.made.within(old.past) && !old.made.within(next.past) {
		w.lost++
		w.log("!! %d (%s): older %s in place of %s", p, why, next.body, old.body)
		return
	}
	w.log("! %d (%s): %s hides %s", p, why, next.body, old.body)
}

// resolved judges the outcome of a conflict.
func (w *world) resolved(p int, local, remote, outcome content) {
	if local.same(remote) {
		return
	}
	knewLocal, knewRemote := local.made.within(remote.past), remote.made.within(local.past)
	if knewLocal == knewRemote {
		w.conflicts++
		w.log("conflict at %d: %s / %s: %s", p, local.body, remote.body, outcome.body)
		return
	}
	w.needless++
	newer := local
	if knewLocal {
		newer = remote
	}
	if !newer.made.within(outcome.made) {
		w.lost++
		w.log("!! %d: needless conflict of %s and %s loses %s", p, local.body, remote.body, newer.body)
	}
}

// decide resolves a conflict by a resolver that merges, or by the default rule.
func (w *world) decide(local, remote content, localWins bool) (outcome content, who string) {
	past := local.past.or(remote.past)
	switch {
	case local.deleted != remote.deleted:
		localWins = local.deleted
	case w.merges && !local.deleted && !local.same(remote):
		names := []string{local.body, remote.body}
		slices.Sort(names)
		body := fmt.Sprintf("m%08x", hash(strings.Join(names, "+")))
		return content{body: body, made: local.made.or(remote.made), past: past}, "merge"
	}
	outcome, who = remote, "remote"
	if localWins {
		outcome, who = local, "local"
	}
	outcome.past = past
	return outcome, who
}

func hash(s string) (h uint32) {
	for _, c := range []byte(s) {
		h = h*16777619 ^ uint32(c)
	}
	return h
}

// push proposes the head of the active peer, and sends it.
func (w *world) push(l link, cuts bool) {
	a, p := w.peers[l.active], w.peers[l.passive]
	for range 4 {
		o := a.head(l.mode)
		parent := a.known(l.mode, l.passive)
		if o.rev.IsZero() || parent == o.rev.ID || a.kind() == serveBoth && a.(*bridge).Is(parent) {
			return
		}
		proposed := o
		if a.kind() == vectorsOnly && w.Intn(2) == 0 {
			proposed.rev.History = revision.History{}
		}
		status, current := p.propose(l.mode, l.active, proposed, parent)
		w.log("  push %d>%d /%d %s parent %s: %d %s", l.active, l.passive, l.mode, show(o.rev), parent, status, show(current))
		switch status {
		case revision.Accept:
			w.deliver(l, cuts, parent, o)
			return
		case revision.Known:
			a.setKnown(l.mode, l.passive, a.head(l.mode).rev.ID)
			return
		}
		w.announceAgain(l)
		if current.IsZero() || current.ID == parent || !a.descends(l.mode, current) {
			return
		}
		a.setKnown(l.mode, l.passive, current.ID)
	}
}

func (w *world) deliver(l link, cuts bool, parent revision.ID, o offer) {
	a, p := w.peers[l.active], w.peers[l.passive]
	var known []revision.ID
	if parent != "" {
		known = []revision.ID{parent}
	}
	m := a.compose(l.mode, l.passive, known)
	m.claim = parent
	if w.cutNow(cuts) {
		return
	}
	ok := p.take(l.mode, l.active, m, true)
	if w.cutNow(cuts) {
		return
	}
	if ok {
		a.setKnown(l.mode, l.passive, m.rev.ID)
		return
	}
	w.log("  refused")
	w.announceAgain(l)
	if b, is := a.(*bridge); is && l.mode == 4 && p.kind() == vectorsOnly {
		b.renew(0)
	}
}

// announceAgain has a passive database of both announce its head once more, after a refusal.
func (w *world) announceAgain(l link) {
	if w.peers[l.passive].kind() == serveBoth {
		delete(w.pulled, [2]int{l.active, l.passive})
	}
}

func (w *world) cutNow(cuts bool) bool {
	w.cut = w.cut || cuts && w.Intn(3) == 0
	return w.cut
}

// pull has the active peer take the head of the passive one.
func (w *world) pull(l link, cuts bool) {
	a, p := w.peers[l.active], w.peers[l.passive]
	key, print := [2]int{l.active, l.passive}, p.fingerprint()
	o := p.head(l.mode)
	if o.rev.IsZero() || w.pulled[key] == print {
		return
	}
	announced := o
	if p.kind() == gateways || p.kind() == vectorsOnly && w.Intn(2) == 0 {
		announced.rev.History = revision.History{}
	}
	send, known := a.want(l.mode, l.passive, announced)
	w.log("  pull %d<%d /%d %s: %v %v", l.active, l.passive, l.mode, show(o.rev), send, known)
	if !send {
		w.pulled[key] = print
		return
	}
	m := p.compose(l.mode, l.active, known)
	print = p.fingerprint()
	if m.alias != "" {
		a.want(l.mode, l.passive, offer{rev: revision.Rev{ID: m.alias}})
		w.pulled[key] = print
		return
	}
	if w.cutNow(cuts) {
		return
	}
	a.take(l.mode, l.passive, m, false)
	w.pulled[key] = print
}

// session is one connection. Clients of trees push first if a database of both listens.
func (w *world) session(l link, cuts bool) {
	w.cut = false
	steps := []func(link, bool){w.push, w.pull, w.push}
	c, upgraded := w.peers[l.active].(*vectorPeer)
	pushFirst := w.peers[l.passive].kind() == serveBoth && (l.mode == 3 || upgraded && c.legacy != "")
	if !pushFirst && w.Intn(2) == 0 {
		steps[0], steps[1] = steps[1], steps[0]
	}
	for _, step := range steps {
		if step(l, cuts); w.cut {
			return
		}
	}
}

func show(r revision.Rev) string {
	return fmt.Sprint(short(string(r.ID)), r.History.Previous, r.History.Ancestors)
}

func short(s string) string { return s[:min(len(s), 30)] }
