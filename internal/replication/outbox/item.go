package outbox

import (
	"slices"
	"time"

	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/revision/both"
)

// Sequence is the position of a change in its collection, from 1. Zero means no change.
type Sequence uint64

// Head is the current revision of a document in the database.
type Head struct {
	ID         string
	Sequence   Sequence
	Rev        revision.Rev
	Deleted    bool
	Conflicted bool        // the database keeps a conflicting revision, of this peer or another
	Size       int         // bytes of the body
	Known      revision.ID // the peer's revision, as far as the database knows; "" if unknown

	// Tree is announced beside a version, to a database of both generations; else "".
	Tree revision.ID

	// Names has all names of the revision; Rev has those that the peer understands. In a database of one
	// generation Names is nil.
	Names *both.Head
}

// Stored returns the revision's ID in the database.
func (h *Head) Stored() revision.ID {
	if h.Names != nil {
		return h.Names.Rev().ID
	}
	return h.Rev.ID
}

// Sees reports whether the revision is id or descends from it.
func (h *Head) Sees(id revision.ID) bool {
	return h.Rev.Contains(id) || h.Names != nil && h.Names.Seen(id)
}

// Item is one revision of a document on its way to the peer. The caller may read the exported
// fields while it executes a step with the item.
type Item struct {
	Head

	// Asked is the announced revision. Rev may be a newer one that has replaced it.
	Asked revision.ID

	// Parent is the revision that the peer is believed to have, or "".
	Parent revision.ID

	// Theirs lists the document's revisions that the peer says it has, newest first.
	Theirs []revision.ID

	// Whole means that the peer has refused a delta of the revision.
	Whole bool

	state    State
	news     news
	hold     hold
	parcel   Parcel
	attempts int  // number of announcements
	counted  bool // in Counts.Total
	barred   bool // the peer has forbidden the item once
	end      End

	earlier, later *Item // other revisions of the same document on their way
}

// State returns the state of the item.
func (it *Item) State() State { return it.state }

// End returns the outcome of the item, which is valid from its [Report] on.
func (it *Item) End() End { return it.end }

// Parcel returns how the item was last sent. It is zero before that.
func (it *Item) Parcel() Parcel { return it.parcel }

// PeerHas reports whether the peer is believed to have a revision of the document.
func (it *Item) PeerHas(id revision.ID) bool {
	return id == it.Parent || slices.Contains(it.Theirs, id)
}

// Since returns the time since when the item has been held.
func (it *Item) Since() time.Time { return it.hold.since }

// isRefused reports whether the peer has refused the revision as conflicting.
func (it *Item) isRefused() bool { return !it.hold.since.IsZero() }

// isOf reports whether the item, or an earlier item of its document, stands for the change seq.
func (it *Item) isOf(seq Sequence) bool {
	for ; it != nil; it = it.earlier {
		if it.Sequence == seq {
			return true
		}
	}
	return false
}

// isSame reports whether the item, which may be nil, stands for the same change as other.
func (it *Item) isSame(other *Item) bool { return it != nil && it.Sequence == other.Sequence }

// Parcel describes how a revision was sent.
type Parcel struct {
	Bytes int
	Saved int  // bytes saved by a delta
	Delta bool // a delta was sent

	// Tree is the tree revision that the peer had when we sent a version, or "".
	Tree revision.ID
}

// End is the outcome of an item.
type End struct {
	// Err says why the peer lacks the revision. Nil means that the peer has it.
	Err error

	// Taken means that the peer took the revision from us. Otherwise it had the revision already,
	// or does not want it.
	Taken bool

	// Pending means that the revision is left for the next session, with its sequence incomplete.
	Pending bool

	// Transient means that Err may pass.
	Transient bool

	// TooEarly means that the peer will accept the revision once its clock is right.
	TooEarly bool

	// Undecided means that the filter failed, with Err.
	Undecided bool
}

// news is a revision that the peer has announced although, as far as we knew, it had ours.
type news struct {
	ours   revision.ID // our revision at that time
	theirs revision.ID // "" if there is no news

	// reminds says that the peer is told of our revision once more: see Outbox.Remind.
	reminds bool
}

// hold is the wait of an item whose revision the peer has refused as conflicting.
type hold struct {
	since   time.Time // zero before the refusal
	met     bool      // the pull has met the peer's revision without storing it
	touched bool      // the revision was made because of this conflict, in place of an equal one
}
