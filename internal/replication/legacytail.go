package replication

import (
	"context"
	"fmt"
	"strings"

	"github.com/tandemdb/tandem/internal/replication/outbox"
	"github.com/tandemdb/tandem/internal/replication/wire"
	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/store"
)

// A document written before its database adopted version vectors has tree IDs in its history, and a
// peer keeps at most one of them: see [revision.Rev.VectorHistory]. This file records which one
// each peer has shown.

// maxTrees bounds the tree IDs that are kept for all clients of a listener together, and for each
// remote and collection: clients come and go, and documents are purged. Those that were not shown
// for longest go first. Without its tree ID a peer may see a conflict where there is none; nothing is
// lost.
const maxTrees = 200_000

// treeKey returns where the tree ID that the peer has shown of a document is kept: a space of small
// values and a key in it. ok is false where the session keeps no such record. Clients are known
// by the ID of their checkpoint.
func (c *collection) treeKey(id string) (space, key string, ok bool) {
	switch {
	case !c.keepsTrees():
		return "", "", false
	case c.s.remote != 0:
		return recordSpace("tree of", c.s.remote, c.store()), id, true
	default:
		return "trees of clients", fmt.Sprintf("%q %s %s", c.client, c.store().FullName(), id), true
	}
}

func (c *collection) keepsTrees() bool { return c.s.versions() && (c.s.remote != 0 || c.client != "") }

// noteTree records the tree ID that the peer has shown of a document. It ignores "".
func (c *collection) noteTree(tx *store.Tx, id string, tree revision.ID) error {
	if tree == "" {
		return nil // the common case
	}
	space, key, ok := c.treeKey(id)
	if !ok {
		return nil
	}
	value := tx.Now().UTC().Format("2006-01") + " " + string(tree)
	is, err := tx.Info(space, key)
	if err != nil || string(is) == value {
		return err
	}
	return tx.SetBoundedInfo(space, key, []byte(value), maxTrees)
}

// shownTree returns the recorded tree ID of a document, or "".
func (c *collection) shownTree(tx *store.Tx, id string) (revision.ID, error) {
	space, key, ok := c.treeKey(id)
	if !ok {
		return "", nil
	}
	value, err := tx.Info(space, key)
	_, tree, _ := strings.Cut(string(value), " ") // after the month in which it was shown last
	return revision.ID(tree), err
}

// noteArrived records the tree ID that the peer has shown by sending rev. If a remote's current
// revision is a tree ID, the store already keeps it with the document.
func (c *collection) noteArrived(tx *store.Tx, id string, rev revision.Rev) error {
	if rev.ID.IsTree() && c.s.remote != 0 {
		return nil
	}
	return c.noteTree(tx, id, rev.ShownTree())
}

// noteListed records the tree revisions that a client has listed, before it gets newer ones.
func (c *collection) noteListed(batch []*outbox.Item, answers []wire.Answer) error {
	if c.s.remote != 0 || !c.keepsTrees() {
		return nil
	}
	listed := make(map[string]revision.ID)
	for i, a := range answers {
		if len(a.Known) > 0 && a.Known[0].IsTree() && batch[i].Rev.ID.IsVersion() {
			listed[batch[i].ID] = a.Known[0]
		}
	}
	return c.noteTrees(c.s.work, listed)
}

// noteProposed records the tree revisions that a peer has and has proposed although ours are later.
func (c *collection) noteProposed(ctx context.Context, proposals []wire.Proposal, answers []wire.Answer) error {
	if !c.keepsTrees() {
		return nil
	}
	proposed := make(map[string]revision.ID)
	for i, p := range proposals {
		if p.Rev.ID.IsTree() && answers[i].Status == revision.Known {
			proposed[p.ID] = p.Rev.ID
		}
	}
	return c.noteTrees(ctx, proposed)
}

// noteTrees is noteTree for several documents, in a transaction of its own.
func (c *collection) noteTrees(ctx context.Context, trees map[string]revision.ID) error {
	if len(trees) == 0 {
		return nil
	}
	return c.s.db.Update(ctx, func(tx *store.Tx) error {
		for id, tree := range trees {
			if err := c.noteTree(tx, id, tree); err != nil {
				return err
			}
		}
		return nil
	})
}

// history returns the history of a revision for this peer ("" to send none), and the tree revision
// that the peer has ("" if it has none).
func (w *composer) history(tx *store.Tx, it *outbox.Item, rev revision.Rev) (history string, tree revision.ID, err error) {
	return w.c.s.dialect.history(it, rev, w.peer.maxHistory, func() (revision.ID, error) { return w.c.shownTree(tx, it.ID) })
}
