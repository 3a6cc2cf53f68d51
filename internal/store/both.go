package store

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/revision/both"
)

// A database with the versioning [Both] gives each head two names: see package both. A row holds the
// version in the column rev, and the tree IDs in the history, the head's own first. Until the database has
// met a peer of the third protocol, rows hold no tree IDs and everything goes as with [VersionVectors]:
// the tree IDs follow from the vectors.

// Generation is a generation of Couchbase Lite, by the number of its protocol.
type Generation int

// The generations.
const (
	Third  Generation = 3
	Fourth Generation = 4
)

// metaMet lists the generations that a database of both has met.
const metaMet = "met"

// treesOnly stands among them for tree revisions that no peer of the third generation has brought itself: they
// were here before, or came by way of others.
const treesOnly Generation = 2

// ServeBoth makes the database serve peers of both generations, for good. Its documents stay as they are.
// It does nothing if the database serves both already. It fails with fault.Busy if another DB has the database open,
// in this process or another: its sessions would go on with the old form.
func (db *DB) ServeBoth(ctx context.Context) error {
	if db.Versioning() == Both {
		return nil
	}
	trees := db.Versioning() == RevTrees
	if err := db.checkAlone(ctx, "upgrade database"); err != nil {
		return err
	}
	return db.Update(ctx, func(tx *Tx) error {
		return tx.atomic(func() error {
			if err := tx.beginWrite(more); err != nil {
				return err
			}
			if db.hub == nil {
				if err := tx.raiseFormat(bothFormat); err != nil {
					return err
				}
			}
			tx.state.settings = true
			if trees { // whoever has the documents has them by their tree IDs
				if err := tx.noteMet(treesOnly); err != nil {
					return err
				}
			}
			return sqlFault(tx.rows.set(metaVersioning, string(Both), more), "set versioning", db.path)
		})
	})
}

// Met lists the generations of the peers that a database of both has synced with.
func (db *DB) Met() (met []Generation) {
	for _, g := range []Generation{Third, Fourth} {
		if strings.Contains(*db.met.Load(), g.mark()) {
			met = append(met, g)
		}
	}
	return met
}

func (g Generation) mark() string { return string(rune('0' + g)) }

// NoteMet notes that a peer of a generation syncs with a database of both. It must be noted before the peer
// is told of any revision. It does nothing in other databases.
func (db *DB) NoteMet(ctx context.Context, g Generation) error {
	if db.Versioning() != Both || strings.Contains(*db.met.Load(), g.mark()) {
		return nil
	}
	return db.Update(ctx, func(tx *Tx) error {
		return tx.atomic(func() error {
			if err := tx.beginWrite(more); err != nil {
				return err
			}
			return tx.noteMet(g)
		})
	})
}

func (tx *Tx) noteMet(g Generation) error {
	text, err := tx.rows.met()
	if err != nil || strings.Contains(text, g.mark()) {
		return err
	}
	state := tx.state
	state.settings, state.trees = true, state.trees || g != Fourth
	return sqlFault(tx.rows.set(metaMet, text+g.mark(), more), "set "+metaMet, tx.db.path)
}

// setMet takes over whom the database has met, as an engine has it: as a number with the digits.
func (db *DB) setMet(setting int64) {
	text := ""
	if setting != 0 {
		text = strconv.FormatInt(setting, 10)
	}
	db.met.Store(&text)
}

func readMet(c *conn) (text string, err error) {
	err = c.get(metaMet, func(s *sqlite3.Stmt) { text = s.ColumnText(0) })
	return text, err
}

// HasTrees reports whether a database of both generations has met the third one, or revisions of it. Until then
// it goes by the rules of the fourth alone.
func (db *DB) HasTrees() bool { return db.Versioning() == Both && marksTrees(*db.met.Load()) }

func marksTrees(met string) bool { return strings.ContainsAny(met, Third.mark()+treesOnly.mark()) }

// hasTrees reports whether the rows of a database of both hold tree IDs.
func (tx *Tx) hasTrees() bool {
	return tx.db.Versioning() == Both && (tx.state.trees || marksTrees(*tx.db.met.Load()))
}

// noteTrees notes that the third generation is about, if an incoming revision shows that: it may have come by
// way of another database of both.
func (tx *Tx) noteTrees(in Incoming) error {
	if tx.db.Versioning() != Both || tx.hasTrees() {
		return nil
	}
	isTree := func(id revision.ID) bool { return id.Encoded().Source() == revision.LegacySource }
	if !isTree(in.Rev.ID) && len(in.Tree) == 0 &&
		!slices.ContainsFunc(in.Rev.History.Previous, isTree) && !slices.ContainsFunc(in.Rev.History.Merges, isTree) {
		return nil
	}
	if err := tx.beginWrite(more); err != nil {
		return err
	}
	return tx.noteMet(treesOnly)
}

// incomingBoth describes in for the rules of both generations.
func incomingBoth(in Incoming, same bool) both.Incoming {
	given := in.Rev.History.Superseded
	in.Rev.History.Superseded = nil
	from := both.App
	switch {
	case in.FromGateway:
		from = both.Gateway
	case len(in.Tree) > 0:
		from = both.OfBoth
	}
	return both.Incoming{
		Rev: in.Rev, Tree: in.Tree, Superseded: given, Claim: in.Claim, Same: same,
		Passive: in.Remote == 0 || in.RefuseConflict, From: from,
	}
}

// receiveBoth decides about next by the rules of both generations.
func (tx *Tx) receiveBoth(c *Collection, head, next *Document, in Incoming) (Outcome, error) {
	h := both.HeadOf(head.Rev)
	same, err := tx.isSameContent(c, head, next)
	if err != nil {
		return 0, err
	}
	about := incomingBoth(in, same)
	r := h.Receive(about)
	if r.Outcome == both.Conflicting && isAfresh(h, head, in) {
		about.Claim = head.Rev.ID
		r = h.Receive(about)
	}
	if err := tx.checkNext(h, r.Head); err != nil {
		return 0, err
	}
	if r.Renew {
		r.Head = r.Head.Next(revision.NewVersion(tx.nextTime(revision.Greatest(r.Head.Rev())), tx.db.Source()), 0)
	}
	switch r.Outcome {
	case both.Ignored:
		return AlreadyKnown, tx.acknowledge(c, head, in.Remote, in.Rev)
	case both.Named:
		return AlreadyKnown, tx.rename(c, head, r.Head, in)
	case both.Replaced:
		next.Rev = r.Head.Rev()
		return Stored, tx.storeOver(c, head, next, in)
	case both.Settled:
		return Stored, tx.settleBoth(c, head, next, r.Head, in)
	case both.Conflicting:
	}
	if about.Passive {
		return 0, fault.Conflict.In("receive document", in.ID).
			Says("revision %s is in conflict with %s", in.Rev.ID, head.Rev.ID)
	}
	next.Rev = tx.prune(r.Head.Rev(), head)
	next.remote = entry(in.Remote, next.Rev.ID, next.Rev.ID)
	return tx.storeConflict(c, head, next, in.Remote)
}

// isAfresh reports whether the sender, which has our head, has begun anew or is far beyond it: see
// [revision.Receive].
func isAfresh(h both.Head, head *Document, in Incoming) bool {
	if in.Remote == 0 || !h.Is(head.remote.of(in.Remote, head.Rev.ID)) {
		return false
	}
	ours := h.Vector()
	if in.Rev.ID.IsTree() {
		ours = h.Tree()
	}
	return revision.Receive(ours, head.Deleted, ours.ID, in.Rev) == revision.Newer
}

// isSameContent compares contents, without reading the head's body if the sizes differ.
func (tx *Tx) isSameContent(c *Collection, head, next *Document) (bool, error) {
	if head.Deleted != next.Deleted || head.Size != next.Size {
		return false, nil
	}
	full, err := tx.lookup(c, head.ID, withBody)
	if err != nil || full == nil {
		return false, err
	}
	return sameContent(full, next), nil
}

// storeOver replaces head by next, which has its revision.
func (tx *Tx) storeOver(c *Collection, head, next *Document, in Incoming) error {
	next.Rev = tx.prune(next.Rev, head)
	next.remote = head.remote.moved(head.Rev.ID, next.Rev.ID)
	if in.Remote != 0 {
		next.remote = next.remote.with(in.Remote, ownName(next.Rev, in.Rev.ID), next.Rev.ID)
	}
	if !next.Deleted {
		next.Expiry = head.Expiry
	}
	return tx.replace(c, head, next)
}

// ownName returns rev's ID if id is another name of it, else id.
func ownName(rev revision.Rev, id revision.ID) revision.ID {
	if rev.ID != id && both.HeadOf(rev).Is(id) {
		return rev.ID
	}
	return id
}

// rename gives head other names. Peers are told of it only where a name of theirs has changed.
func (tx *Tx) rename(c *Collection, head *Document, to both.Head, in Incoming) error {
	was := both.HeadOf(head.Rev)
	next := *head
	next.Rev = tx.prune(to.Rev(), head)
	if next.Rev.ID == head.Rev.ID && to.Chain()[0] == was.Chain()[0] {
		if in.Remote != 0 && !to.Is(head.remote.of(in.Remote, head.Rev.ID)) {
			next.remote = head.remote.with(in.Remote, ownName(next.Rev, in.Rev.ID), head.Rev.ID)
		}
		return tx.rows.rename(c, &next, last)
	}
	full, err := tx.lookup(c, head.ID, withBody)
	if err != nil {
		return err
	}
	full.Rev = next.Rev
	return tx.storeOver(c, head, full, in)
}

// settleBoth decides a conflict at once, of which its sender cannot know.
func (tx *Tx) settleBoth(c *Collection, head, next *Document, theirs both.Head, in Incoming) error {
	full, err := tx.lookup(c, head.ID, withBody)
	if err != nil {
		return err
	}
	r := Resolution{ID: head.ID, Remote: in.Remote, Winner: RemoteWins, Why: "two revisions of one generation: the later one wins"}
	if both.DefaultWinner(both.HeadOf(head.Rev), theirs, head.Deleted, next.Deleted) == both.Local {
		r.Winner = LocalWins
	}
	next.Rev = theirs.Rev()
	outcome, winner, err := tx.content(full, next, r)
	if err != nil {
		return err
	}
	outcome.Rev = tx.resolvedBoth(full, next, winner)
	if err := tx.logConflict(c, full, next, outcome, r); err != nil {
		return err
	}
	return tx.storeOver(c, head, outcome, in)
}

// resolvedBoth returns the revision that ends a conflict.
func (tx *Tx) resolvedBoth(local, theirs *Document, winner Winner) revision.Rev {
	who := map[Winner]both.Winner{LocalWins: both.Local, RemoteWins: both.Remote, Merged: both.Merged}[winner]
	head, renew, least := both.Resolve(both.HeadOf(local.Rev), both.HeadOf(theirs.Rev), who, sameContent(local, theirs))
	if renew {
		head = head.Next(revision.NewVersion(tx.timeAfter(local, theirs), tx.db.Source()), least)
	}
	return head.Rev()
}

// LocalWins reports whether the local side wins by the default rules.
func (k *Conflict) LocalWins(versioning Versioning) bool {
	local, remote := k.Local, k.Remote
	if versioning == Both {
		return both.DefaultWinner(both.HeadOf(local.Rev), both.HeadOf(remote.Rev), local.Deleted, remote.Deleted) == both.Local
	}
	return revision.DefaultWinner(local.Rev, remote.Rev, local.Deleted, remote.Deleted)
}

// isOver reports whether head has ended the conflict with the remote's revision: head is that
// revision, or descends from it.
func (tx *Tx) isOver(head, remote revision.Rev) bool {
	if tx.hasTrees() {
		return both.HeadOf(head).Covers(both.HeadOf(remote))
	}
	order := revision.Compare(head, remote)
	return order == revision.Same || order == revision.Newer
}

// Learn notes that a peer, which may be remote, has the tree revision, another name of the head or one that
// the head has seen. It does nothing in other databases, or if the document is gone.
func (tx *Tx) Learn(c *Collection, id string, tree revision.ID, remote Remote) error {
	return tx.atomic(func() error {
		head, err := tx.lookup(c, id, headOnly)
		if err != nil || head == nil || !tx.hasTrees() {
			return err
		}
		h := both.HeadOf(head.Rev)
		in := Incoming{ID: id, Rev: revision.Rev{ID: tree}, Remote: remote}
		return tx.fault(c, tx.rename(c, head, h.Learn(tree), in), "note revision", id)
	})
}

// markBoth notes that remote has the revision rev of head, by any name. An older one does not replace the
// head's own.
func (tx *Tx) markBoth(c *Collection, head *Document, remote Remote, rev revision.ID) error {
	h := both.HeadOf(head.Rev)
	has := head.remote.of(remote, head.Rev.ID)
	if learnt := h.Learn(rev); rev.IsVersion() && learnt.Rev().ID != h.Rev().ID { // a copy for a Sync Gateway
		return tx.rename(c, head, learnt, Incoming{ID: head.ID, Rev: revision.Rev{ID: rev}, Remote: remote})
	}
	if rev = ownName(head.Rev, rev); has == rev || h.Is(has) && h.Seen(rev) {
		return nil
	}
	return tx.markKnown(c, head, remote, revision.Rev{ID: rev})
}

// isNamed reports whether id is a name of rev.
func (tx *Tx) isNamed(rev revision.Rev, id revision.ID) bool {
	return rev.ID.Is(id) || tx.db.Versioning() == Both && both.HeadOf(rev).Is(id)
}

// TreeID returns the tree ID of the head in a database of both generations.
func (d *Document) TreeID() revision.ID { return both.HeadOf(d.Rev).Chain()[0] }
