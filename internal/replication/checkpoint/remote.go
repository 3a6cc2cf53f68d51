package checkpoint

import "slices"

// Remote is the account of the peer's sequences, in the order in which they came: it tells up to which
// everything is stored. Its zero value is the beginning.
type Remote struct {
	last      string // JSON text of the newest sequence with nothing pending before it
	queue     []*Sequence
	dropped   int  // done entries at the head of queue, reclaimed now and then
	stuck     bool // the newest in queue stays open: later ones cannot count
	forgotten bool
}

// NewRemote goes on after last, the JSON text of a sequence, or from the beginning if it is "".
func NewRemote(last string) Remote { return Remote{last: last} }

// Last returns the JSON text of the newest sequence with nothing pending before it, "" for none.
func (r *Remote) Last() string {
	if r.forgotten {
		return ""
	}
	return r.last
}

// Forget makes Last return "" from now on, so that the next run pulls from the beginning.
func (r *Remote) Forget() { r.forgotten = true }

// Sequence is one of the peer's.
type Sequence struct {
	text string
	done bool
}

// Add enters a sequence in the order of its arrival.
func (r *Remote) Add(text string) *Sequence {
	seq := &Sequence{text: text}
	if !r.stuck {
		r.queue = append(r.queue, seq)
	}
	return seq
}

// Leave says that seq stays open. Since last does not pass it any more, what came after it, and what
// is still to come, is forgotten.
func (r *Remote) Leave(seq *Sequence) {
	if i := slices.Index(r.queue[r.dropped:], seq); i >= 0 {
		r.queue = slices.Delete(r.queue, r.dropped+i+1, len(r.queue))
		r.stuck = true
	}
}

// Complete marks seq done, and reports whether last has moved.
func (r *Remote) Complete(seq *Sequence) bool {
	seq.done = true
	moved := false
	for r.dropped < len(r.queue) && r.queue[r.dropped].done {
		r.last = r.queue[r.dropped].text
		r.queue[r.dropped] = nil
		r.dropped++
		moved = true
	}
	if r.dropped > 1024 && r.dropped*2 > len(r.queue) {
		r.queue = slices.Clone(r.queue[r.dropped:])
		r.dropped = 0
	}
	return moved
}

// Pending counts the sequences from the earliest that is not done.
func (r *Remote) Pending() int { return len(r.queue) - r.dropped }
