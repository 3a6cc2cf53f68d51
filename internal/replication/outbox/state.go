package outbox

import (
	"cmp"
	"maps"
	"slices"

	"github.com/tandemdb/tandem/internal/fault"
)

// State is where an item stands.
type State int

// The states. The package comment draws the moves between them.
const (
	unborn   State = iota // it is being made
	Waiting               // its document's earlier revision is on its way; it is looked at afterwards
	Noted                 // it is to be looked at
	Queued                // it is to be announced
	Batched               // it is to be announced again, in a batch that is made already
	Offered               // it is announced, and not answered
	Blocked               // the peer wants it; its document's earlier revision goes first
	Wanted                // the peer wants it; it is to be sent
	Sent                  // it is sent, and not answered
	Arrived               // the peer has it; the database is to note that
	Marking               // the database is noting that
	Held                  // the peer refuses it for a revision of its own, which the pull is to bring
	Touching              // a new revision is to be made in its place
	Barred                // the peer forbids it; it is proposed once more when all else is done
	Leaving               // nothing is left to do but to tell the user
	Gone                  // its sequence is complete, or left for the next session
	states   int   = iota
)

// String names the state.
func (s State) String() string {
	return [...]string{
		"unborn", "waiting", "noted", "queued", "batched", "offered", "blocked", "wanted", "sent", "arrived", "marking", "held", "touching",
		"barred", "leaving", "gone",
	}[s]
}

// moves says which states may follow each, as the package comment draws it.
var moves = [states][]State{
	unborn:   {Waiting, Noted, Queued, Leaving},
	Waiting:  {Noted, Gone},
	Noted:    {Queued, Held, Leaving, Gone},
	Queued:   {Offered},
	Batched:  {Offered},
	Offered:  {Batched, Queued, Blocked, Wanted, Arrived, Noted, Touching, Leaving, Gone},
	Blocked:  {Wanted},
	Wanted:   {Sent},
	Sent:     {Wanted, Queued, Barred, Arrived, Noted, Leaving, Gone},
	Arrived:  {Marking},
	Marking:  {Leaving, Gone},
	Held:     {Noted, Touching, Leaving, Gone},
	Touching: {Noted},
	Barred:   {Queued, Gone},
	Leaving:  {Gone},
	Gone:     {},
}

// register holds the items by document and by state. It alone moves them.
type register struct {
	ledger Ledger
	newest map[string]*Item // of each document
	in     [states]int      // items in each state
	counts Counts
	err    error // the first move that is not allowed

	// Items in some of the states, in the order in which they came. In noted and barred are also
	// some that have moved on, but no more than others.
	noted, queued, wanted, arrived, touching, barred, leaving []*Item

	held map[*Item]struct{}
}

// enter makes an item of a document's newest revision. A sequence other than 0 is pending until it leaves.
func (r *register) enter(it *Item, at State) {
	if it.Sequence != 0 {
		r.ledger.Add(it.Sequence)
	}
	if last := r.newest[it.ID]; last != nil {
		last.later, it.earlier = it, last
	}
	r.newest[it.ID] = it
	r.move(it, at)
}

// adopt makes head, of which nothing is on its way, what the item is about. It is known by then that
// head comes of the item's own change.
func (r *register) adopt(it *Item, head Head) {
	if it.Sequence == 0 && head.Sequence != 0 {
		r.ledger.Add(head.Sequence)
	}
	it.Head = head
}

// move is how every item gets from one state to another. A move that is not drawn is a fault of ours: the
// item stays where it is, and err ends the session, so that the sequence stays pending.
func (r *register) move(it *Item, to State) {
	from := it.state
	if !allows(from, to) {
		if r.err == nil {
			r.err = fault.Unexpected.In("push", it.ID).Says("revision %s cannot go from %s to %s", it.Rev.ID, from, to)
		}
		return
	}
	r.in[from]--
	r.in[to]++
	it.state = to
	switch from {
	case Held:
		delete(r.held, it)
	case Noted:
		r.noted = r.tidied(r.noted, Noted)
	case Barred:
		r.barred = r.tidied(r.barred, Barred)
	default: // it was taken off its queue before
	}
	switch to {
	case Noted:
		r.noted = append(r.noted, it)
	case Queued:
		r.queued = append(r.queued, it)
	case Blocked:
		r.count(it)
	case Wanted:
		r.count(it)
		if from == Sent { // it is sent again at once
			r.wanted = slices.Insert(r.wanted, 0, it)
		} else {
			r.wanted = append(r.wanted, it)
		}
	case Arrived:
		r.ledger.Arrived(it.Sequence)
		r.arrived = append(r.arrived, it)
	case Held:
		r.held[it] = struct{}{}
	case Touching:
		r.touching = append(r.touching, it)
	case Barred:
		r.barred = append(r.barred, it)
	case Leaving:
		r.leaving = append(r.leaving, it)
	case Gone:
		r.left(it)
	case unborn, Waiting, Batched, Offered, Sent, Marking:
	}
}

// tidied is a queue without those that have moved on, once they are more than the others.
func (r *register) tidied(queue []*Item, state State) []*Item {
	if len(queue) <= 2*r.in[state] {
		return queue
	}
	return slices.DeleteFunc(queue, func(it *Item) bool { return it.state != state })
}

func allows(from, to State) bool { return slices.Contains(moves[from], to) }

// left is where every item leaves: here, and nowhere else, its sequence is complete.
func (r *register) left(it *Item) {
	earlier, later := it.earlier, it.later
	if !it.end.Pending && it.Sequence != 0 && !earlier.isSame(it) && !later.isSame(it) {
		r.ledger.Complete(it.Sequence)
	}
	if it.counted {
		r.counts.Completed++
	}
	it.earlier, it.later = nil, nil
	if earlier != nil {
		earlier.later = later
	}
	switch {
	case later != nil:
		later.earlier = earlier
	case earlier != nil:
		r.newest[it.ID] = earlier
	default:
		delete(r.newest, it.ID)
	}
	if later != nil && earlier == nil {
		r.follow(it, later)
	}
}

// follow lets the document's next revision go on, now that none is before it.
func (r *register) follow(it, later *Item) {
	if it.end.Taken {
		later.Parent = it.Rev.ID
	}
	switch later.state {
	case Waiting:
		r.move(later, Noted)
	case Blocked:
		r.move(later, Wanted)
	default: // it does not wait
	}
}

// count counts an item as one to be dealt with, once.
func (r *register) count(it *Item) {
	if !it.counted {
		it.counted = true
		r.counts.Total++
	}
}

// drop ends an item that nobody needs any more.
func (r *register) drop(it *Item) { r.move(it, Gone) }

// tell ends an item, of which the user is to hear.
func (r *register) tell(it *Item, end End) {
	it.end = end
	r.move(it, Leaving)
}

// allHeld returns the items in state Held, in the order of their changes.
func (r *register) allHeld() []*Item {
	return slices.SortedFunc(maps.Keys(r.held), func(a, b *Item) int { return cmp.Compare(a.Sequence, b.Sequence) })
}

// total returns how many items there are.
func (r *register) total() int { return -r.in[unborn] - r.in[Gone] }
