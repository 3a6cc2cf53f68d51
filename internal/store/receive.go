package store

import (
	"cmp"

	"github.com/tandemdb/tandem/internal/document"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/revision/both"
)

// Incoming is a revision that a peer has sent.
type Incoming struct {
	ID      string
	Rev     revision.Rev
	Deleted bool
	Body    []byte // as document.Compact returned it; nil means {}

	// Info is the result of document.Compact for Body. If it is nil, Receive checks the body
	// itself.
	Info *document.Info

	// Remote is the peer that sent the revision; the database notes that this peer has it. Zero
	// stands for a client of a listener, about which nothing is noted.
	Remote Remote

	// AllowAbsentBlobs stores the document even if the database lacks the content of its blobs,
	// because the sender lacks it, too.
	AllowAbsentBlobs bool

	// RefuseConflict makes a conflict an error. If Remote is 0, a conflict always is an error.
	RefuseConflict bool

	// FromGateway tells that the sender is a Sync Gateway: see [revision.IsUpgradeOf].
	FromGateway bool

	// Tree is the chain of tree IDs that came with a version from a database of both generations, its own
	// first.
	Tree []revision.ID

	// Claim is the parent for which an accepted proposal had offered the revision; "" if it had none.
	// Only databases of both generations consider it.
	Claim revision.ID
}

// Outcome tells what Receive did with a revision.
type Outcome int

// The outcomes.
const (
	Stored       Outcome = iota // the revision is the head now
	AlreadyKnown                // the database had this revision or a later one
	Conflicted                  // the revision is kept beside the head until [Tx.Resolve]
)

// Receive stores a revision that a peer has sent, if it is newer than the head. It keeps a
// conflicting revision as the remote's head, or refuses it with fault.Conflict. It fails with
// fault.BadDocID, with fault.BadRevisionID (a version from the future or in a database of tree
// revisions, or a generation near the last), and with fault.NotFound if the database lacks the
// content of a blob.
func (tx *Tx) Receive(c *Collection, in Incoming) (outcome Outcome, err error) {
	err = tx.atomic(func() error {
		outcome, err = tx.receive(c, in)
		return err
	})
	return outcome, err
}

func (tx *Tx) receive(c *Collection, in Incoming) (Outcome, error) {
	const op = "receive document"
	if err := tx.noteTrees(in); err != nil {
		return 0, err
	}
	if tx.hasTrees() {
		in.Rev.History.Superseded = tx.withoutForged(in.Rev.History.Superseded)
	}
	next, err := tx.prepareIncoming(c, in)
	if err != nil {
		return 0, fault.About(err, op, in.ID)
	}
	latest := revision.Greatest(next.Rev)
	inserted, err := tx.insert(c, next)
	if err != nil {
		return 0, tx.fault(c, err, op, in.ID)
	}
	if inserted {
		tx.raiseClock(latest)
		return Stored, nil
	}
	outcome, err := tx.receiveOver(c, next, in)
	if err == nil {
		tx.raiseClock(latest)
	}
	return outcome, tx.fault(c, err, op, in.ID)
}

func (tx *Tx) prepareIncoming(c *Collection, in Incoming) (*Document, error) {
	if err := document.CheckID(in.ID); err != nil {
		return nil, err
	}
	if in.Rev.IsZero() || in.Rev.ID.IsVersion() && tx.db.Versioning() == RevTrees {
		return nil, fault.BadRevisionID.Says("%q is no revision for a database of tree revisions", in.Rev.ID)
	}
	if err := revision.CheckTimes(in.Rev, tx.now); err != nil {
		return nil, err
	}
	if err := tx.checkGeneration(c, in); err != nil {
		return nil, err
	}
	if err := revision.CheckChain(in.Tree); err != nil {
		return nil, err
	}
	if len(in.Body) > MaxBody {
		return nil, tooLarge(len(in.Body))
	}
	rev := in.Rev
	if tx.hasTrees() {
		h := both.First(incomingBoth(in, false))
		if err := tx.checkFirst(c, in.ID, h); err != nil {
			return nil, err
		}
		if in.Rev.ID.IsTree() || len(in.Tree) > 0 { // otherwise the tree IDs follow from the vector
			rev = h.Rev()
		}
	}
	next := &Document{ID: in.ID, Rev: tx.prune(rev, nil), Body: in.Body, Size: len(in.Body)}
	if len(in.Body) == 0 {
		next.Body = emptyBody
	}
	flags, err := flagsOf(in)
	if err != nil {
		return nil, err
	}
	if in.Deleted {
		flags |= flagDeleted
	}
	next.setFlags(flags)
	if in.Remote != 0 {
		next.remote = entry(in.Remote, rev.ID, rev.ID)
	}
	return next, tx.requireBlobs(next, in.AllowAbsentBlobs)
}

// flagsOf returns the row flags of the body, and checks the body if the caller has not.
func flagsOf(in Incoming) (int64, error) {
	if in.Info != nil || len(in.Body) == 0 {
		return infoFlags(*cmp.Or(in.Info, &document.Info{})), nil
	}
	info, err := document.Check(in.Body)
	return infoFlags(info), err
}

// receiveOver decides about next when the document exists already.
func (tx *Tx) receiveOver(c *Collection, next *Document, in Incoming) (Outcome, error) {
	head, err := tx.current(c, in.ID)
	if err != nil {
		return 0, err
	}
	if head == nil { // the document had expired
		return Stored, tx.insertNew(c, next)
	}
	if in.FromGateway && revision.IsUpgradeOf(head.Rev, in.Rev) {
		return AlreadyKnown, tx.acknowledgeUpgrade(c, head, in)
	}
	if tx.hasTrees() {
		return tx.receiveBoth(c, head, next, in)
	}
	order := receivedOrder(head, next, in.Remote)
	refuses := in.Remote == 0 || in.RefuseConflict
	if order == revision.Conflict {
		merge, err := tx.sameMerge(c, head, next)
		if err != nil {
			return 0, err
		}
		if merge != nil {
			return Stored, tx.storeSameMerge(c, merge, next, in.Remote)
		}
		if refuses && revision.IsAfterEncoded(head.Rev, next.Rev) {
			order = revision.Newer
		}
	}
	switch order {
	case revision.Newer:
		return Stored, tx.storeNewer(c, head, next, in.Remote)
	case revision.Same, revision.Older:
		return AlreadyKnown, tx.acknowledge(c, head, in.Remote, in.Rev)
	default:
		if refuses {
			return 0, fault.Conflict.In("receive document", in.ID).
				Says("revision %s is in conflict with %s", in.Rev.ID, head.Rev.ID)
		}
		next.Rev = tx.prune(revision.Complete(next.Rev, head.Rev), head)
		return tx.storeConflict(c, head, next, in.Remote)
	}
}

// storeNewer replaces head by next, which remote has sent.
func (tx *Tx) storeNewer(c *Collection, head, next *Document, remote Remote) error {
	next.Rev = tx.prune(revision.Join(next.Rev, head.Rev), head)
	next.remote = head.remote.moved(head.Rev.ID, next.Rev.ID)
	if remote != 0 {
		next.remote = next.remote.with(remote, next.Rev.ID, next.Rev.ID)
	}
	if !next.Deleted {
		next.Expiry = head.Expiry
	}
	return tx.replace(c, head, next)
}

// sameMerge returns head with its body if head and next are the same merge made by two peers: they
// merge the same versions and have the same content. Otherwise it returns nil.
func (tx *Tx) sameMerge(c *Collection, head, next *Document) (*Document, error) {
	if head.Deleted != next.Deleted || !revision.SameMerge(head.Rev, next.Rev) {
		return nil, nil //nolint:nilnil // they are not the same merge
	}
	full, err := tx.lookup(c, head.ID, withBody)
	if err != nil || !document.Equal(full.Body, next.Body) {
		return nil, err
	}
	return full, nil
}

// storeSameMerge keeps the later of two equal merges, so that all peers end with the same one. The
// later one is noted to have seen the other: an edit of either conflicts with neither.
func (tx *Tx) storeSameMerge(c *Collection, head, next *Document, remote Remote) error {
	if !revision.DefaultWinner(head.Rev, next.Rev, false, false) {
		return tx.storeNewer(c, head, next, remote)
	}
	later := *head
	later.Rev = tx.prune(revision.Join(head.Rev, next.Rev), head)
	if remote != 0 {
		later.remote = later.remote.with(remote, next.Rev.ID, later.Rev.ID)
	}
	return tx.replace(c, head, &later)
}

// receivedOrder compares next, which remote has sent, with head.
func receivedOrder(head, next *Document, remote Remote) revision.Order {
	has := head.remote.of(remote, head.Rev.ID)
	return revision.Receive(head.Rev, head.Deleted, has, next.Rev)
}

// acknowledgeUpgrade notes that a gateway has the head under the encoded name in. If the head is a
// version, its history then covers in, so that the gateway takes it as newer. A tree revision will
// be offered as a child of the tree ID.
func (tx *Tx) acknowledgeUpgrade(c *Collection, head *Document, in Incoming) error {
	has := head.remote.of(in.Remote, head.Rev.ID)
	switch {
	case in.Remote == 0 || has == head.Rev.ID: // the gateway has the head already: in was sent before
		return nil
	case head.Rev.ID.IsTree() && has != "" && head.Rev.Contains(has):
		return nil
	case head.Rev.ID.IsTree():
		return tx.markKnown(c, head, in.Remote, revision.Rev{ID: in.Rev.History.Ancestors[0]})
	}
	full, err := tx.lookup(c, head.ID, withBody)
	if err != nil {
		return err
	}
	later := *full
	later.Rev = tx.prune(revision.Join(full.Rev, in.Rev), full)
	later.remote = later.remote.with(in.Remote, in.Rev.ID, later.Rev.ID)
	return tx.replace(c, full, &later)
}

// acknowledge notes that remote has rev, which is the head or older. If remote is known to have the
// head, an older rev does not change that.
func (tx *Tx) acknowledge(c *Collection, head *Document, remote Remote, rev revision.Rev) error {
	if remote == 0 {
		return nil
	}
	has := head.remote.of(remote, head.Rev.ID)
	switch {
	case has == rev.ID || has == head.Rev.ID:
		return nil
	case tx.hasTrees():
		return tx.markBoth(c, head, remote, rev.ID)
	}
	return tx.markKnown(c, head, remote, rev)
}
