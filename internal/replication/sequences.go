package replication

import (
	"slices"
	"strconv"
	"strings"
)

// localSequences tells which local sequences are done: pushed, refused for good, or not for
// the peer at all (spec/replication.md §4). It is not safe for concurrent use.
type localSequences struct {
	seen    uint64              // every sequence up to here was looked at
	pending map[uint64]struct{} // of those, the ones not done
	arrived map[uint64]struct{} // of those pending, the ones that the peer has, which is still to be noted
	done    []span              // beyond seen, done in an earlier run
}

// span is a run of sequences: first, and the one after the last.
type span struct{ first, end uint64 }

func (l *localSequences) add(seq uint64) {
	if l.pending == nil {
		l.pending = make(map[uint64]struct{})
	}
	l.pending[seq] = struct{}{}
}

// arrive says that the peer has what seq stands for, before that is noted and seq complete.
func (l *localSequences) arrive(seq uint64) {
	if l.arrived == nil {
		l.arrived = make(map[uint64]struct{})
	}
	l.arrived[seq] = struct{}{}
}

// complete reports whether seq was pending until now.
func (l *localSequences) complete(seq uint64) bool {
	_, was := l.pending[seq]
	delete(l.pending, seq)
	delete(l.arrived, seq)
	return was
}

// look moves seen up to seq, once everything up to it was added or left out.
func (l *localSequences) look(seq uint64) { l.seen = max(l.seen, seq) }

// finished reports whether an earlier run has done seq already.
func (l *localSequences) finished(seq uint64) bool {
	i, _ := slices.BinarySearchFunc(l.done, seq, func(s span, seq uint64) int {
		if s.end <= seq {
			return -1
		}
		return 1
	})
	return i < len(l.done) && l.done[i].first <= seq
}

// isNew reports whether this run has done seq, or as good as that, and no earlier one had.
func (l *localSequences) isNew(seq uint64) bool {
	_, arrived := l.arrived[seq]
	return arrived || l.covers(seq) && !l.finished(seq)
}

// covers reports whether seq is done.
func (l *localSequences) covers(seq uint64) bool {
	_, pending := l.pending[seq]
	return seq <= l.seen && !pending || l.finished(seq)
}

// spans returns the done sequences as runs; the first begins at 0.
func (l *localSequences) spans() []span {
	pending := make([]uint64, 0, len(l.pending))
	for seq := range l.pending {
		pending = append(pending, seq)
	}
	slices.Sort(pending)
	var spans []span
	first := uint64(0)
	for _, seq := range pending {
		if seq > l.seen {
			break // a document was looked at out of turn: nothing is known of those before it
		}
		if seq > first {
			spans = append(spans, span{first, seq})
		}
		first = seq + 1
	}
	if first <= l.seen {
		spans = append(spans, span{first, l.seen + 1})
	}
	for _, s := range l.done { // what an earlier run did beyond the point this one has reached
		if s.end > l.seen+1 {
			spans = append(spans, without(span{max(s.first, l.seen+1), s.end}, pending)...)
		}
	}
	return merge(spans)
}

// without cuts sequences out of a span. They are sorted.
func without(s span, cut []uint64) []span {
	var spans []span
	for _, seq := range cut {
		if seq < s.first || seq >= s.end {
			continue
		}
		if seq > s.first {
			spans = append(spans, span{s.first, seq})
		}
		s.first = seq + 1
	}
	if s.first < s.end {
		spans = append(spans, s)
	}
	return spans
}

// merge joins sorted spans that touch.
func merge(spans []span) []span {
	var out []span
	for _, s := range spans {
		if n := len(out); n > 0 && s.first <= out[n-1].end {
			out[n-1].end = max(out[n-1].end, s.end)
			continue
		}
		out = append(out, s)
	}
	return out
}

// intersect returns what is in both sorted lists.
func intersect(a, b []span) []span {
	var out []span
	for len(a) > 0 && len(b) > 0 {
		s := span{max(a[0].first, b[0].first), min(a[0].end, b[0].end)}
		if s.first < s.end {
			out = append(out, s)
		}
		if a[0].end < b[0].end {
			a = a[1:]
		} else {
			b = b[1:]
		}
	}
	return out
}

// remoteSequences tells up to which of the peer's sequences everything is stored: the
// newest before the earliest that is not. It is not safe for concurrent use.
type remoteSequences struct {
	last    string // JSON text of the newest sequence with nothing pending before it
	queue   []*remoteSequence
	dropped int  // done entries at the head of queue, reclaimed now and then
	stuck   bool // the newest in queue stays open: what comes after it is of no account
}

type remoteSequence struct {
	text string
	done bool
}

// add enters a sequence in the order of its arrival.
func (r *remoteSequences) add(text string) *remoteSequence {
	seq := &remoteSequence{text: text}
	if !r.stuck {
		r.queue = append(r.queue, seq)
	}
	return seq
}

// leave says that seq stays open. Since last does not pass it any more, what came after it, and what
// is still to come, is forgotten.
func (r *remoteSequences) leave(seq *remoteSequence) {
	if i := slices.Index(r.queue[r.dropped:], seq); i >= 0 {
		r.queue = slices.Delete(r.queue, r.dropped+i+1, len(r.queue))
		r.stuck = true
	}
}

// complete marks seq done, and reports whether last has moved.
func (r *remoteSequences) complete(seq *remoteSequence) bool {
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

// pending counts the sequences from the earliest that is not done.
func (r *remoteSequences) pending() int { return len(r.queue) - r.dropped }

// earlierGatewaySequence reports whether the JSON text a is earlier than b, both being
// sequences of Sync Gateway, and whether both could be read at all (spec/replication.md §4).
func earlierGatewaySequence(a, b string) (earlier, both bool) {
	x, okA := parseGatewaySequence(a)
	y, okB := parseGatewaySequence(b)
	if !okA || !okB {
		return false, false
	}
	return x.before(y), true
}

// gatewaySequence is simple (seq), triggered (trig:seq) or low (low:trig:seq, low::seq).
type gatewaySequence struct{ low, trig, seq uint64 }

func parseGatewaySequence(text string) (gatewaySequence, bool) {
	if unquoted, err := strconv.Unquote(text); err == nil {
		text = unquoted
	}
	var parts [3]uint64
	n := 0
	for part := range strings.SplitSeq(text, ":") {
		if n == 3 {
			return gatewaySequence{}, false
		}
		value, err := strconv.ParseUint(part, 10, 64)
		if err != nil && !(part == "" && n == 1) {
			return gatewaySequence{}, false
		}
		parts[n] = value
		n++
	}
	switch n {
	case 1:
		return gatewaySequence{seq: parts[0]}, true
	case 2:
		return gatewaySequence{trig: parts[0], seq: parts[1]}, true
	case 3:
		return gatewaySequence{low: parts[0], trig: parts[1], seq: parts[2]}, true
	}
	return gatewaySequence{}, false
}

func (s gatewaySequence) key() uint64 {
	switch {
	case s.low != 0:
		return s.low
	case s.trig != 0:
		return s.trig
	}
	return s.seq
}

// kind is 0 for a simple, 1 for a triggered, 2 for a low sequence.
func (s gatewaySequence) kind() int {
	switch {
	case s.low != 0:
		return 2
	case s.trig != 0:
		return 1
	}
	return 0
}

func (s gatewaySequence) rest() gatewaySequence {
	switch s.kind() {
	case 2:
		return gatewaySequence{trig: s.trig, seq: s.seq}
	case 1:
		return gatewaySequence{seq: s.seq}
	}
	return gatewaySequence{}
}

func (s gatewaySequence) before(o gatewaySequence) bool {
	if s.kind() == o.kind() {
		if s.key() != o.key() {
			return s.key() < o.key()
		}
		if s.kind() == 0 {
			return false
		}
		return s.rest().before(o.rest())
	}
	if o.kind() == 2 || s.kind() == 1 && o.kind() == 0 {
		return s.key() <= o.key()
	}
	return s.key() < o.key()
}
