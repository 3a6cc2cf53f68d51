package store

import (
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/revision"
)

// ForgetKnown removes what remote is known to have from documents of a collection, the first limit of
// those after a sequence, and returns the sequence to go on from, 0 after the last. Documents in
// conflict keep it. A remote that comes back is offered the documents again, and says which it has.
func (tx *Tx) ForgetKnown(c *Collection, remote Remote, after Sequence, limit int) (next Sequence, err error) {
	const op = "forget remote"
	if remote == 0 || limit < 1 {
		return 0, fault.Invalid.In(op, c.FullName()).Says("no remote, or no limit")
	}
	err = tx.atomic(func() (err error) {
		var ids []string
		if ids, next, err = tx.knownTo(c, remote, after, limit); err != nil {
			return tx.fault(c, err, op, c.FullName())
		}
		for _, id := range ids {
			if err := tx.fault(c, tx.forgetKnown(c, id, remote), op, id); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return next, nil
}

func (tx *Tx) forgetKnown(c *Collection, id string, remote Remote) error {
	head, err := tx.lookup(c, id, headOnly)
	if err != nil || head == nil {
		return err
	}
	kept, err := tx.keptOf(c, head)
	if err != nil {
		return err
	}
	head.remote = head.remote.without(remote, head.Rev.ID)
	flags, err := tx.tidy(c, head, kept) // what the remote alone has is no base any more
	if err != nil {
		return err
	}
	head.setFlags(head.flags&^(flagKept|flagConflicted) | flags)
	return tx.rows.mark(c, head, more)
}

func (tx *Tx) knownTo(c *Collection, remote Remote, after Sequence, limit int) (ids []string, next Sequence, err error) {
	ids, next, err = tx.rows.knownTo(c, remote, after, limit)
	if len(ids) < limit {
		next = 0
	}
	return ids, next, err
}

// without returns k without the entry of a remote.
func (k known) without(remote Remote, own revision.ID) (next known) {
	for r, has := range k.entries(own) {
		if r != remote {
			next = next.join(entry(r, has, own))
		}
	}
	return next
}

// DropLocalCheckpoint removes the local copy of a replicator's checkpoint, if there is one.
func (tx *Tx) DropLocalCheckpoint(id string) error {
	return tx.atomic(func() error {
		return sqlFault(tx.rows.setLocalCheckpoint(id, nil, last), "drop checkpoint", id)
	})
}
