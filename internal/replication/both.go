package replication

import (
	"context"
	"slices"
	"sync/atomic"

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
func rulingOf(a both.Answer) ruling {
	r := ruling{status: a.Status, known: a.Known, renew: a.Renew, learn: a.Learn, order: revision.Newer}
	if a.Status == revision.Known {
		r.order = revision.Older
	}
	return r
}

// ofBoth is what both dialects of a database of both generations share.
type ofBoth struct{}

func (ofBoth) stored(id revision.ID) revision.ID { return both.VersionOf(id) }

func (ofBoth) tellsAgain() bool { return true }

func (ofBoth) judge(ours *store.Document, p wire.Proposal, from both.Sender) (ruling, both.Head) {
	if ours == nil {
		return ruling{}, both.Head{}
	}
	h := both.HeadOf(ours.Rev)
	return rulingOf(h.Propose(offered(p.Rev, p.Tree, p.Parent), from)), h
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
	r := rulingOf(both.HeadOf(ours.Rev).Want(offered(c.Rev, "", ""), both.App))
	if r.known == nil {
		r.known = []revision.ID{} // the usual ones may be versions, which mean nothing to this peer
	}
	return r
}

func (d thirdOfBoth) judges(ours *store.Document, p wire.Proposal) ruling {
	r, h := d.judge(ours, p, both.App)
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

func (thirdOfBoth) sends(_ *outbox.Item, rev revision.Rev) revision.Rev { return rev }

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
	both ofBoth
	db   *store.DB
	from atomic.Int32 // the peer's [both.Sender]
}

func (d *fourthOfBoth) peer() both.Sender { return both.Sender(d.from.Load()) }

func (d *fourthOfBoth) greets(p *blip.Properties)         { p.Add(wire.PropRevTree, wire.Yes) }
func (d *fourthOfBoth) stored(id revision.ID) revision.ID { return d.both.stored(id) }
func (d *fourthOfBoth) tellsAgain() bool                  { return d.db.HasTrees() }

func (d *fourthOfBoth) met(p blip.Properties) {
	switch {
	case p.Bool(wire.PropRevTree):
		d.from.Store(int32(both.OfBoth))
	case isFromGateway(p) || p.Bool(wire.PropClientSGR2):
		d.from.Store(int32(both.Gateway))
	}
}

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
	if d.peer() == both.OfBoth {
		h.Tree = names.Chain()[0]
	}
}

func (d *fourthOfBoth) wants(ours *store.Document, known revision.ID, c wire.Change) ruling {
	if !d.db.HasTrees() {
		return d.oneGeneration.wants(ours, known, c)
	}
	return rulingOf(both.HeadOf(ours.Rev).Want(offered(c.Rev, c.Tree, ""), d.peer()))
}

func (d *fourthOfBoth) judges(ours *store.Document, p wire.Proposal) ruling {
	if !d.db.HasTrees() {
		return d.oneGeneration.judges(ours, p)
	}
	r, h := d.both.judge(ours, p, d.peer())
	if ours != nil {
		r.current = h.Vector()
	}
	return r
}

func (d *fourthOfBoth) reads(in *store.Incoming, properties blip.Properties, claim revision.ID) {
	in.Claim = claim
	if !in.Rev.ID.IsVersion() {
		return
	}
	switch d.peer() {
	case both.App:
	case both.OfBoth:
		in.Tree = revision.ParseTreeIDs(properties.Value(wire.PropRevTree))
		in.Rev.History.Superseded = revision.ParseTreeIDs(properties.Value(wire.PropSuperseded))
	case both.Gateway:
		in.FromGateway = true
		if d.db.HasTrees() {
			in.Tree, in.Rev.History.Ancestors = gatewayTree(in, properties), nil
		}
	}
}

// gatewayTree returns the tree that a Sync Gateway has sent with a version: to another one as a property of its
// own, to those who have shown tree IDs alone in the history, where a Couchbase Lite has the ancestors.
func gatewayTree(in *store.Incoming, properties blip.Properties) []revision.ID {
	if tree := revision.ParseTreeIDs(properties.Value(wire.PropRevTree)); len(tree) > 0 {
		return tree
	}
	return in.Rev.History.Ancestors
}

func (d *fourthOfBoth) history(it *outbox.Item, rev revision.Rev, limit int, shown lookup) (string, revision.ID, error) {
	// A Sync Gateway that gets a tree ID which it lacks keeps its old body. What it has as a version needs none.
	alone := d.peer() == both.OfBoth || d.peer() == both.Gateway && !it.Parent.IsTree()
	if alone && it.Names != nil && rev.ID.IsVersion() {
		rev.History.Ancestors = nil
		return rev.VectorHistory("", "", 0), "", nil
	}
	return d.oneGeneration.history(it, rev, limit, shown)
}

// sends gives a tree revision of a document that a Sync Gateway lacks a form that it takes: it refuses the encoded
// tree ID there.
func (d *fourthOfBoth) sends(it *outbox.Item, rev revision.Rev) revision.Rev {
	if d.peer() != both.Gateway || rev.ID.Source() != revision.LegacySource || it.Parent != "" || len(it.Theirs) > 0 || !d.db.HasTrees() {
		return rev
	}
	h := both.HeadOf(rev)
	if !h.IsPlain() {
		return h.Copy()
	}
	tree := h.Tree()
	tree.History.Ancestors = h.History(nil, revision.DefaultHistory-1) // without gaps: it passes them on
	return tree
}

// hasUnsent looks for tree IDs: a client of the fourth generation that was upgraded lists the one that it had.
func (d *fourthOfBoth) hasUnsent(it *outbox.Item, known []revision.ID) bool {
	return it.Names != nil && slices.ContainsFunc(known, func(id revision.ID) bool { return id.IsTree() && !it.Names.Seen(id) })
}

func (d *fourthOfBoth) addTo(m *blip.Message, it *outbox.Item, rev revision.Rev) {
	if d.peer() != both.OfBoth || it.Names == nil {
		return
	}
	m.Properties.Add(wire.PropRevTree, revision.JoinIDs(it.Names.Chain()))
	if superseded := it.Names.Rev().History.Superseded; len(superseded) > 0 {
		m.Properties.Add(wire.PropSuperseded, revision.JoinIDs(superseded))
	}
}
