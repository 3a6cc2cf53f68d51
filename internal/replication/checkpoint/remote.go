package checkpoint

import "slices"

// Remote tracks the peer's sequences in order of arrival, and computes the last one before which
// everything is stored. Its zero value is the beginning.
type Remote struct {
	last      string // JSON text of the newest sequence with nothing pending before it
	queue     []*Sequence
	dropped   int  // done entries at the head of queue, reclaimed now and then
	stuck     bool // the newest in queue stays open, and blocks all later ones
	forgotten bool
}

// NewRemote continues after last, the JSON text of a sequence, or from the beginning if last is "".
func NewRemote(last string) Remote { return Remote{last: last} }

// Last returns the JSON text of the newest sequence with nothing pending before it, "" for none.
func (r *Remote) Last() string {
	if r.forgotten {
		return ""
	}
	return r.last
}

// Forget makes Last return "" from now on, so that the next session pulls from the beginning.
func (r *Remote) Forget() { r.forgotten = true }

// Sequence is one sequence of the peer.
type Sequence struct {
	text string
	done bool
}

// Add appends a sequence.
func (r *Remote) Add(text string) *Sequence {
	seq := &Sequence{text: text}
	if !r.stuck {
		r.queue = append(r.queue, seq)
	}
	return seq
}

// Leave leaves seq open. Last can then never pass seq, so Remote drops all later sequences.
func (r *Remote) Leave(seq *Sequence) {
	if i := slices.Index(r.queue[r.dropped:], seq); i >= 0 {
		r.queue = slices.Delete(r.queue, r.dropped+i+1, len(r.queue))
		r.stuck = true
	}
}

// Complete marks seq as done, and reports whether Last has changed.
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
