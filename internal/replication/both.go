package replication

import (
	"context"
	"slices"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/replication/outbox"
	"github.com/tandemdb/tandem/internal/replication/wire"
	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/revision/both"
	"github.com/tandemdb/tandem/internal/store"
)

// dialectOf returns the dialect for a database and a protocol.
func dialectOf(db *store.DB, protocol string) dialect {
	switch {
	case db.Versioning() != store.Both:
		return oneGeneration{db.Versioning()}
	case protocol == CBMobile4:
		return &fourthOfBoth{oneGeneration: oneGeneration{store.VersionVectors}, db: db}
	}
	return thirdOfBoth{}
}

// offered is an announced or proposed revision for the rules of both generations.
func offered(rev revision.Rev, tree, parent revision.ID) both.Offer {
	return both.Offer{Rev: rev, Tree: tree, Parent: parent}
}

// rulingOf translates an answer of the rules of both generations.
func rulingOf(a both.Answer, o both.Offer) ruling {
	r := ruling{status: a.Status, known: a.Known, renew: a.Renew, order: revision.Newer}
	if a.Status == revision.Known {
		r.order = revision.Older
	}
	if a.Learn {
		if r.learn = o.Rev.ID; o.Rev.ID.IsVersion() {
			r.learn = o.Tree
		}
	}
	return r
}

// ofBoth is what both dialects of a database of both generations share.
type ofBoth struct{}

func (ofBoth) stored(id revision.ID) revision.ID { return both.VersionOf(id) }

func (ofBoth) tellsAgain() bool { return true }

func (ofBoth) judge(ours *store.Document, p wire.Proposal, fromBoth bool) (ruling, both.Head) {
	if ours == nil {
		return ruling{}, both.Head{}
	}
	h := both.HeadOf(ours.Rev)
	o := offered(p.Rev, p.Tree, p.Parent)
	return rulingOf(h.Propose(o, fromBoth), o), h
}

// thirdOfBoth speaks to peers of revision trees.
type thirdOfBoth struct{ ofBoth }

func (thirdOfBoth) versions() bool               { return false }
func (thirdOfBoth) versioning() store.Versioning { return store.RevTrees }
func (thirdOfBoth) pushesFirst() bool            { return true }

func (thirdOfBoth) hasUnsent(*outbox.Item, []revision.ID) bool { return false }

func (thirdOfBoth) greets(*blip.Properties) {}
func (thirdOfBoth) met(blip.Properties)     {}

func (thirdOfBoth) begin(ctx context.Context, db *store.DB) error {
	return db.NoteMet(ctx, store.Third)
}

func (thirdOfBoth) tells(stored revision.Rev) revision.Rev { return both.HeadOf(stored).Tree() }

func (d thirdOfBoth) named(h *outbox.Head) {
	names := both.HeadOf(h.Rev)
	h.Names, h.Rev = &names, names.Tree()
	h.Known = names.TreeOf(h.Known)
}

func (thirdOfBoth) wants(ours *store.Document, _ revision.ID, c wire.Change) ruling {
	o := offered(c.Rev, "", "")
	r := rulingOf(both.HeadOf(ours.Rev).Want(o, false), o)
	if r.known == nil {
		r.known = []revision.ID{} // the usual ones may be versions, which mean nothing to this peer
	}
	return r
}

func (d thirdOfBoth) judges(ours *store.Document, p wire.Proposal) ruling {
	r, h := d.judge(ours, p, false)
	if ours != nil {
		r.current = h.Tree()
	}
	return r
}

func (thirdOfBoth) reads(in *store.Incoming, _ blip.Properties, claim revision.ID) { in.Claim = claim }

func (thirdOfBoth) history(it *outbox.Item, rev revision.Rev, limit int, _ lookup) (string, revision.ID, error) {
	if it.Names == nil || it.Names.Chain()[0] != rev.ID { // a newer revision goes in its place
		return rev.WireHistory(limit, it.PeerHas), "", nil
	}
	known := it.Theirs
	if it.Parent != "" {
		known = append(known[:len(known):len(known)], it.Parent)
	}
	if limit <= 0 {
		limit = revision.DefaultHistory
	}
	return revision.JoinIDs(it.Names.History(known, limit-1)), "", nil
}

func (thirdOfBoth) addTo(*blip.Message, *outbox.Item, revision.Rev) {}

func (thirdOfBoth) alias(it *outbox.Item) revision.ID {
	if it.Names == nil {
		return ""
	}
	return it.Names.Alias(it.Theirs)
}

// fourthOfBoth speaks to peers of version vectors. As long as no peer of the third generation has come, it
// goes by the rules of the fourth alone, at no cost.
type fourthOfBoth struct {
	oneGeneration
	both       ofBoth
	db         *store.DB
	peerIsBoth bool // set before the first announcement
}

func (d *fourthOfBoth) greets(p *blip.Properties)         { p.Add(wire.PropRevTree, wire.Yes) }
func (d *fourthOfBoth) met(p blip.Properties)             { d.peerIsBoth = p.Bool(wire.PropRevTree) }
func (d *fourthOfBoth) stored(id revision.ID) revision.ID { return d.both.stored(id) }
func (d *fourthOfBoth) tellsAgain() bool                  { return d.db.HasTrees() }

func (*fourthOfBoth) begin(ctx context.Context, db *store.DB) error {
	return db.NoteMet(ctx, store.Fourth)
}

func (d *fourthOfBoth) tells(stored revision.Rev) revision.Rev {
	if !d.db.HasTrees() {
		return stored
	}
	return both.HeadOf(stored).Vector()
}

func (d *fourthOfBoth) named(h *outbox.Head) {
	if !d.db.HasTrees() {
		return
	}
	names := both.HeadOf(h.Rev)
	h.Names, h.Rev = &names, names.Vector()
	if names.Is(h.Known) {
		h.Known = h.Rev.ID
	}
	if d.peerIsBoth {
		h.Tree = names.Chain()[0]
	}
}

func (d *fourthOfBoth) wants(ours *store.Document, known revision.ID, c wire.Change) ruling {
	if !d.db.HasTrees() {
		return d.oneGeneration.wants(ours, known, c)
	}
	o := offered(c.Rev, c.Tree, "")
	return rulingOf(both.HeadOf(ours.Rev).Want(o, d.peerIsBoth), o)
}

func (d *fourthOfBoth) judges(ours *store.Document, p wire.Proposal) ruling {
	if !d.db.HasTrees() {
		return d.oneGeneration.judges(ours, p)
	}
	r, h := d.both.judge(ours, p, d.peerIsBoth)
	if ours != nil {
		r.current = h.Vector()
	}
	return r
}

func (d *fourthOfBoth) reads(in *store.Incoming, properties blip.Properties, claim revision.ID) {
	in.Claim = claim
	if d.peerIsBoth && in.Rev.ID.IsVersion() {
		in.Tree = revision.ParseTreeIDs(properties.Value(wire.PropRevTree))
		in.Rev.History.Superseded = revision.ParseTreeIDs(properties.Value(wire.PropSuperseded))
	}
}

func (d *fourthOfBoth) history(it *outbox.Item, rev revision.Rev, limit int, shown lookup) (string, revision.ID, error) {
	if d.peerIsBoth && it.Names != nil {
		rev.History.Ancestors = nil
		return rev.VectorHistory("", "", 0), "", nil
	}
	return d.oneGeneration.history(it, rev, limit, shown)
}

// hasUnsent looks for tree IDs: a client of the fourth generation that was upgraded lists the one that it had.
func (d *fourthOfBoth) hasUnsent(it *outbox.Item, known []revision.ID) bool {
	return it.Names != nil && slices.ContainsFunc(known, func(id revision.ID) bool { return id.IsTree() && !it.Names.Seen(id) })
}

func (d *fourthOfBoth) addTo(m *blip.Message, it *outbox.Item, rev revision.Rev) {
	if !d.peerIsBoth || it.Names == nil {
		return
	}
	m.Properties.Add(wire.PropRevTree, revision.JoinIDs(it.Names.Chain()))
	if superseded := it.Names.Rev().History.Superseded; len(superseded) > 0 {
		m.Properties.Add(wire.PropSuperseded, revision.JoinIDs(superseded))
	}
}
