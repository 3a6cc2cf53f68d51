package checkpoint

import "slices"

// Position is the saved state of a replication. Its zero value is the beginning.
type Position struct {
	Done   []Span // local sequences that the peer has, sorted; the first run begins at 0
	Remote string // JSON text of the peer's last sequence that we have; "" for none
}

// Equal reports whether two positions are equal.
func (p Position) Equal(o Position) bool {
	return p.Remote == o.Remote && slices.Equal(p.begun(), o.begun())
}

// begun returns the done spans with the span from 0 that every position has: no sequence is 0.
func (p Position) begun() []Span {
	if len(p.Done) == 0 {
		return []Span{{0, 1}}
	}
	return p.Done
}

// Without returns p with some local sequences no longer done.
func (p Position) Without(sequences []uint64) Position {
	cut := slices.Clone(sequences)
	slices.Sort(cut)
	var done []Span
	for _, s := range p.Done {
		done = append(done, without(s, cut)...)
	}
	return Position{Done: done, Remote: p.Remote}
}

// Agree returns the position on which both copies agree.
func Agree(local, remote Position) Position {
	agreed := Position{Done: intersect(local.Done, remote.Done), Remote: local.Remote}
	if local.Remote != remote.Remote {
		switch earlier, ok := earlier(remote.Remote, local.Remote); {
		case local.Remote == "" || remote.Remote == "" || !ok:
			agreed.Remote = ""
		case earlier:
			agreed.Remote = remote.Remote
		}
	}
	return agreed
}
