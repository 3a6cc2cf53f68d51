package store

import (
	"cmp"

	"github.com/tandemdb/tandem/internal/document"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/revision"
)

// Incoming is a revision that a peer has sent.
type Incoming struct {
	ID      string
	Rev     revision.Rev
	Deleted bool
	Body    []byte // as document.Compact returned it; nil means {}

	// Info is what document.Compact told about Body. Nil has the store look for itself.
	Info *document.Info

	// Remote is the peer that sent it, and is noted to have it. It is 0 for a client of a
	// listener, of which nothing is noted.
	Remote Remote

	// AllowAbsentBlobs stores the document though the content of its blobs is not here: the
	// sender does not have it either.
	AllowAbsentBlobs bool

	// RefuseConflict makes a conflict an error. It is one in any case where Remote is 0.
	RefuseConflict bool

	// FromGateway says that the sender is a Sync Gateway: see [revision.IsUpgradeOf].
	FromGateway bool
}

// Outcome tells what became of an incoming revision.
type Outcome int

// The outcomes.
const (
	Stored       Outcome = iota // it is the head now
	AlreadyKnown                // it, or a later one, was here already
	Conflicted                  // it is kept beside the head until [Tx.Resolve]
)

// Receive stores a revision that a peer has sent, if it is newer than what is here.
// A conflict is kept as the remote's head, or refused with
// fault.Conflict. It fails with fault.BadDocID, with fault.BadRevisionID (a version from the
// future, or in a database of tree revisions, or a generation near the last), and with
// fault.NotFound if a blob of the body has no content here.
func (tx *Tx) Receive(c *Collection, in Incoming) (outcome Outcome, err error) {
	err = tx.atomic(func() error {
		outcome, err = tx.receive(c, in)
		return err
	})
	return outcome, err
}

func (tx *Tx) receive(c *Collection, in Incoming) (Outcome, error) {
	const op = "receive document"
	next, err := tx.prepareIncoming(in)
	if err != nil {
		return 0, fault.About(err, op, in.ID)
	}
	inserted, err := tx.insert(c, next)
	if err != nil {
		return 0, tx.fault(c, err, op, in.ID)
	}
	if inserted {
		tx.raiseClock(revision.Greatest(in.Rev))
		return Stored, nil
	}
	outcome, err := tx.receiveOver(c, next, in)
	if err == nil {
		tx.raiseClock(revision.Greatest(in.Rev))
	}
	return outcome, tx.fault(c, err, op, in.ID)
}

func (tx *Tx) prepareIncoming(in Incoming) (*Document, error) {
	if err := document.CheckID(in.ID); err != nil {
		return nil, err
	}
	if in.Rev.IsZero() || in.Rev.ID.IsVersion() && tx.db.Versioning() == RevTrees {
		return nil, fault.BadRevisionID.Says("%q is no revision for a database of tree revisions", in.Rev.ID)
	}
	if err := revision.CheckTimes(in.Rev, tx.now); err != nil {
		return nil, err
	}
	if err := revision.CheckGeneration(in.Rev.ID); err != nil {
		return nil, err
	}
	if len(in.Body) > MaxBody {
		return nil, tooLarge(len(in.Body))
	}
	next := &Document{ID: in.ID, Rev: tx.prune(in.Rev, nil), Body: in.Body, Size: len(in.Body)}
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
		next.remote = entry(in.Remote, in.Rev.ID, in.Rev.ID)
	}
	return next, tx.requireBlobs(next, in.AllowAbsentBlobs)
}

// flagsOf returns the flags of a checked body.
func flagsOf(in Incoming) (int64, error) {
	if in.Info != nil || len(in.Body) == 0 {
		return infoFlags(*cmp.Or(in.Info, &document.Info{})), nil
	}
	info, err := document.Check(in.Body)
	return infoFlags(info), err
}

// receiveOver decides on next where a document of its ID exists.
func (tx *Tx) receiveOver(c *Collection, next *Document, in Incoming) (Outcome, error) {
	head, err := tx.current(c, in.ID)
	if err != nil {
		return 0, err
	}
	if head == nil { // it had expired
		return Stored, tx.insertNew(c, next)
	}
	if in.FromGateway && revision.IsUpgradeOf(head.Rev, in.Rev) {
		return AlreadyKnown, tx.acknowledgeUpgrade(c, head, in)
	}
	order := receivedOrder(head, next, in.Remote)
	if order == revision.Conflict {
		merge, err := tx.sameMerge(c, head, next)
		if err != nil {
			return 0, err
		}
		if merge != nil {
			return Stored, tx.storeSameMerge(c, merge, next, in.Remote)
		}
	}
	switch order {
	case revision.Newer:
		return Stored, tx.storeNewer(c, head, next, in.Remote)
	case revision.Same, revision.Older:
		return AlreadyKnown, tx.acknowledge(c, head, in.Remote, in.Rev)
	default:
		if in.Remote == 0 || in.RefuseConflict {
			return 0, fault.Conflict.In("receive document", in.ID).
				Says("revision %s is in conflict with %s", in.Rev.ID, head.Rev.ID)
		}
		next.Rev = tx.prune(revision.Complete(next.Rev, head.Rev), head)
		return tx.storeConflict(c, head, next, in.Remote)
	}
}

// storeNewer puts next, which remote has sent, in the place of head.
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

// sameMerge returns head with its body if next differs from it in nothing but who has merged the same
// versions to the same content, else nil.
func (tx *Tx) sameMerge(c *Collection, head, next *Document) (*Document, error) {
	if head.Deleted != next.Deleted || !revision.SameMerge(head.Rev, next.Rev) {
		return nil, nil //nolint:nilnil // it is not
	}
	full, err := tx.lookup(c, head.ID, sqlDocByID)
	if err != nil || !document.Equal(full.Body, next.Body) {
		return nil, err
	}
	return full, nil
}

// storeSameMerge keeps the later one of two such merges, so that all peers end with the same. It has
// then seen the other: what is edited upon either is in conflict with none.
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

// acknowledgeUpgrade remembers that a gateway has what in is another name of. A version of ours has then seen
// in, so that the gateway takes it as newer; a tree revision is to be offered upon the tree ID.
func (tx *Tx) acknowledgeUpgrade(c *Collection, head *Document, in Incoming) error {
	has := head.remote.of(in.Remote, head.Rev.ID)
	switch {
	case in.Remote == 0 || has == head.Rev.ID: // it has ours already: in was on its way
		return nil
	case head.Rev.ID.IsTree() && has != "" && head.Rev.Contains(has):
		return nil
	case head.Rev.ID.IsTree():
		return tx.markKnown(c, head, in.Remote, revision.Rev{ID: in.Rev.History.Ancestors[0]})
	}
	full, err := tx.lookup(c, head.ID, sqlDocByID)
	if err != nil {
		return err
	}
	later := *full
	later.Rev = tx.prune(revision.Join(full.Rev, in.Rev), full)
	later.remote = later.remote.with(in.Remote, in.Rev.ID, later.Rev.ID)
	return tx.replace(c, full, &later)
}

// acknowledge remembers that remote has rev, which is head or older. That it is known to have the
// head is not forgotten for an older one.
func (tx *Tx) acknowledge(c *Collection, head *Document, remote Remote, rev revision.Rev) error {
	if remote == 0 {
		return nil
	}
	has := head.remote.of(remote, head.Rev.ID)
	if has == rev.ID || has == head.Rev.ID {
		return nil
	}
	return tx.markKnown(c, head, remote, rev)
}

// markKnown remembers that remote has rev, and drops what that makes superfluous.
func (tx *Tx) markKnown(c *Collection, head *Document, remote Remote, rev revision.Rev) error {
	kept, err := tx.keptOf(c, head)
	if err != nil {
		return err
	}
	head.remote = head.remote.with(remote, rev.ID, head.Rev.ID)
	rest := kept[:0]
	for _, k := range kept {
		if k.remote != remote || !isOver(rev, k.rev) {
			rest = append(rest, k)
			continue
		}
		if err := tx.dropKept(c, k); err != nil {
			return err
		}
	}
	flags, err := tx.tidy(c, head, rest)
	if err != nil {
		return err
	}
	head.setFlags(head.flags&^(flagKept|flagConflicted) | flags)
	return tx.mark(c, head)
}

// MarkKnown remembers that remote has revision rev of a document, because it said so or took
// it. Nothing happens where the document does not exist any more.
func (tx *Tx) MarkKnown(c *Collection, id string, remote Remote, rev revision.ID) error {
	if remote == 0 || rev == "" {
		return fault.Invalid.In("mark revision", id).Says("no remote, or no revision")
	}
	return tx.atomic(func() error {
		head, err := tx.lookup(c, id, sqlHeadByID)
		if err != nil || head == nil || head.remote.of(remote, head.Rev.ID) == rev {
			return err
		}
		return tx.fault(c, tx.markKnown(c, head, remote, revision.Rev{ID: rev}), "mark revision", id)
	})
}

// MarkTaken remembers that remote took revision rev of a document, which was offered when it was
// known to have the revision before. If it was found to have another one meanwhile, that one stays,
// unless rev came after it: the news of an answer may be older than that of a pull.
func (tx *Tx) MarkTaken(c *Collection, id string, remote Remote, rev revision.Rev, before revision.ID) error {
	return tx.atomic(func() error {
		head, err := tx.lookup(c, id, sqlHeadByID)
		if err != nil || head == nil {
			return err
		}
		if known := head.remote.of(remote, head.Rev.ID); known != before && !rev.Contains(known) {
			return nil
		}
		return tx.MarkKnown(c, id, remote, rev.ID)
	})
}
