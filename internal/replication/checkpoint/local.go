package checkpoint

import "slices"

// Local is the account of our own sequences: those done are pushed, refused for good, or not for the
// peer at all. Its zero value has nothing done.
type Local struct {
	seen    uint64              // every sequence up to here was looked at
	pending map[uint64]struct{} // of those, the ones not done
	arrived map[uint64]struct{} // of those pending, the ones that the peer has, which is still to be noted
	done    []Span              // beyond seen, done in an earlier run
}

// NewLocal goes on from what an earlier run has done. The spans are sorted and do not touch.
func NewLocal(done []Span) Local {
	l := Local{done: done}
	if len(done) > 0 && done[0].First == 0 {
		l.Look(done[0].End - 1)
	}
	return l
}

// Seen returns the sequence up to which every one was looked at.
func (l *Local) Seen() uint64 { return l.seen }

// Add enters seq, which is to be done.
func (l *Local) Add(seq uint64) {
	if l.pending == nil {
		l.pending = make(map[uint64]struct{})
	}
	l.pending[seq] = struct{}{}
}

// Arrive says that the peer has what seq stands for, before that is noted and seq complete.
func (l *Local) Arrive(seq uint64) {
	if l.arrived == nil {
		l.arrived = make(map[uint64]struct{})
	}
	l.arrived[seq] = struct{}{}
}

// Complete says that seq is done, and reports whether it was pending until now.
func (l *Local) Complete(seq uint64) bool {
	_, was := l.pending[seq]
	delete(l.pending, seq)
	delete(l.arrived, seq)
	return was
}

// Look says that every sequence up to seq was added, or is not for the peer.
func (l *Local) Look(seq uint64) { l.seen = max(l.seen, seq) }

// Finished reports whether an earlier run has done seq already.
func (l *Local) Finished(seq uint64) bool {
	i, _ := slices.BinarySearchFunc(l.done, seq, func(s Span, seq uint64) int {
		if s.End <= seq {
			return -1
		}
		return 1
	})
	return i < len(l.done) && l.done[i].First <= seq
}

// IsNew reports whether this run has done seq, or as good as that, and no earlier one had.
func (l *Local) IsNew(seq uint64) bool {
	_, arrived := l.arrived[seq]
	return arrived || l.Covers(seq) && !l.Finished(seq)
}

// Covers reports whether seq is done.
func (l *Local) Covers(seq uint64) bool {
	_, pending := l.pending[seq]
	return seq <= l.seen && !pending || l.Finished(seq)
}

// Done returns the sequences that are done as runs, sorted; the first begins at 0.
func (l *Local) Done() []Span {
	pending := make([]uint64, 0, len(l.pending))
	for seq := range l.pending {
		pending = append(pending, seq)
	}
	slices.Sort(pending)
	var spans []Span
	first := uint64(0)
	for _, seq := range pending {
		if seq > l.seen {
			break // a document was looked at out of turn: nothing is known of those before it
		}
		if seq > first {
			spans = append(spans, Span{first, seq})
		}
		first = seq + 1
	}
	if first <= l.seen {
		spans = append(spans, Span{first, l.seen + 1})
	}
	for _, s := range l.done { // what an earlier run did beyond the point this one has reached
		if s.End > l.seen+1 {
			spans = append(spans, without(Span{max(s.First, l.seen+1), s.End}, pending)...)
		}
	}
	return Merge(spans)
}
