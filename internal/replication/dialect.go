package replication

import (
	"context"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/replication/outbox"
	"github.com/tandemdb/tandem/internal/replication/wire"
	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/store"
)

// dialect is how the peers of a connection name revisions, and what a name says about descent. A
// database of one generation speaks [oneGeneration]; one of both speaks [thirdOfBoth] or [fourthOfBoth].
type dialect interface {
	// versions reports whether the peer's revisions may be versions.
	versions() bool

	// versioning is what a subscription to the peer's changes asks for.
	versioning() store.Versioning

	// greets adds what the dialect says of itself when the peers meet; met reads what the peer says.
	greets(p *blip.Properties)
	met(p blip.Properties)

	// begin is called before the peer is told of any revision.
	begin(ctx context.Context, db *store.DB) error

	// named gives an item of the push the names that the peer understands. h.Rev and h.Known are as stored.
	named(h *outbox.Head)

	// tells returns a stored revision as the peer is told of it.
	tells(stored revision.Rev) revision.Rev

	// stored returns the ID under which the database stores an incoming revision.
	stored(id revision.ID) revision.ID

	// wants answers an announcement, given our head and the revision that the peer is known to have.
	wants(ours *store.Document, known revision.ID, c wire.Change) ruling

	// judges answers a proposal; ours is nil if the document does not exist.
	judges(ours *store.Document, p wire.Proposal) ruling

	// reads completes an incoming revision from its message. claim is the parent for which it was proposed.
	reads(in *store.Incoming, properties blip.Properties, claim revision.ID)

	// sends returns an item's revision in the form in which the peer takes it.
	sends(it *outbox.Item, rev revision.Rev) revision.Rev

	// history returns the history of a revision for the peer ("" to send none), and the tree revision
	// that the peer has ("" if it has none). limit is the peer's, which counts the revision too. shown
	// looks up the tree revision that the peer has shown before.
	history(it *outbox.Item, rev revision.Rev, limit int, shown lookup) (history string, tree revision.ID, err error)

	// addTo adds what only this dialect says about an item to its rev message.
	addTo(m *blip.Message, it *outbox.Item, rev revision.Rev)

	// alias returns the tree ID by which the peer has the item's revision already, or "".
	alias(it *outbox.Item) revision.ID

	// tellsAgain reports whether a client whose revision was refused is told of ours once more. It waits for
	// that, and may have passed it over before.
	tellsAgain() bool

	// pushesFirst reports whether a client pushes before we send changes that it may know under another name.
	pushesFirst() bool

	// hasUnsent reports whether a client that lists known for an item has a revision that we lack, so that it
	// is to push before it gets the item.
	hasUnsent(it *outbox.Item, known []revision.ID) bool
}

// ruling is the answer to an announcement or a proposal, with what it makes of our head.
type ruling struct {
	order   revision.Order // of an announcement: see [revision.Wanted]
	status  int            // of a proposal
	known   []revision.ID  // of a wanted revision: where its history may end; nil for the usual ones
	current revision.Rev   // of a refused proposal: what we have

	renew bool        // only a new version of our content settles it
	learn revision.ID // another name of a revision that our head has seen; or ""
}

type lookup func() (revision.ID, error)

// oneGeneration names revisions as the database stores them.
type oneGeneration struct{ is store.Versioning }

func (d oneGeneration) versions() bool                                    { return d.is == store.VersionVectors }
func (d oneGeneration) versioning() store.Versioning                      { return d.is }
func (oneGeneration) begin(context.Context, *store.DB) error              { return nil }
func (oneGeneration) greets(*blip.Properties)                             {}
func (oneGeneration) met(blip.Properties)                                 {}
func (oneGeneration) named(*outbox.Head)                                  {}
func (oneGeneration) tells(stored revision.Rev) revision.Rev              { return stored }
func (oneGeneration) stored(id revision.ID) revision.ID                   { return id }
func (oneGeneration) sends(_ *outbox.Item, rev revision.Rev) revision.Rev { return rev }
func (oneGeneration) alias(*outbox.Item) revision.ID                      { return "" }
func (oneGeneration) tellsAgain() bool                                    { return false }
func (oneGeneration) pushesFirst() bool                                   { return false }
func (oneGeneration) hasUnsent(*outbox.Item, []revision.ID) bool          { return false }
func (oneGeneration) reads(*store.Incoming, blip.Properties, revision.ID) {}

func (oneGeneration) wants(ours *store.Document, _ revision.ID, c wire.Change) ruling {
	return ruling{order: revision.Wanted(ours.Rev, c.Rev)}
}

func (oneGeneration) judges(ours *store.Document, p wire.Proposal) ruling {
	var current revision.Rev
	deleted := false
	if ours != nil {
		current, deleted = ours.Rev, ours.Deleted
	}
	return ruling{status: revision.Proposal(current, deleted, p.Rev, p.Parent), current: current}
}

func (oneGeneration) history(it *outbox.Item, rev revision.Rev, limit int, look lookup) (history string, tree revision.ID, err error) {
	if !rev.ID.IsVersion() {
		return rev.WireHistory(limit, it.PeerHas), "", nil
	}
	if it.Parent.IsTree() {
		tree = it.Parent
	}
	if len(it.Theirs) > 0 && it.Theirs[0].IsTree() {
		tree = it.Theirs[0]
	}
	var shown revision.ID
	if tree == "" && len(rev.History.Ancestors) > 0 {
		if shown, err = look(); err != nil {
			return "", "", err
		}
	}
	for _, id := range it.Theirs {
		if shown == "" && id.IsTree() {
			shown = id
		}
	}
	current := tree
	if current == "" && it.Parent.Source() == revision.LegacySource {
		current = it.Parent
	}
	return rev.VectorHistory(current, shown, limit), tree, nil
}

func (oneGeneration) addTo(m *blip.Message, _ *outbox.Item, rev revision.Rev) {
	if superseded := rev.History.Superseded; len(superseded) > 0 {
		m.Properties.Add(wire.PropSuperseded, revision.JoinIDs(superseded))
	}
}
