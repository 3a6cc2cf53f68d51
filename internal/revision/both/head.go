package both

import (
	"slices"

	"github.com/tandemdb/tandem/internal/revision"
)

// Limits of what a head keeps of its past.
const (
	maxChain      = revision.DefaultHistory
	maxSuperseded = revision.DefaultHistory
	maxNames      = 20
)

// Head is the current revision of a document, with both names and what is known of its past.
type Head struct {
	vector
	chain      []revision.ID // tree IDs, newest first; the first is the head's, and is never missing
	superseded []revision.ID // tree IDs that lost a conflict, or are aliases
	names      []revision.Name
}

// HeadOf returns the head that the stored form r describes: that of a database of either generation, or
// of both. Where r lacks one of its names, HeadOf derives it.
func HeadOf(r revision.Rev) Head {
	if r.ID.IsTree() {
		return treeHead(append([]revision.ID{r.ID}, r.History.Ancestors...), r.History)
	}
	h := Head{vector: vectorOf(r), chain: r.History.Ancestors, superseded: r.History.Superseded, names: r.History.Names}
	if len(h.chain) == 0 || !h.calls(h.chain[0]) {
		h.chain = h.above(vector{}, h.chain)
	}
	return h
}

// treeHead returns the head of a tree revision, whose chain begins with its own ID.
func treeHead(chain []revision.ID, about revision.History) Head {
	return Head{vector: toldBy(chain), chain: slices.Clip(chain), superseded: about.Superseded, names: about.Names}
}

// toldBy derives a vector from a chain of tree IDs.
func toldBy(chain []revision.ID) vector {
	v := vector{cv: VersionOf(chain[0])}
	if v.cv == "" {
		v.cv = chain[0].Encoded() // a filler as a revision of its own is some program's digest
	}
	for _, id := range chain[1:] {
		v = v.seeing(VersionOf(id))
	}
	return v
}

// Rev returns the stored form of h. In it the first tree ID is always a name of the version.
func (h Head) Rev() revision.Rev {
	if !h.calls(h.chain[0]) {
		h = h.named(h.chain[0], h.cv)
	}
	r := h.rev()
	r.History.Ancestors, r.History.Superseded, r.History.Names = h.chain, h.superseded, h.names
	return r
}

// Tree returns h as peers of the third protocol see it.
func (h Head) Tree() revision.Rev {
	return revision.Rev{ID: h.chain[0], History: revision.History{Ancestors: h.chain[1:]}}
}

// Vector returns h as peers of the fourth protocol see it. Its ancestors are the tree IDs of the past;
// the session sends such a peer only the ones that it has shown.
func (h Head) Vector() revision.Rev {
	r := h.rev()
	r.History.Ancestors = h.chain
	return r
}

// Chain returns the tree IDs of h, its own first.
func (h Head) Chain() []revision.ID { return h.chain }

// calls reports whether a tree ID is a name of h's version.
func (h Head) calls(tree revision.ID) bool {
	return h.versionOf(tree) == h.cv || tree.Digest() == embeddedDigest(h.cv)
}

// versionOf is [VersionOf] with the names that h has learnt.
func (h Head) versionOf(tree revision.ID) revision.ID {
	for _, n := range h.names {
		if n.Tree == tree {
			return n.Version
		}
	}
	return VersionOf(tree)
}

// VersionOf is the package's VersionOf with the names that h has learnt.
func (h Head) VersionOf(tree revision.ID) revision.ID { return h.versionOf(tree) }

// TreeOf returns the tree ID of a revision that h is or has seen: the one in its chain, else one that it has
// superseded. It returns "" if h knows none.
func (h Head) TreeOf(known revision.ID) revision.ID {
	switch {
	case h.Is(known):
		return h.chain[0]
	case known.IsTree():
		return known
	}
	for _, list := range [...][]revision.ID{h.chain, h.superseded} {
		for _, id := range list {
			if h.versionOf(id) == known {
				return id
			}
		}
	}
	return ""
}

// Is reports whether id, of either form, is a name of h.
func (h Head) Is(id revision.ID) bool {
	switch {
	case id == "":
		return false
	case id.IsVersion():
		return h.isVersion(id)
	case IsFiller(id):
		return id == h.chain[0]
	}
	return id == h.chain[0] || h.calls(id) || h.isVersion(h.versionOf(id))
}

// isVersion reports whether v is h's version, or its copy for a Sync Gateway.
func (h Head) isVersion(v revision.ID) bool {
	return v == h.cv || v.Time() == h.cv.Time() && isEncodedOrCopy(v) && isEncodedOrCopy(h.cv)
}

func isEncodedOrCopy(v revision.ID) bool { return v.Source() == revision.LegacySource || isCopy(v) }

// lacksCopy reports whether version is a copy, which h does not know, of a tree revision that h has seen.
func (h Head) lacksCopy(version revision.ID) bool {
	return isCopy(version) && !h.includes(version) && h.exactly(encodedOf(version))
}

// Copy returns the vector of h for a Sync Gateway that lacks the document: it refuses an encoded tree ID there. The
// version is a copy of that, the same on every database.
func (h Head) Copy() revision.Rev {
	if !h.isTree() {
		return h.rev()
	}
	return h.vector.next(revision.NewVersion(h.cv.Time(), copySource)).rev()
}

// IsPlain reports whether h is a tree revision, under the ID that its client has given to it, that has seen tree
// revisions alone.
func (h Head) IsPlain() bool {
	return h.isTree() && len(h.merges) == 0 && len(h.before) == 0 && h.chain[0].Encoded() == h.cv
}

// Seen reports whether h is the revision id, of either form, or has taken it into account.
func (h Head) Seen(id revision.ID) bool {
	if id.IsVersion() {
		return h.includes(id)
	}
	if id == "" || h.lists(id) {
		return id != ""
	}
	v := h.versionOf(id)
	switch {
	case v == "":
		return false
	case v.Source() != revision.LegacySource:
		return h.includes(v)
	case h.encoded() == v.Time():
		return true
	}
	return !isEmbedded(id) && h.exactly(v) || isEmbedded(id) && h.listsVersion(v)
}

// lists reports whether h names a tree ID in its past.
func (h Head) lists(id revision.ID) bool {
	return slices.Contains(h.chain, id) || slices.Contains(h.superseded, id)
}

func (h Head) listsVersion(v revision.ID) bool {
	is := func(id revision.ID) bool {
		return !IsFiller(id) && (VersionOf(id) == v || id.Encoded() == v || h.versionOf(id) == v)
	}
	return slices.ContainsFunc(h.chain, is) || slices.ContainsFunc(h.superseded, is)
}

// exactly reports whether h is the version v or has taken it into account. The order of encoded tree IDs
// counts only where the tree has nothing to say: below a revision that is known in its encoded form alone.
func (h Head) exactly(v revision.ID) bool {
	if v.Source() != revision.LegacySource {
		return h.includes(v)
	}
	if h.encoded() == v.Time() || h.listsVersion(v) {
		return true
	}
	if h.encoded() < v.Time() {
		return false
	}
	var above revision.ID
	for _, id := range h.chain {
		switch g := id.Generation(); {
		case g > generationOf(v.Time()):
			above = id
		case g == generationOf(v.Time()) && !IsFiller(id):
			return false
		}
	}
	return isShort(above)
}

// isOrigin reports whether h is a copy of the revision id: what descends from id replaces the copy,
// though it has not heard of it.
func (h Head) isOrigin(id revision.ID) bool {
	if !isMinted(h.chain[0]) || IsFiller(id) {
		return false
	}
	for _, below := range h.chain[1:] {
		if below == id || !IsFiller(below) && VersionOf(below) == VersionOf(id) {
			return true
		}
		if !isMinted(below) {
			break
		}
	}
	return false
}

// Top returns the highest generation that h's version is known to have or to descend from.
func (h Head) Top() uint64 { return h.top(0) - 1 }

// top returns a generation above all that h's version is known to descend from, and above least.
func (h Head) top(least uint64) uint64 {
	top := max(least, generationOf(h.encoded()))
	if len(h.chain) > 0 {
		top = max(top, h.chain[0].Generation())
	}
	return top + 1
}

// Next returns the head of a new version, an edit of h or a new name for its content, with a tree ID of a
// generation above least.
func (h Head) Next(version revision.ID, least uint64) Head {
	generation := h.top(least)
	h.vector = h.vector.next(version)
	return h.renamed(Embed(generation, version))
}

// bump gives h's version a tree ID of a generation above least.
func (h Head) bump(least uint64) Head {
	return h.renamed(Embed(h.top(least), h.cv))
}

// lifted returns h with a tree ID above the tree revisions that its vector has come to see.
func (h Head) lifted() Head {
	seen := h.encoded()
	if h.isTree() || generationOf(seen) < h.chain[0].Generation() || seen == h.chain[0].Encoded().Time() {
		return h
	}
	return h.bump(0)
}

// mint names the content of h anew as a tree revision of a generation above least, and above the encoded
// tree ID at after. Every database that decides alike makes the same name.
func (h Head) mint(least uint64, after revision.Time, key string) Head {
	id := mint(h.top(max(least, generationOf(after))), key)
	v := h.vector
	if v.isTree() {
		v.cv = ""
	}
	h.vector = vector{cv: id.Encoded()}.seeing(v.all()...).without(revision.LegacySource)
	h.cv = id.Encoded()
	return h.renamed(id)
}

// renamed returns h with another tree ID on top.
func (h Head) renamed(id revision.ID) Head {
	h.chain = firstOf(append([]revision.ID{id}, h.chain...), maxChain)
	return h
}

// above returns the chain of h's version, which was received without a tree, above the chain old of a
// revision with the vector before.
func (h Head) above(before vector, old []revision.ID) []revision.ID {
	chain, top := slices.Clone(old), uint64(0)
	if len(old) > 0 {
		top = old[0].Generation()
	}
	add := func(id revision.ID) { chain, top = append([]revision.ID{id}, chain...), id.Generation() }
	if isEncodedOrCopy(h.cv) {
		return h.completed([]revision.ID{h.known(encodedOf(h.cv), old)}, old).chain
	}
	if t := h.encoded(); t > before.encoded() && generationOf(t) > top {
		add(h.known(revision.NewVersion(t, revision.LegacySource), old))
	}
	top = max(top, generationOf(h.encoded())) // a name of a lower generation may stand for it in the chain
	seen := h.vector.sortedByAge()
	for _, v := range seen {
		if !isEncodedOrCopy(v) && v.Time() > before.time(v.Source()) && !told(chain, v) {
			add(Embed(top+1, v))
		}
	}
	add(Embed(top+1, h.cv))
	return firstOf(chain, maxChain)
}

func told(chain []revision.ID, v revision.ID) bool {
	return slices.ContainsFunc(chain, func(id revision.ID) bool {
		known := VersionOf(id)
		return isEmbedded(id) && known.Source() == v.Source() && known.Time() >= v.Time()
	})
}

// known returns the full tree ID of an encoded one if h has it, else the short one.
func (h Head) known(encoded revision.ID, chain []revision.ID) revision.ID {
	for _, list := range [...][]revision.ID{chain, h.superseded} {
		for _, id := range list {
			if !isEmbedded(id) && !IsFiller(id) && id.Encoded() == encoded {
				return id
			}
		}
	}
	return short(encoded)
}

// completed returns h with the chain top, and below it what is older in old. The rest of old is superseded.
func (h Head) completed(top, old []revision.ID) Head {
	chain := slices.Clone(top)
	lowest := top[len(top)-1].Generation()
	var beaten []revision.ID
	for _, id := range old {
		switch {
		case slices.Contains(top, id):
		case id.Generation() < lowest:
			chain = append(chain, id)
		default:
			beaten = append(beaten, id)
		}
	}
	h.chain = firstOf(chain, maxChain)
	return h.supersede(beaten...)
}

// supersede returns h with tree IDs that it replaces beside its chain.
func (h Head) supersede(ids ...revision.ID) Head {
	list := slices.Clone(h.superseded)
	for _, id := range ids {
		if id.IsTree() && !IsFiller(id) && !slices.Contains(list, id) && !slices.Contains(h.chain, id) {
			list = append(list, id)
		}
	}
	slices.SortStableFunc(list, func(a, b revision.ID) int { return compareGenerations(b, a) })
	h.superseded = firstOf(list, maxSuperseded)
	return h
}

func compareGenerations(a, b revision.ID) int {
	switch x, y := a.Generation(), b.Generation(); {
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return 0
}

// named returns h with tree as another program's name of version.
func (h Head) named(tree, version revision.ID) Head {
	names := []revision.Name{{Tree: tree, Version: version}}
	for _, n := range h.names {
		if n.Tree != tree && len(names) < maxNames {
			names = append(names, n)
		}
	}
	h.names = names
	return h
}

func firstOf(ids []revision.ID, n int) []revision.ID {
	if len(ids) > n {
		ids = ids[:n]
	}
	return slices.Clip(ids)
}

// later reports whether the tree ID a is later than b: of a higher generation, or of the same with a
// higher digest.
func later(a, b revision.ID) bool {
	if x, y := a.Generation(), b.Generation(); x != y {
		return x > y
	}
	return a.Digest() > b.Digest()
}

// Covers reports whether h is o or has taken it into account, as far as trees and vectors tell exactly.
func (h Head) Covers(o Head) bool { return h.exactly(o.cv) || h.lists(o.chain[0]) }
