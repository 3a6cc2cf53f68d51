package checkpoint

import "slices"

// Position is how far a replication has come: what both peers keep. Its zero value is the beginning.
type Position struct {
	Done   []Span // local sequences that the peer has, sorted; the first run begins at 0
	Remote string // JSON text of the peer's last sequence that we have; "" for none
}

// Equal reports whether two positions say the same.
func (p Position) Equal(o Position) bool {
	return p.Remote == o.Remote && slices.Equal(p.begun(), o.begun())
}

// begun is what is done, with the run that every position begins with: there is no sequence 0.
func (p Position) begun() []Span {
	if len(p.Done) == 0 {
		return []Span{{0, 1}}
	}
	return p.Done
}

// Without returns p with some local sequences to be done once more.
func (p Position) Without(sequences []uint64) Position {
	cut := slices.Clone(sequences)
	slices.Sort(cut)
	var done []Span
	for _, s := range p.Done {
		done = append(done, without(s, cut)...)
	}
	return Position{Done: done, Remote: p.Remote}
}

// Agree returns where a replication starts, given both copies of its position.
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
