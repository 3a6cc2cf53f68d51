package outbox

import (
	"cmp"
	"maps"
	"slices"

	"github.com/tandemdb/tandem/internal/fault"
)

// State is the state of an item.
type State int

// The states. The package comment draws the moves between them.
const (
	unborn   State = iota // under construction
	Waiting               // behind an earlier revision of the document; looked at afterwards
	Noted                 // to be looked at
	Queued                // to be announced
	Batched               // to be announced again, in an existing batch
	Offered               // announced, without an answer
	Blocked               // wanted, behind an earlier revision of the document
	Wanted                // wanted, to be sent
	Sent                  // sent, without a reply
	Arrived               // at the peer; the database has yet to record it
	Marking               // the database is recording it
	Held                  // refused as conflicting; waits for the peer's revision from the pull
	Touching              // to be replaced by a new revision
	Barred                // forbidden; proposed once more when all other items are done
	Leaving               // finished; the user has yet to hear of it
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

// moves lists the states that may follow each state, as in the package comment.
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

// register holds the items by document and by state. Only its methods move them.
type register struct {
	ledger Ledger
	newest map[string]*Item // of each document
	in     [states]int      // items in each state
	counts Counts
	err    error // the first forbidden move

	uncounted int // items that are not in counts.Total

	// Items by state, in order of entry. noted and barred also hold items that have moved on, at
	// most as many as those that have not.
	noted, queued, wanted, arrived, touching, barred, leaving []*Item

	held map[*Item]struct{}
}

// enter adds an item for the newest revision of its document. Its sequence, unless 0, is pending
// until the item leaves.
func (r *register) enter(it *Item, at State) {
	if it.Sequence != 0 {
		r.ledger.Add(it.Sequence)
	}
	if last := r.newest[it.ID]; last != nil {
		last.later, it.earlier = it, last
	}
	r.newest[it.ID] = it
	r.uncounted++
	r.move(it, at)
}

// adopt changes the item to head. head must belong to the item's own change, and have no item.
func (r *register) adopt(it *Item, head Head) {
	if it.Sequence == 0 && head.Sequence != 0 {
		r.ledger.Add(head.Sequence)
	}
	it.Head = head
}

// move takes an item from one state to another. A move outside of moves is an internal error: the
// item stays, and err ends the session, so that the sequence stays pending.
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
	default: // was taken off its queue before
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
		if from == Sent { // will be sent again at once
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

// tidied removes items that have moved on from a queue, once they are the majority.
func (r *register) tidied(queue []*Item, state State) []*Item {
	if len(queue) <= 2*r.in[state] {
		return queue
	}
	return slices.DeleteFunc(queue, func(it *Item) bool { return it.state != state })
}

func allows(from, to State) bool { return slices.Contains(moves[from], to) }

// left runs for each item that leaves. Sequences complete here and nowhere else.
func (r *register) left(it *Item) {
	earlier, later := it.earlier, it.later
	if !it.end.Pending && it.Sequence != 0 && !earlier.isSame(it) && !later.isSame(it) {
		r.ledger.Complete(it.Sequence)
	}
	if it.counted {
		r.counts.Completed++
	} else {
		r.uncounted--
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

// follow releases the document's next revision after the one before it has left.
func (r *register) follow(it, later *Item) {
	if it.end.Taken {
		later.Parent = it.Rev.ID
	}
	switch later.state {
	case Waiting:
		r.move(later, Noted)
	case Blocked:
		r.move(later, Wanted)
	default: // not waiting
	}
}

// count adds an item to Total, once.
func (r *register) count(it *Item) {
	if !it.counted {
		it.counted = true
		r.uncounted--
		r.counts.Total++
	}
}

// drop ends an item without a report.
func (r *register) drop(it *Item) { r.move(it, Gone) }

// tell ends an item and reports it to the user.
func (r *register) tell(it *Item, end End) {
	it.end = end
	r.move(it, Leaving)
}

// allHeld returns the held items, in the order of their changes.
func (r *register) allHeld() []*Item {
	return slices.SortedFunc(maps.Keys(r.held), func(a, b *Item) int { return cmp.Compare(a.Sequence, b.Sequence) })
}

// total returns the number of items.
func (r *register) total() int { return -r.in[unborn] - r.in[Gone] }
