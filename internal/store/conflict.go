package store

import (
	"bytes"

	"github.com/tandemdb/tandem/internal/document"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/revision"
)

// Conflict is an unresolved conflict of one document with one remote.
type Conflict struct {
	Local  *Document // the head, with its body
	Remote *Document // the remote's revision, with its body; it has no sequence
	With   Remote
	Base   []byte // the body of the common ancestor; nil if it is not kept
}

// storeConflict keeps next as remote's head beside the document's own.
func (tx *Tx) storeConflict(c *Collection, head, next *Document, remote Remote) (Outcome, error) {
	kept, err := tx.keptOf(c, head)
	if err != nil {
		return 0, err
	}
	base := head.remote.of(remote, head.Rev.ID)
	for _, k := range kept {
		if k.remote != remote {
			continue
		}
		if tx.isOver(k.rev, next.Rev) {
			return AlreadyKnown, nil
		}
		base = k.base // the local side still descends from this base
		if err := tx.rows.dropKept(c, k, more); err != nil {
			return 0, err
		}
	}
	if !head.Rev.Contains(base) || !next.Rev.Contains(base) {
		base = "" // not a common ancestor: the remote may have taken another revision while next was on its way
	}
	theirs := keptRow{remote: remote, rev: next.Rev, flags: next.flags, base: base}
	if err := tx.rows.addKept(c, head.ID, theirs, next.Body, more); err != nil {
		return 0, err
	}
	if err := tx.ownBlobs(next); err != nil {
		return 0, err
	}
	head.remote = head.remote.with(remote, next.Rev.ID, head.Rev.ID)
	head.setFlags(head.flags | flagConflicted)
	return Conflicted, tx.rows.mark(c, head, last)
}

// ConflictOf returns the conflict of a document, or fault.NotFound. Of several conflicts it returns
// the one with the lowest-numbered remote.
func (tx *Tx) ConflictOf(c *Collection, id string) (*Conflict, error) {
	local, err := tx.Document(c, id)
	if err != nil {
		return nil, err
	}
	kept, err := tx.keptOf(c, local)
	if err != nil {
		return nil, err
	}
	for _, k := range kept {
		if k.remote != 0 {
			return tx.conflictWith(c, local, kept, k)
		}
	}
	return nil, noConflict("get conflict", id)
}

// conflictWith returns the conflict of local with k, one of the rows kept beside it.
func (tx *Tx) conflictWith(c *Collection, local *Document, kept []keptRow, k keptRow) (*Conflict, error) {
	remote, err := tx.keptDocument(c, local.ID, k)
	if err != nil {
		return nil, err
	}
	base, err := tx.baseOf(c, local, kept, k.base)
	return &Conflict{Local: local, Remote: remote, With: k.remote, Base: base}, err
}

func noConflict(op, id string) error {
	return fault.NotFound.In(op, id).Says("the document has no conflict")
}

func (tx *Tx) keptDocument(c *Collection, id string, k keptRow) (*Document, error) {
	body, err := tx.rows.keptBody(c, k)
	if err != nil {
		return nil, err
	}
	d := &Document{ID: id, Rev: k.rev, Body: body, Size: len(body)}
	d.setFlags(k.flags)
	return d, nil
}

// baseOf returns the body of rev if the database keeps it, else nil.
func (tx *Tx) baseOf(c *Collection, local *Document, kept []keptRow, rev revision.ID) ([]byte, error) {
	if rev == "" {
		return nil, nil
	}
	if rev == local.Rev.ID {
		return local.Body, nil
	}
	for _, k := range kept {
		if k.rev.ID == rev {
			return tx.rows.keptBody(c, k)
		}
	}
	return nil, nil
}

// Winner tells which content resolves a conflict.
type Winner int

// The winners.
const (
	LocalWins Winner = iota
	RemoteWins
	Merged // new content, or a deletion
)

// Resolution decides a conflict of a document with a remote.
type Resolution struct {
	ID     string
	Remote Remote

	// Local is the head, and Theirs the remote's revision, that the decision saw. If either has
	// changed, Resolve fails with fault.Conflict. An empty Theirs is not checked.
	Local, Theirs revision.ID

	Winner  Winner
	Body    []byte // the merged content; nil means {}
	Deleted bool   // the merge is a deletion

	// Why gives the reason of the decision, for people who read the conflict log.
	Why string
}

// Resolve ends a conflict and returns the new head with its body. With tree revisions, a head that
// is not the remote's own revision becomes a child of it. With version vectors a winner keeps its
// ID, and its history covers the loser; a winner with a tree revision gets a new version. A merge
// that equals one side is stored as that side. The new head always has a new sequence. It needs to
// be pushed unless the remote is known to have it.
//
// It fails with fault.NotFound if the conflict no longer exists, and with fault.Conflict if the
// document has changed.
func (tx *Tx) Resolve(c *Collection, r Resolution) (head *Document, err error) {
	err = tx.atomic(func() error {
		head, err = tx.resolve(c, r)
		return err
	})
	if err != nil {
		return nil, err
	}
	return head, nil
}

func (tx *Tx) resolve(c *Collection, r Resolution) (*Document, error) {
	const op = "resolve conflict"
	local, err := tx.Document(c, r.ID)
	if err != nil {
		return nil, err
	}
	theirs, err := tx.theirs(c, local, r.Remote)
	if err != nil {
		return nil, err
	}
	if local.Rev.ID != r.Local || r.Theirs != "" && theirs.Rev.ID != r.Theirs {
		return nil, fault.Conflict.In(op, r.ID).Says("the document has changed meanwhile")
	}
	next, err := tx.resolved(local, theirs, r)
	if err != nil {
		return nil, fault.About(err, op, r.ID)
	}
	if err := tx.endConflict(c, local, theirs, next, r.Remote); err != nil {
		return next, tx.fault(c, err, op, r.ID)
	}
	return next, tx.logConflict(c, local, theirs, next, r)
}

// theirs returns the remote's revision that conflicts with local.
func (tx *Tx) theirs(c *Collection, local *Document, remote Remote) (*Document, error) {
	kept, err := tx.keptOf(c, local)
	if err != nil {
		return nil, err
	}
	for _, k := range kept {
		if k.remote == remote && remote != 0 {
			return tx.keptDocument(c, local.ID, k)
		}
	}
	return nil, noConflict("resolve conflict", local.ID)
}

// resolved returns the head that r decides for, with its revision.
func (tx *Tx) resolved(local, theirs *Document, r Resolution) (*Document, error) {
	next, winner, err := tx.content(local, theirs, r)
	if err != nil {
		return nil, err
	}
	trees := local.Rev.ID.IsTree() && theirs.Rev.ID.IsTree()
	switch {
	case tx.hasTrees():
		next.Rev = tx.resolvedBoth(local, theirs, winner)
	case winner == RemoteWins && trees:
		next.Rev = revision.Supersede(theirs.Rev, local.Rev)
	case winner == RemoteWins && theirs.Rev.ID.IsTree() && !local.Rev.IsLegacy():
		next.Rev = tx.overruled(theirs, local)
	case winner == RemoteWins:
		next.Rev = revision.Absorb(theirs.Rev, local.Rev)
	case trees:
		next.Rev, err = tx.edit(theirs.Rev, next, 0)
		next.Rev = revision.Supersede(next.Rev, local.Rev)
	case winner == LocalWins && local.Rev.IsLegacy() && !theirs.Rev.IsLegacy():
		next.Rev = tx.overruled(local, theirs)
	case winner == LocalWins:
		next.Rev = revision.Absorb(local.Rev, theirs.Rev)
		if revision.Compare(next.Rev, theirs.Rev) != revision.Newer {
			next.Rev = tx.merged(local, theirs) // theirs claims to have seen local: only a merge is newer than both
		}
	default:
		next.Rev = tx.merged(local, theirs)
	}
	next.Rev = tx.prune(next.Rev, local)
	return next, err
}

// overruled gives the winner, which has a tree revision, a new version after the loser's. The
// encoded form of its tree revision would be unknown to other databases, and some would reject it.
func (tx *Tx) overruled(winner, loser *Document) revision.Rev {
	return revision.Overrule(winner.Rev, loser.Rev, tx.timeAfter(winner, loser), tx.db.Source())
}

func (tx *Tx) merged(local, theirs *Document) revision.Rev {
	return revision.MergeVersions(local.Rev, theirs.Rev, tx.timeAfter(local, theirs), tx.db.Source())
}

func (tx *Tx) timeAfter(a, b *Document) revision.Time {
	return tx.nextTime(max(revision.Greatest(a.Rev), revision.Greatest(b.Rev)))
}

// content returns the content that r decides for, without a revision, and the side it comes from.
func (tx *Tx) content(local, theirs *Document, r Resolution) (*Document, Winner, error) {
	if r.Winner == Merged {
		merge, err := tx.prepareEdit(Edit{ID: r.ID, Body: r.Body, Deleted: r.Deleted})
		if err != nil {
			return nil, 0, err
		}
		isOurs, isTheirs := sameContent(merge, local), sameContent(merge, theirs)
		if isOurs && isTheirs { // all peers must choose the same revision
			isTheirs = !(&Conflict{Local: local, Remote: theirs}).LocalWins(tx.db.Versioning())
		}
		switch {
		case isTheirs:
			r.Winner = RemoteWins
		case isOurs:
			r.Winner = LocalWins
		default:
			return merge, Merged, nil
		}
	}
	won := local
	if r.Winner == RemoteWins {
		won = theirs
	}
	next := &Document{ID: won.ID, Body: won.Body, Size: won.Size}
	next.setFlags(won.flags &^ (flagKept | flagConflicted))
	return next, r.Winner, nil
}

func sameContent(a, b *Document) bool {
	return a.Deleted == b.Deleted && (bytes.Equal(a.Body, b.Body) || document.Equal(a.Body, b.Body))
}

// endConflict replaces the head local by next and ends the conflict with remote. The remote's
// revision stays as the base of the delta that will bring the remote the outcome.
func (tx *Tx) endConflict(c *Collection, local, theirs, next *Document, remote Remote) error {
	kept, err := tx.keptOf(c, local)
	if err != nil {
		return err
	}
	end := tx.rows.becomeBase
	if next.Rev.ID == theirs.Rev.ID || next.Deleted || theirs.Deleted {
		end = tx.rows.dropKept
	}
	for _, k := range kept {
		if k.remote != remote {
			continue
		}
		if err := end(c, k, more); err != nil {
			return err
		}
	}
	has := theirs.Rev.ID
	if next.Rev.ID.Is(has) {
		has = next.Rev.ID // the same revision, whose tree ID may be encoded now
	}
	next.remote = local.remote.moved(local.Rev.ID, next.Rev.ID).with(remote, has, next.Rev.ID)
	if !next.Deleted {
		next.Expiry = local.Expiry
	}
	return tx.replace(c, local, next)
}
