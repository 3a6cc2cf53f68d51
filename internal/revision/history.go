package revision

import (
	"strings"

	"github.com/tandemdb/tandem/internal/fault"
)

// History lists the revisions that a revision descends from. A tree revision uses Ancestors and
// Superseded. A version uses all but Superseded, unless it resolved a conflict of two tree
// revisions. The zero History belongs to a first revision.
type History struct {
	Merges    []ID // the versions that a merge combined, newest first
	Previous  []ID // the newest known version of every other source, newest first
	Ancestors []ID // tree IDs, newest first: for a version, its past before version vectors

	// Superseded lists tree IDs on branches that lost a conflict to this revision, newest first. A
	// tree history on the wire cannot carry them; peers receive them in the deleted_branch property
	// of a rev message.
	Superseded []ID

	// Names lists tree IDs that other programs have given to versions: see package both.
	Names []Name
}

// Name is a tree ID that another program has given to a version.
type Name struct{ Tree, Version ID }

// Rev is a revision with its history. The zero Rev stands for a missing revision.
type Rev struct {
	ID      ID
	History History
}

// IsZero reports whether r stands for a missing revision.
func (r Rev) IsZero() bool { return r.ID == "" }

// String returns the stored form of the history, which [ParseHistory] parses: merges and a
// semicolon if there are any, then previous versions and ancestors, all separated by commas, then a
// bar and the superseded revisions if there are any, then another bar and the names, each a tree ID
// and its version with a space between.
func (h History) String() string {
	var b strings.Builder
	h.write(&b, h.Ancestors)
	if len(h.Superseded) > 0 || len(h.Names) > 0 {
		b.WriteByte('|')
		writeList(&b, h.Superseded)
	}
	for i, n := range h.Names {
		b.WriteByte("|,"[min(i, 1)])
		b.WriteString(string(n.Tree) + " " + string(n.Version))
	}
	return b.String()
}

func (h History) write(b *strings.Builder, tail []ID) {
	if len(h.Merges) > 0 {
		writeList(b, h.Merges)
		b.WriteByte(';')
	}
	writeList(b, h.Previous)
	if len(h.Previous) > 0 && len(tail) > 0 {
		b.WriteByte(',')
	}
	writeList(b, tail)
}

func writeList(b *strings.Builder, ids []ID) {
	for i, id := range ids {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(string(id))
	}
}

// ParseHistory parses the stored form of a history. The error is [fault.CorruptRevision].
func ParseHistory(text string) (History, error) {
	text, superseded, hasSuperseded := strings.Cut(text, "|")
	var h History
	var err error
	if text != "" {
		h, err = splitHistory(text)
	}
	superseded, names, hasNames := strings.Cut(superseded, "|")
	if err == nil && hasSuperseded && (superseded != "" || !hasNames) {
		h.Superseded, err = parseList(superseded)
	}
	if err == nil && hasNames {
		h.Names, err = parseNames(names)
	}
	if err != nil {
		return History{}, fault.CorruptRevision.Says("malformed revision history").Because(err)
	}
	return h, nil
}

// splitHistory parses "merges; previous, ancestors". Each part may be missing, but one item must
// exist.
func splitHistory(text string) (History, error) {
	var h History
	merges, rest, hasMerges := strings.Cut(text, ";")
	if !hasMerges {
		rest = text
	} else {
		var err error
		if h.Merges, err = parseVersions(merges); err != nil {
			return History{}, err
		}
		if strings.TrimSpace(rest) == "" {
			return h, nil
		}
	}
	ids, err := parseList(rest)
	if err != nil {
		return History{}, err
	}
	h.Previous, h.Ancestors, err = splitTail(ids)
	return h, err
}

func parseVersions(text string) ([]ID, error) {
	ids, err := parseList(text)
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		if !id.IsVersion() {
			return nil, malformed(string(id), "want a version")
		}
	}
	return ids, nil
}

func parseList(text string) ([]ID, error) {
	ids := make([]ID, 0, strings.Count(text, ",")+1)
	for item := range strings.SplitSeq(text, ",") {
		id, err := ParseID(strings.Trim(item, " "))
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// parseNames parses "tree version,tree version".
func parseNames(text string) (names []Name, err error) {
	for item := range strings.SplitSeq(text, ",") {
		tree, version, _ := strings.Cut(item, " ")
		var n Name
		if n.Tree, err = ParseID(tree); err == nil {
			n.Version, err = ParseID(version)
		}
		if err != nil || !n.Tree.IsTree() || !n.Version.IsVersion() {
			return nil, malformed(item, "want a tree revision ID and a version")
		}
		names = append(names, n)
	}
	return names, nil
}

// splitTail separates versions from the tree IDs behind them.
func splitTail(ids []ID) (previous, ancestors []ID, err error) {
	n := len(ids)
	for n > 0 && ids[n-1].IsTree() {
		n--
	}
	for _, id := range ids[:n] {
		if id.IsTree() {
			return nil, nil, malformed(string(id), "a version follows a tree revision ID in the history")
		}
	}
	return nilIfEmpty(ids[:n:n]), nilIfEmpty(ids[n:]), nil
}

func nilIfEmpty(ids []ID) []ID {
	if len(ids) == 0 {
		return nil
	}
	return ids
}

// Pruned returns r with at most depth−1 ancestors, so that depth counts r itself, and as many
// superseded revisions. Beyond that it keeps the ancestors for which keep is true: without a
// revision that a peer is known to have, nobody could tell that r descends from it. A nil keep
// keeps none. Pruned never drops versions: the history has one per source.
func (r Rev) Pruned(depth int, keep func(ID) bool) Rev {
	n := max(depth-1, 0)
	recent := firstOf(r.History.Ancestors, n)
	if keep != nil {
		for _, id := range r.History.Ancestors[len(recent):] {
			if keep(id) {
				recent = append(recent, id)
			}
		}
	}
	r.History.Ancestors = recent
	r.History.Superseded = firstOf(r.History.Superseded, n)
	return r
}

func firstOf(ids []ID, n int) []ID {
	if len(ids) > n {
		return nilIfEmpty(ids[:n:n])
	}
	return ids
}

// ParseStored parses a revision ID and a history in stored form, as in an export. Errors are
// [fault.BadRevisionID], or [fault.CorruptRevision] for a malformed history.
func ParseStored(id, history string) (Rev, error) {
	rev := Rev{ID: ID(id)}
	if _, err := ParseID(id); err != nil {
		return Rev{}, err
	}
	var err error
	if rev.History, err = ParseHistory(history); err != nil {
		return Rev{}, err
	}
	return checked(rev)
}
