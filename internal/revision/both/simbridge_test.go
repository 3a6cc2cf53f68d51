package both_test

import (
	"fmt"
	"slices"

	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/revision/both"
)

// bridge is a database of both generations. All that it decides, the real code decides.
type bridge struct {
	both.Head
	w      *world
	index  int
	has    bool
	d      content
	trees  map[int]revision.ID // what remotes have, over the third protocol
	remote map[int]revision.ID // and over the fourth
	shown  map[int]revision.ID // the tree ID from before its upgrade that a peer of the fourth has shown
	clock  revision.Time
}

func newBridge(w *world, index int) *bridge {
	return &bridge{
		w: w, index: index,
		trees: map[int]revision.ID{}, remote: map[int]revision.ID{}, shown: map[int]revision.ID{},
	}
}

func (*bridge) kind() string               { return serveBoth }
func (b *bridge) content() (content, bool) { return b.d, b.has }
func (b *bridge) sender(other int) both.Sender {
	return map[string]both.Sender{serveBoth: both.OfBoth, gateways: both.Gateway}[b.w.peers[other].kind()]
}

func (b *bridge) remotes(mode int) map[int]revision.ID {
	if mode == 3 {
		return b.trees
	}
	return b.remote
}
func (b *bridge) known(mode, other int) revision.ID        { return b.remotes(mode)[other] }
func (b *bridge) setKnown(mode, other int, id revision.ID) { b.remotes(mode)[other] = id }

func (b *bridge) fingerprint() string {
	if !b.has {
		return ""
	}
	return fmt.Sprint(b.Rev().ID, b.Chain()[0], b.d.body, b.d.deleted)
}

func (b *bridge) head(mode int) offer {
	switch {
	case !b.has:
		return offer{}
	case mode == 3:
		return offer{rev: revision.Rev{ID: b.Chain()[0]}}
	}
	r := b.Vector()
	r.History.Ancestors = nil
	return offer{rev: r, tree: b.Chain()[0]}
}

// keep stores a head, by way of its stored form.
func (b *bridge) keep(h both.Head) {
	r := h.Rev()
	stored, err := revision.ParseStored(string(r.ID), r.History.String())
	if err != nil {
		panic(fmt.Sprintf("%v: %s %s", err, r.ID, r.History))
	}
	b.Head, b.has = both.HeadOf(stored), true
	if again := b.Rev(); again.History.String() != r.History.String() || again.ID != r.ID {
		panic(fmt.Sprintf("stored %s %s, read %s %s", r.ID, r.History, again.ID, again.History))
	}
	b.clock = max(b.clock, revision.Greatest(r))
}

func (b *bridge) tick() revision.ID {
	b.clock = max(b.clock+1, b.w.wall(b.index))
	return revision.NewVersion(b.clock, sourceOf(b.index))
}

func (b *bridge) edit(d content) {
	version := b.tick()
	if b.has {
		b.keep(b.Next(version, 0))
	} else {
		b.keep(both.HeadOf(revision.Rev{ID: version}))
	}
	b.d = d
}

// renew makes a new version of the same content.
func (b *bridge) renew(least uint64) {
	b.keep(b.Next(b.tick(), least))
	b.w.made++
	b.w.log("%d renews: %s", b.index, b.Chain()[0])
}

// note does what an answer asks for beside itself.
func (b *bridge) note(a both.Answer, o offer) {
	switch {
	case a.Renew:
		b.renew(0)
	case a.Learn != "":
		b.keep(b.Learn(a.Learn))
	}
}

// noteShown notes the tree ID that a peer has kept from before its upgrade.
func (b *bridge) noteShown(mode, other int, id revision.ID) {
	if mode == 4 && id.IsTree() && b.w.peers[other].kind() == vectorsOnly {
		b.shown[other] = id
	}
}

func (b *bridge) propose(mode, other int, o offer, parent revision.ID) (int, revision.Rev) {
	b.noteShown(mode, other, o.rev.ID)
	if !b.has {
		return revision.Accept, revision.Rev{}
	}
	a := b.Propose(both.Offer{Rev: o.rev, Tree: o.tree, Parent: parent}, b.sender(other))
	b.note(a, o)
	return a.Status, b.head(mode).rev
}

func (b *bridge) want(mode, other int, o offer) (bool, []revision.ID) {
	b.noteShown(mode, other, o.rev.ID)
	if !b.has {
		return true, nil
	}
	a := b.Want(both.Offer{Rev: o.rev, Tree: o.tree}, b.sender(other))
	b.note(a, o)
	if a.Status == revision.Known {
		b.setKnown(mode, other, o.rev.ID)
		return false, nil
	}
	return true, a.Known
}

func (b *bridge) take(mode, other int, m message, passive bool) bool {
	if len(m.rev.History.Ancestors) > 0 && m.rev.ID.IsVersion() {
		b.noteShown(mode, other, m.rev.History.Ancestors[0])
	}
	in := both.Incoming{
		Rev: m.rev, Tree: m.tree, Superseded: m.gaveUp, Claim: m.claim,
		Same: b.has && b.d.same(m.content), Passive: passive, From: m.from,
	}
	if !b.has {
		b.keep(both.First(in))
		b.d = m.content
	} else if r := b.Receive(in); r.Outcome == both.Conflicting && passive {
		return false
	} else {
		b.apply(r, m.content)
	}
	if !passive {
		b.setKnown(mode, other, m.rev.ID)
	}
	return true
}

func (b *bridge) apply(r both.Result, incoming content) {
	switch r.Outcome {
	case both.Ignored:
	case both.Named:
		incoming.past = incoming.past.or(b.d.past)
		b.d.past = incoming.past
		b.keep(r.Head)
	case both.Replaced:
		b.w.replaced(b.index, b.d, incoming, "both")
		incoming.past = incoming.past.or(b.d.past)
		b.d = incoming
		b.keep(r.Head)
	default:
		b.resolve(r.Head, incoming)
		return
	}
	if r.Renew {
		b.renew(0)
	}
}

func (b *bridge) resolve(theirs both.Head, incoming content) {
	localWins := both.DefaultWinner(b.Head, theirs, b.d.deleted, incoming.deleted) == both.Local
	outcome, who := b.w.decide(b.d, incoming, localWins)
	b.w.log("%d: %s / %s: %s", b.index, b.Chain()[0], theirs.Chain()[0], who)
	winner := map[string]both.Winner{"local": both.Local, "remote": both.Remote, "merge": both.Merged}[who]
	head, renew, least := both.Resolve(b.Head, theirs, winner, b.d.same(incoming))
	b.w.resolved(b.index, b.d, incoming, outcome)
	b.keep(head)
	b.d = outcome
	if renew {
		b.renew(least)
	}
}

func (b *bridge) descends(mode int, from revision.Rev) bool {
	if from.ID.IsVersion() {
		return b.Seen(from.ID) && !revisionIncludes(from, b.Rev().ID)
	}
	if !b.Seen(from.ID) {
		return false
	}
	if mode == 3 {
		b.keep(b.Learn(from.ID))
	}
	return true
}

func revisionIncludes(r revision.Rev, id revision.ID) bool { return vvOf(r).includes(id) }

func (b *bridge) compose(mode, other int, known []revision.ID) message {
	known = append(slices.Clip(known), b.known(mode, other))
	if mode == 3 {
		if alias := b.Alias(known[:len(known)-1]); alias != "" {
			return message{alias: alias}
		}
		r := revision.Rev{ID: b.Chain()[0]}
		r.History.Ancestors = b.History(known, revision.DefaultHistory-1)
		return message{rev: r, content: b.d}
	}
	m := message{rev: b.Rev(), content: b.d}
	m.rev.History = revision.History{Merges: m.rev.History.Merges, Previous: m.rev.History.Previous}
	if b.sender(other) == both.OfBoth {
		m.from, m.tree, m.gaveUp = both.OfBoth, b.Chain(), b.Rev().History.Superseded
		return m
	}
	if b.sender(other) == both.Gateway {
		return b.composeForGateway(m, other)
	}
	m.rev.History.Ancestors = b.tail(other, known)
	return m
}

// composeForGateway sends what a Sync Gateway lacks in a form that it takes, as the session does.
func (b *bridge) composeForGateway(m message, other int) message {
	if m.rev.ID.Source() != revision.LegacySource || b.w.peers[other].(*gateway).has() {
		return m
	}
	if b.IsPlain() {
		m.rev = revision.Rev{ID: b.Chain()[0], History: revision.History{Ancestors: b.History(nil, revision.DefaultHistory-1)}}
		return m
	}
	m.rev = b.Copy()
	return m
}

// tail returns the tree IDs that a peer of the fourth protocol needs to take the head as newer.
func (b *bridge) tail(other int, known []revision.ID) []revision.ID {
	i := slices.IndexFunc(known, revision.ID.IsTree)
	if i < 0 {
		if tree := b.shown[other]; tree != "" {
			return []revision.ID{tree}
		}
		return nil
	}
	b.noteShown(4, other, known[i])
	for _, id := range known[i:] {
		if id.IsTree() && b.Seen(id) {
			var tail []revision.ID
			for _, c := range b.Chain() {
				if c.Generation() > id.Generation() {
					tail = append(tail, c)
				}
			}
			return append(tail, id)
		}
	}
	return nil
}
