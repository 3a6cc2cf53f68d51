package replication

import (
	"github.com/tandemdb/tandem/internal/replication/outbox"
	"github.com/tandemdb/tandem/internal/store"
)

// noteTaken records that a remote has accepted items, and which tree revisions it had.
func noteTaken(tx *store.Tx, c *collection, items []*outbox.Item) error {
	for len(items) > 0 {
		n := runLength(items)
		if err := noteRunTaken(tx, c, items[:n]); err != nil {
			return err
		}
		items = items[n:]
	}
	return nil
}

// runLength returns how many of the first items can be marked together: changes one after another, of
// documents that the remote was not known to have. It is at least 1.
func runLength(items []*outbox.Item) int {
	n := 1
	for n < len(items) && isNewThere(items[n-1]) && isNewThere(items[n]) && items[n].Sequence == items[n-1].Sequence+1 {
		n++
	}
	return n
}

// isNewThere reports whether the remote was not known to have the item's document.
func isNewThere(it *outbox.Item) bool {
	return it.Sequence != 0 && it.Known == "" && it.Parcel().Tree == ""
}

// noteRunTaken is noteTaken for a run of items. The documents that changed meanwhile, or that another
// remote has, are marked one by one.
func noteRunTaken(tx *store.Tx, c *collection, run []*outbox.Item) error {
	if isNewThere(run[0]) {
		from, to := store.Sequence(run[0].Sequence), store.Sequence(run[len(run)-1].Sequence)
		if all, err := tx.MarkRunTaken(c.store(), c.s.remote, from, to); all || isNotFound(err) {
			return nil
		} else if err != nil {
			return err
		}
	}
	for _, it := range run {
		if err := noteOneTaken(tx, c, it); err != nil {
			return err
		}
	}
	return nil
}

func noteOneTaken(tx *store.Tx, c *collection, it *outbox.Item) error {
	err := tx.MarkTaken(c.store(), it.ID, c.s.remote, it.Rev, it.Known)
	if err != nil && !isNotFound(err) {
		return err
	}
	return c.noteTree(tx, it.ID, it.Parcel().Tree)
}
