package fleet_test

import (
	"fmt"
	"slices"

	"github.com/tandemdb/tandem/internal/revision/both"
	"github.com/tandemdb/tandem/internal/store"
)

// judge follows the edits of a document.
type judge struct {
	all   []int
	last  int
	bare  bool // the last edit was a deletion without a body
	blind bool // one of the edits was
}

func (n *network) judge(id string) *judge {
	if n.judges[id] == nil {
		n.judges[id] = &judge{}
	}
	return n.judges[id]
}

func (j *judge) made(edit int, bare bool) {
	j.all, j.last, j.bare, j.blind = append(j.all, edit), edit, bare, j.blind || bare
}

// isLast reports whether s is the last edit.
func (j *judge) isLast(s state) bool {
	return j.bare && s.deleted || slices.Contains(s.Edits, j.last)
}

// check compares all peers and looks for lost edits.
func (n *network) check() {
	all := make([]map[string]state, len(n.peers))
	for i, p := range n.peers {
		p.sound()
		all[i] = p.documents()
	}
	for i := range documents {
		id := fmt.Sprintf("doc%d", i)
		n.compare(id, all)
		n.judgeEdits(id, all[n.apps][id])
	}
	if n.shape.serial || len(n.agreed) > 0 {
		n.checkQuiet()
	}
	n.forgetConflicts()
}

// complain notes what is wrong at rest.
func (n *network) complain(format string, args ...any) {
	n.wrong = append(n.wrong, fmt.Sprintf(format, args...))
	n.note("WRONG: %s", n.wrong[len(n.wrong)-1])
}

// compare holds all peers to the same content of a document, under names of one revision.
func (n *network) compare(id string, all []map[string]state) {
	want, has := all[n.apps][id]
	head := both.HeadOf(want.rev)
	for i, p := range n.peers {
		got, here := all[i][id]
		switch {
		case !here && (!has || want.deleted): // an empty database asks for no tombstones
		case !has && got.deleted:
		case here != has || !got.same(want) || got.open:
			n.complain("%s is %s on %s, want %s", id, got, p.name, want)
		case !head.Is(got.rev.ID) && !head.Seen(got.rev.ID):
			n.complain("%s is called %s on %s, which %s %v is not", id, got.rev.ID, p.name, want.rev.ID, head.Chain())
		}
	}
}

// judgeEdits reports edits that are lost though they have not lost a conflict.
func (n *network) judgeEdits(id string, final state) {
	j := n.judge(id)
	if edit := n.agreed[id]; edit != 0 && !j.isLast(final) {
		n.complain("%s is %s, and was edited last in edit %d, which was in no conflict", id, final, edit)
	}
	if n.shape.serial && j.last != 0 && !j.isLast(final) {
		n.complain("%s is %s, and was edited last in edit %d", id, final, j.last)
	}
	if j.blind || n.shape.serial {
		return
	}
	missing := slices.DeleteFunc(slices.Clone(j.all), func(e int) bool { return slices.Contains(final.Knows, e) })
	overruled := n.overruled(id)
	for _, e := range missing {
		if !slices.Contains(overruled, e) {
			n.complain("%s is %s: edit %d has lost no conflict, and is gone", id, final, e)
		}
	}
}

// overruled lists the edits of a document that have lost conflicts. It reports a conflict of a content with an
// older one, which the older one has won.
func (n *network) overruled(id string) (edits []int) {
	for _, p := range n.peers {
		for _, c := range p.conflictLog() {
			if c.ID != id || c.Winner == store.Merged {
				continue
			}
			winner, loser := contentOf(c.Local.Body), contentOf(c.Theirs.Body)
			if c.Winner == store.RemoteWins {
				winner, loser = loser, winner
			}
			if winner.isBefore(loser) {
				n.complain("%s: on %s, %v wins over %v, which has seen it", id, p.name, winner, loser)
			}
			edits = append(edits, slices.DeleteFunc(loser.Knows, func(e int) bool { return slices.Contains(winner.Knows, e) })...)
		}
	}
	return edits
}

// isBefore reports whether d was made by somebody who knew c.
func (c content) isBefore(d content) bool {
	knows := func(who, of content) bool {
		return !slices.ContainsFunc(of.Edits, func(e int) bool { return !slices.Contains(who.Knows, e) })
	}
	return knows(d, c) && !knows(c, d)
}

// checkQuiet reports conflicts since the last check: there was nothing to be in conflict.
func (n *network) checkQuiet() {
	for _, p := range n.peers {
		for _, c := range p.conflictLog() {
			if c.Number > p.judged && !(string(c.Local.Body) == string(c.Theirs.Body) && c.Local.Deleted == c.Theirs.Deleted) {
				n.complain("%s has seen a conflict that is none: %s %s / %s %s", p.name, c.Local.Rev, c.Local.Body, c.Theirs.Rev, c.Theirs.Body)
			}
		}
	}
}

// forgetConflicts has the next check look at later conflicts alone.
func (n *network) forgetConflicts() {
	for _, p := range n.peers {
		for _, c := range p.conflictLog() {
			p.judged = max(p.judged, c.Number)
		}
	}
	clear(n.agreed)
}
