package fleet_test

import (
	"context"
	"errors"
	"slices"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/blip/bliptest"
	"github.com/tandemdb/tandem/internal/replication"
	"github.com/tandemdb/tandem/internal/store"
)

// link is a replicator from one peer to another.
type link struct {
	n               *network
	active, passive *peer
	over            bool // the next session must start over
}

// sync runs one session, and returns how much it has moved. If cut is not 0, the connection breaks after as many
// frames of the active side.
func (l *link) sync(cut int64) (moved uint64) {
	a, p := l.active, l.passive
	l.n.note("sync %s to %s, cut after %d", a.name, p.name, cut)
	pipeA, pipeP := blip.NewPipePair()
	if cut > 0 {
		pipeA = bliptest.Cut(pipeA, cut)
	}
	protocol := a.protocol(p)
	options := replication.CollectionOptions{Collection: a.coll, Push: true, Pull: true}
	if l.n.merges {
		options.Resolver = merge
	}
	active := replication.NewActive(pipeA, replication.Active{
		Common:      replication.Common{DB: a.db, Protocol: protocol, Deltas: true},
		Collections: []replication.CollectionOptions{options},
		Remote:      "ws://" + p.name,
		StartedOver: l.over,
	})
	passive := replication.NewPassive(pipeP, replication.Passive{
		Common:      replication.Common{DB: p.db, Protocol: protocol, Deltas: true},
		Collections: []*store.Collection{p.coll},
	})
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = passive.Run(context.Background()) // ends with the active side
	}()
	err := active.Run(context.Background())
	if err != nil && cut == 0 && !errors.Is(err, replication.ErrStartOver) {
		l.n.t.Errorf("seed %d: session of %s with %s: %v", l.n.seed, a.name, p.name, err)
	}
	<-done
	a.noteNews()
	p.noteNews()
	l.over = errors.Is(err, replication.ErrStartOver)
	progress := active.Progress()
	return progress.Push.Documents + progress.Pull.Documents + progress.Conflicts
}

// merge resolves a conflict by a content with the edits of both sides. It is the same on every peer.
func merge(_ context.Context, c replication.Conflict) (replication.Decision, error) {
	switch {
	case c.Local == nil:
		return replication.Decision{Winner: store.LocalWins}, nil
	case c.Remote == nil:
		return replication.Decision{Winner: store.RemoteWins}, nil
	}
	a, b := contentOf(c.Local.Body), contentOf(c.Remote.Body)
	merged := content{Edits: union(a.Edits, b.Edits), Knows: union(a.Knows, b.Knows)}
	return replication.Decision{Winner: store.Merged, Body: merged.body()}, nil
}

// union returns the numbers of both lists, in order.
func union(a, b []int) []int {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

// settle syncs over all links until nothing moves.
func (n *network) settle() {
	n.note("settle")
	for range 30 {
		moved, over := uint64(0), false
		for _, l := range n.links {
			moved += l.sync(0)
			over = over || l.over
		}
		if moved == 0 && !over {
			return
		}
	}
	n.complain("it does not come to rest")
}
