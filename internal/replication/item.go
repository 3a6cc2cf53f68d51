package replication

import (
	"time"

	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/store"
)

// item is one revision on its way to the peer. A document has one at a time, but that a passive peer
// announces later ones already.
type item struct {
	id       string
	seq      store.Sequence
	rev      revision.Rev
	asked    revision.ID // what was announced last; rev may have come in its place
	deleted  bool
	size     int
	parent   revision.ID   // what we believe that the peer has
	before   revision.ID   // what the database knew that it has
	known    []revision.ID // what the peer has said that it has
	tree     revision.ID   // the tree revision that it had when a version was sent; "" for none
	state    itemState
	counted  bool             // as one of the total
	whole    bool             // a delta was refused
	saved    int              // bytes, by a delta that was not answered yet
	attempts int              // proposals
	weight   int              // bytes awaiting a reply
	theirs   revision.ID      // what the peer has announced meanwhile: ours is offered again after this
	newer    []store.Sequence // active side: the document's changes since; look at it when this is done
	later    *item            // passive side: the document's next revision, announced already
	behind   bool             // of such a one: it is not sent before the earlier one is done
	since    time.Time        // when it was held
	met      bool             // held, and the pull has met the peer's revision all the same
	refused  bool             // the peer has forbidden it once
	again    bool             // offered once more, though it was done; if the peer has it, there is nothing to tell
	taken    bool             // sent, and the peer has taken it; it may have had it before
}

// itemState is where an item stands: offered → ready → sent → settling → gone, with
// offered → held when the peer has another revision, until the pull has brought it.
type itemState int

const (
	offered itemState = iota
	ready
	sent
	settling
	held
)

// lookup is a document to look at again. Its sequences stay pending until then.
type lookup struct {
	id     string
	seqs   []store.Sequence
	ours   revision.ID // what we had when the peer announced theirs
	theirs revision.ID // what the peer has announced though it had, for all we know, ours; "" for no news
}
