package store

import (
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/revision"
)

// branchHistory is how many revisions a history keeps, of ancestors and of superseded ones, once a client
// with revision trees of its own has pushed, or stored a local document. Such a client joins a history that does
// not reach back to a revision it has as a second root, which it takes for a conflict. It keeps as
// many by itself.
const branchHistory = 1000

// Graft stores a revision of a client that makes revisions without asking, each on a branch of its own.
// It settles a conflict at once: the later of two edits wins by the default rule, and an edit wins
// against a deletion, which for such a client only ends a branch. The log of conflicts has both sides.
// There is no error for a conflict, and none for a revision that is known. Remote, RefuseConflict and
// FromGateway of in are not used.
//
// It fails with fault.Unsupported in a database of version vectors, with fault.BadRevisionID for a generation
// far ahead of the document's, and as [Tx.Receive] does.
func (tx *Tx) Graft(c *Collection, in Incoming) error {
	const op = "store revision"
	if tx.db.Versioning() != RevTrees {
		return fault.Unsupported.In(op, in.ID).Says("the database has version vectors, and no revision trees")
	}
	in.Remote = 0
	return tx.atomic(func() error {
		if err := tx.noteBranches(); err != nil { // so that prepareIncoming leaves the head in a long path
			return err
		}
		if err := tx.checkGraft(c, in); err != nil {
			return fault.About(err, op, in.ID)
		}
		next, err := tx.prepareIncoming(c, in)
		if err != nil {
			return fault.About(err, op, in.ID)
		}
		inserted, err := tx.insert(c, next)
		if inserted || err != nil {
			return tx.fault(c, err, op, in.ID)
		}
		return tx.fault(c, tx.graftOver(c, next), op, in.ID)
	})
}

// maxAhead is how many generations a client may be ahead of the head and of the path that it sends. One
// that claims more would win every conflict from then on, and leave no room for edits.
const maxAhead = 1_000_000

// checkGraft checks the generation of a client's revision.
func (tx *Tx) checkGraft(c *Collection, in Incoming) error {
	path := uint64(1 + len(in.Rev.History.Ancestors))
	if in.Rev.ID.Generation() <= path+maxAhead {
		return nil
	}
	head, err := tx.current(c, in.ID)
	if err != nil || head != nil && in.Rev.ID.Generation() <= head.Rev.ID.Generation()+maxAhead {
		return err
	}
	return fault.BadRevisionID.Says("the generation of %.80q is more than %d ahead of the document's", in.Rev.ID, maxAhead)
}

func (tx *Tx) graftOver(c *Collection, next *Document) error {
	head, err := tx.current(c, next.ID)
	switch {
	case err != nil:
		return err
	case head == nil: // the document had expired
		return tx.insertNew(c, next)
	case head.Rev.Knows(next.Rev.ID):
		return nil
	case next.Rev.Contains(head.Rev.ID):
		return tx.storeNewer(c, head, next, 0)
	}
	if head, err = tx.lookup(c, next.ID, withBody); err != nil {
		return err
	}
	return tx.settle(c, head, next)
}

// settle decides between head, with its body, and a branch. The side that loses is superseded.
//
// If head wins, it stays as it is. A child of the branch with head's content could be taken as later than
// an edit of head that another client has made meanwhile.
func (tx *Tx) settle(c *Collection, head, branch *Document) error {
	next, r := branch, Resolution{ID: head.ID, Winner: RemoteWins, Why: "the later edit wins"}
	if winsAgainstBranch(head, branch) {
		later := *head
		next, r.Winner = &later, LocalWins
		next.Rev = revision.Supersede(head.Rev, branch.Rev)
	} else {
		next.Rev = revision.Supersede(branch.Rev, head.Rev)
	}
	if head.Deleted != branch.Deleted {
		r.Why = "an edit wins against a deletion, which ends a branch"
	}
	next.Rev = tx.prune(next.Rev, head)
	if !branch.Deleted || !head.Deleted && !branch.Rev.Ends(head.Rev) { // else nothing was lost
		if err := tx.logConflict(c, head, branch, next, r); err != nil {
			return err
		}
	}
	next.remote = head.remote.moved(head.Rev.ID, next.Rev.ID)
	if !next.Deleted {
		next.Expiry = head.Expiry
	}
	return tx.replace(c, head, next)
}

// winsAgainstBranch decides for head or a branch. Peers that resolve a conflict give the content that wins
// a new revision. An edit of that content under its former revision is later, and may have the same
// generation.
func winsAgainstBranch(head, branch *Document) bool {
	switch {
	case branch.Deleted:
		return true
	case head.Deleted:
		return false
	case head.Rev.ID.Generation() == branch.Rev.ID.Generation() && branch.Rev.FollowsLoser(head.Rev):
		return false
	}
	return revision.DefaultWinner(head.Rev, branch.Rev, false, false)
}
