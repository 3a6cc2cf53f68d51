package both

import (
	"cmp"
	"slices"

	"github.com/tandemdb/tandem/internal/revision"
)

// Alias returns the tree ID by which a peer that has the revisions known calls h, "" if it lacks h or calls
// it as we do. Such a peer must not get h under its present name: that would stand beside the peer's own
// edits of the alias.
func (h Head) Alias(known []revision.ID) revision.ID {
	for _, id := range known {
		if id.IsTree() && id != h.chain[0] && h.Is(id) {
			return id
		}
	}
	return ""
}

// MayHaveAlias reports whether a peer may know h by another tree ID than its present one: that, or one of the
// aliases, was made by a database of both generations.
func (h Head) MayHaveAlias() bool {
	if top := h.chain[0]; isEmbedded(top) || isMinted(top) || has(top, hashedMark, hashedDigits) {
		return true
	}
	isAlias := func(id revision.ID) bool { return id != h.chain[0] && h.Is(id) }
	return slices.ContainsFunc(h.chain, isAlias) || slices.ContainsFunc(h.superseded, isAlias)
}

// History returns the ancestors of h's tree ID for a peer of the third protocol that has the revisions
// known, its current one first. They end at the first of these that h has seen. Generations fall by one
// each: those without a revision carry versions that h has seen and the peer cannot know, tree IDs that h has given
// up, or fillers. The list has at most limit entries.
func (h Head) History(known []revision.ID, limit int) []revision.ID {
	end := h.meets(known)
	list := h.chain[1:]
	if i := slices.Index(list, end); i >= 0 {
		list = list[:i+1]
	} else if end != "" {
		list = slices.DeleteFunc(slices.Clone(list), func(id revision.ID) bool { return id.Generation() <= end.Generation() })
		list = append(slices.Clip(list), end)
	}
	list = slices.DeleteFunc(slices.Clone(list), func(id revision.ID) bool {
		return isEmbedded(id) && VersionOf(id) == h.cv // an alias of the head tells nothing
	})
	w := historyWriter{h: h, untold: h.untold(list), generation: h.chain[0].Generation(), limit: limit}
	for _, id := range list {
		if !w.add(id, id == end) {
			return w.cutAt(end)
		}
	}
	for end == "" && w.generation > 1 && len(w.untold) > 0 && len(w.list) < limit {
		w.fill()
	}
	return w.list
}

// meets returns the first of the revisions known at which a history of h can end, or "".
func (h Head) meets(known []revision.ID) revision.ID {
	for _, id := range known {
		if !id.IsTree() || id == h.chain[0] {
			continue
		}
		if slices.Contains(h.chain[1:], id) || id.Generation() < h.chain[0].Generation() && h.Seen(id) {
			return id
		}
	}
	return ""
}

// untold lists the versions that h has seen and that the tree IDs do not tell, the latest first.
func (h Head) untold(list []revision.ID) (ids []revision.ID) {
	told := toldBy(append([]revision.ID{h.chain[0]}, list...))
	for _, v := range h.all()[1:] {
		if !isEncodedOrCopy(v) && !told.includes(v) {
			ids = append(ids, v)
		}
	}
	slices.SortFunc(ids, func(a, b revision.ID) int {
		return cmp.Or(cmp.Compare(b.Time(), a.Time()), cmp.Compare(a, b))
	})
	return ids
}

// historyWriter writes a history without gaps.
type historyWriter struct {
	h          Head
	untold     []revision.ID
	list       []revision.ID
	generation uint64 // of the last entry
	limit      int
}

// add adds a revision after filling the generations above it. It reports whether more can follow.
func (w *historyWriter) add(id revision.ID, isEnd bool) bool {
	for w.generation > id.Generation()+1 && len(w.list) < w.limit-1 {
		w.fill()
	}
	if len(w.list) >= w.limit || w.generation > id.Generation()+1 && !isEnd {
		return false
	}
	w.list = append(w.list, id)
	w.generation = id.Generation()
	return true
}

// cutAt returns the list, which has no room for what lies between, with its end: a gap is allowed there.
func (w *historyWriter) cutAt(end revision.ID) []revision.ID {
	if end != "" && len(w.list) < w.limit && !slices.Contains(w.list, end) {
		w.list = append(w.list, end)
	}
	return w.list
}

// fill adds one generation, with a version if one is left to tell, else with a tree ID that h has given up.
func (w *historyWriter) fill() {
	w.generation--
	if len(w.untold) > 0 {
		w.list = append(w.list, Embed(w.generation, w.untold[0]))
		w.untold = w.untold[1:]
		return
	}
	for _, id := range w.h.superseded { // a peer may have it
		if id.Generation() == w.generation && !w.h.Is(id) {
			w.list = append(w.list, id)
			return
		}
	}
	w.list = append(w.list, filler(w.generation, w.h.chain[0]))
}
