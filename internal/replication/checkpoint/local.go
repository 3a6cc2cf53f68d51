package checkpoint

import "slices"

// Local tracks our own sequences. A sequence is done when the peer has its revision, has refused it
// for good, or does not need it. In the zero value, no sequence is done.
type Local struct {
	seen    uint64              // every sequence up to here has been looked at
	pending map[uint64]struct{} // looked at, and not done
	arrived map[uint64]struct{} // pending sequences whose revision the peer has, which is not recorded yet
	done    []Span              // beyond seen, done in an earlier session
}

// NewLocal continues from the spans of an earlier session, which must be sorted and apart.
func NewLocal(done []Span) Local {
	l := Local{done: done}
	if len(done) > 0 && done[0].First == 0 {
		l.Look(done[0].End - 1)
	}
	return l
}

// Seen returns the sequence up to which all have been looked at.
func (l *Local) Seen() uint64 { return l.seen }

// Add marks seq as pending.
func (l *Local) Add(seq uint64) {
	if l.pending == nil {
		l.pending = make(map[uint64]struct{})
	}
	l.pending[seq] = struct{}{}
}

// Arrive says that the peer has the revision of seq. Complete follows once that is recorded.
func (l *Local) Arrive(seq uint64) {
	if l.arrived == nil {
		l.arrived = make(map[uint64]struct{})
	}
	l.arrived[seq] = struct{}{}
}

// Complete marks seq as done, and reports whether it was pending.
func (l *Local) Complete(seq uint64) bool {
	_, was := l.pending[seq]
	delete(l.pending, seq)
	delete(l.arrived, seq)
	return was
}

// Look says that every sequence up to seq either was added or does not concern the peer.
func (l *Local) Look(seq uint64) { l.seen = max(l.seen, seq) }

// Finished reports whether an earlier session completed seq.
func (l *Local) Finished(seq uint64) bool {
	i, _ := slices.BinarySearchFunc(l.done, seq, func(s Span, seq uint64) int {
		if s.End <= seq {
			return -1
		}
		return 1
	})
	return i < len(l.done) && l.done[i].First <= seq
}

// IsNew reports whether seq is done or arrived in this session, and was not done before.
func (l *Local) IsNew(seq uint64) bool {
	_, arrived := l.arrived[seq]
	return arrived || l.Covers(seq) && !l.Finished(seq)
}

// Covers reports whether seq is done.
func (l *Local) Covers(seq uint64) bool {
	_, pending := l.pending[seq]
	return seq <= l.seen && !pending || l.Finished(seq)
}

// Done returns the done sequences as sorted spans; the first begins at 0.
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
			break // read out of order: the sequences before it are unknown
		}
		if seq > first {
			spans = append(spans, Span{first, seq})
		}
		first = seq + 1
	}
	if first <= l.seen {
		spans = append(spans, Span{first, l.seen + 1})
	}
	for _, s := range l.done { // done in an earlier session, beyond the point reached in this one
		if s.End > l.seen+1 {
			spans = append(spans, without(Span{max(s.First, l.seen+1), s.End}, pending)...)
		}
	}
	return Merge(spans)
}
