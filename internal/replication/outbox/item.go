package outbox

import (
	"slices"
	"time"

	"github.com/tandemdb/tandem/internal/revision"
)

// Sequence is the place of a change among those of its collection, from 1. Zero is none.
type Sequence uint64

// Head is a document as the database has it.
type Head struct {
	ID         string
	Sequence   Sequence
	Rev        revision.Rev
	Deleted    bool
	Conflicted bool        // the database keeps another revision beside it, of this peer or another
	Size       int         // bytes of the body
	Known      revision.ID // the peer's revision, as far as the database knows; "" for none
}

// Item is one revision of a document on its way to the peer. Its exported fields are for reading, while
// a step is done with it.
type Item struct {
	Head

	// Asked is the revision as it was announced. Rev may have come in its place since.
	Asked revision.ID

	// Parent is the revision that the peer is believed to have, "" for none.
	Parent revision.ID

	// Theirs are the revisions of the document that the peer says it has, newest first.
	Theirs []revision.ID

	// Whole says that the peer has refused a delta of the revision.
	Whole bool

	state    State
	news     news
	hold     hold
	parcel   Parcel
	attempts int  // announcements
	counted  bool // in Counts.Total
	barred   bool // the peer has forbidden it once
	end      End

	earlier, later *Item // other revisions of the document on their way
}

// State returns where the item stands.
func (it *Item) State() State { return it.state }

// End returns how the item ends, once a [Report] speaks of it.
func (it *Item) End() End { return it.end }

// Parcel returns how the item was sent the last time. It is zero before that.
func (it *Item) Parcel() Parcel { return it.parcel }

// PeerHas reports whether the peer is believed to have a revision of the document.
func (it *Item) PeerHas(id revision.ID) bool {
	return id == it.Parent || slices.Contains(it.Theirs, id)
}

// Since returns since when an item is held.
func (it *Item) Since() time.Time { return it.hold.since }

// isRefused reports whether the peer has refused the item's revision for one of its own.
func (it *Item) isRefused() bool { return !it.hold.since.IsZero() }

// isOf reports whether the item, or an earlier one of its document, is of the change seq.
func (it *Item) isOf(seq Sequence) bool {
	for ; it != nil; it = it.earlier {
		if it.Sequence == seq {
			return true
		}
	}
	return false
}

// isSame reports whether the item, which may be nil, is about the same change as other.
func (it *Item) isSame(other *Item) bool { return it != nil && it.Sequence == other.Sequence }

// Parcel is how a revision was sent.
type Parcel struct {
	Bytes int
	Saved int  // bytes, by a delta
	Delta bool // whether it was one

	// Tree is the tree revision that the peer had when a version was sent, "" for none.
	Tree revision.ID
}

// End is what became of an item.
type End struct {
	// Err says why the peer does not have the revision. Nil means that it has.
	Err error

	// Taken says that the peer took the revision from us. Otherwise it had it, or does not want it.
	Taken bool

	// Pending says that the revision is left for the next session: its sequence is not complete.
	Pending bool

	// Transient says that Err is of a kind that passes.
	Transient bool

	// TooEarly says that the peer takes the revision once its clock is right.
	TooEarly bool

	// Undecided says that the filter has failed, which is Err.
	Undecided bool
}

// news is a revision that the peer has announced though it had, for all we knew, ours.
type news struct {
	ours   revision.ID // what we had
	theirs revision.ID // "" for no news
}

// hold is the wait of an item whose revision the peer has refused for one of its own.
type hold struct {
	since   time.Time // zero before the refusal
	met     bool      // the pull has met the peer's revision, and did not store it
	touched bool      // the revision was made for that reason, in place of an equal one
}
