package revision

import (
	"time"

	"github.com/tandemdb/tandem/internal/fault"
)

// checked returns r if its history is possible for its ID.
func checked(r Rev) (Rev, error) {
	if r.ID.IsTree() {
		return r, checkTree(r)
	}
	if err := checkFalling(r.History.Ancestors); err != nil {
		return Rev{}, err
	}
	return checkVector(r)
}

// checkTree requires generations to fall by one at each step. Only at the end of a pruned list may
// generations be missing: there a peer keeps just the ancestors that its own remotes have.
func checkTree(r Rev) error {
	if len(r.History.Merges) > 0 || len(r.History.Previous) > 0 {
		return malformed(string(r.ID), "the history of a tree revision ID has versions")
	}
	above := r.ID.Generation()
	for i, id := range r.History.Ancestors {
		generation := id.Generation()
		if generation >= above {
			return malformed(string(id), "generations in the history do not fall")
		}
		if generation != above-1 && i+1 < DefaultHistory-1 {
			return malformed(string(id), "generations are missing in the history")
		}
		above = generation
	}
	return nil
}

// CheckChain reports tree IDs that are no chain: more than [DefaultHistory], or of generations that do not
// fall. Generations may be missing. The error is [fault.BadRevisionID].
func CheckChain(ids []ID) error {
	if len(ids) > DefaultHistory {
		return malformed(string(ids[0]), "the chain has more than 50 revisions")
	}
	for _, id := range ids {
		if !id.IsTree() {
			return malformed(string(id), "a chain has tree revision IDs only")
		}
	}
	return checkFalling(ids)
}

func checkFalling(ids []ID) error {
	for i := 1; i < len(ids); i++ {
		if ids[i].Generation() >= ids[i-1].Generation() {
			return malformed(string(ids[i]), "generations in the history do not fall")
		}
	}
	return nil
}

// maxSources bounds the work for a vector; it is far more than the databases that write one
// document.
const maxSources = 1024

// checkVector requires each source to occur once. It drops the current version's source from
// Previous.
func checkVector(r Rev) (Rev, error) {
	cv, own := r.ID, r.ID.Source()
	h := &r.History
	if len(h.Merges) == 0 && len(h.Previous) == 0 {
		return r, nil
	}
	if len(h.Merges)+len(h.Previous) > maxSources {
		return Rev{}, malformed(string(cv), "the vector has more than 1024 sources")
	}
	seen := make(map[Source]bool, len(h.Merges)+len(h.Previous))
	for _, id := range h.Merges {
		source := id.Source()
		if source == own && id.Time() >= cv.Time() {
			return Rev{}, malformed(string(id), "a merged version is not older than the merge")
		}
		if seen[source] {
			return Rev{}, malformed(string(id), "a source occurs twice in the vector")
		}
		seen[source] = true
	}
	kept := h.Previous[:0:0]
	for _, id := range h.Previous {
		source := id.Source()
		if seen[source] || source == own && id.Time() >= cv.Time() {
			return Rev{}, malformed(string(id), "a source occurs twice in the vector")
		}
		seen[source] = true
		if source != own {
			kept = append(kept, id)
		}
	}
	h.Previous = nilIfEmpty(kept)
	return r, nil
}

// The range of a valid time, and how far a version's time may lie ahead of the clock.
const (
	MinTime  Time = 1 << 40
	MaxTime  Time = 1<<63 - 1
	MaxAhead      = 2 * time.Minute
)

// CheckTimes reports a version in r or its history whose time is out of range or more than
// [MaxAhead] after now. The error is [fault.BadRevisionID]. Tree IDs have no time.
func CheckTimes(r Rev, now time.Time) error {
	limit := Time(max(now.Add(MaxAhead).UnixNano(), 0))
	for _, list := range [...][]ID{{r.ID}, r.History.Merges, r.History.Previous} {
		for _, id := range list {
			if err := checkTime(id, limit); err != nil {
				return err
			}
		}
	}
	return nil
}

// MaxStep is how many generations a revision may be above the head that it replaces, where room is scarce.
const MaxStep = 10_000

// RoomUpTo returns the highest generation that a peer may send, if last is the last of all and a document's
// head has the generation head (0 if there is none). Nobody comes near the last one by jumps, which would leave no
// room for edits: these lead to half of it. Beyond that generations rise by steps. Whoever lacks the document
// gets it also if some steps have been made.
func RoomUpTo(last, head uint64) uint64 {
	if head == 0 {
		return last / 4 * 3
	}
	return min(last, max(last/2, head+MaxStep))
}

func checkTime(id ID, limit Time) error {
	if !id.IsVersion() {
		return nil
	}
	t := id.Time()
	if t < MinTime || t > MaxTime {
		return malformed(string(id), "the time is out of range")
	}
	if t > limit && id.Source() != LegacySource {
		return fault.BadRevisionID.Says("version %s is of a time more than 2 minutes ahead", id).
			Try("set the clocks of both machines")
	}
	return nil
}

// Due returns the moment from which [CheckTimes] accepts r. It returns the zero time if CheckTimes
// accepts r already or never will.
func Due(r Rev, now time.Time) time.Time {
	t := Greatest(r)
	due := time.Unix(0, int64(t)).Add(-MaxAhead)
	if t == 0 || t > MaxTime || !due.After(now) {
		return time.Time{}
	}
	return due
}
