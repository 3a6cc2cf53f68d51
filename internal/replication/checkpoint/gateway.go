package checkpoint

import (
	"strconv"
	"strings"
)

// earlier reports whether a precedes b, both Sync Gateway sequences as JSON text, and whether both
// could be parsed.
func earlier(a, b string) (isEarlier, both bool) {
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

// kind returns 0 for a simple, 1 for a triggered, 2 for a low sequence.
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
