package both

import "github.com/tandemdb/tandem/internal/revision"

// Winner tells whose content ends a conflict.
type Winner int

// The winners.
const (
	Local Winner = iota
	Remote
	Merged // new content
)

// DefaultWinner decides a conflict by the default rules, as every database of both generations does. A
// deletion wins, then what the peers call the later revision.
func DefaultWinner(local, remote Head, localDeleted, remoteDeleted bool) Winner {
	wins := local.wins(remote.vector, remote.chain[0])
	if localDeleted != remoteDeleted {
		wins = localDeleted
	}
	if wins {
		return Local
	}
	return Remote
}

// Resolve returns the head that ends a conflict. It has seen both sides, in both generations. same means
// that their contents are equal. If renew is set, the content is new, and needs a version made with
// [Head.Next] of a generation above least.
func Resolve(local, remote Head, winner Winner, same bool) (head Head, renew bool, least uint64) {
	after := max(local.encoded(), remote.encoded())
	lead, other := local, remote
	if winner == Remote {
		lead, other = remote, local
	}
	head = lead
	head.vector = lead.seeing(other.all()...)
	head = head.supersede(other.superseded...)
	takesTheirs := winner == Remote
	if same {
		takesTheirs = later(remote.chain[0], local.chain[0])
	}
	if takesTheirs {
		head = head.completed(remote.chain, local.chain)
		least = local.chain[0].Generation()
	} else {
		head.chain = local.chain
		head = head.supersede(remote.chain...)
		least = remote.chain[0].Generation()
	}
	head.names = joinNames(local.names, remote.names)
	switch {
	case winner == Merged:
		if head.isTree() { // the later of both names counts as seen
			head.vector = vector{cv: revision.NewVersion(after, revision.LegacySource)}.seeing(head.all()...)
		}
		return head, true, least
	case head.isTree() && after > head.cv.Time():
		return head.mint(least, after, string(head.cv)+",over,"+revisionTime(after)), false, 0
	case !same && head.chain[0].Generation() <= least:
		return head.bump(least), false, 0
	}
	return head.lifted(), false, 0
}

func joinNames(a, b []revision.Name) []revision.Name {
	h := Head{names: b}
	for i := len(a) - 1; i >= 0; i-- {
		h = h.named(a[i].Tree, a[i].Version)
	}
	return h.names
}
