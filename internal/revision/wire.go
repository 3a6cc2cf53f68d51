package revision

import (
	"slices"
	"strings"
)

// DefaultHistory is the largest length of a history if the peer sets no limit, including the
// revision itself.
const DefaultHistory = 50

// ParseRev parses the rev and history properties of a rev message. An empty history is allowed.
// Without a history, id may be a whole vector.
//
// The generations of a tree history must fall by one each, except where the list is as long as a
// pruned one. In a vector each source occurs once; ParseRev drops the version's own source from the
// previous versions, since Sync Gateway accepts it there. Every error is [fault.BadRevisionID].
// Times are left to [CheckTimes].
func ParseRev(id, history string) (Rev, error) {
	if history == "" {
		return ParseVector(id)
	}
	rev, err := ParseID(id)
	if err != nil {
		return Rev{}, err
	}
	if strings.HasPrefix(strings.TrimLeft(history, " "), ";") {
		return Rev{}, malformed(history, "the history begins with a semicolon")
	}
	h, err := splitHistory(history)
	if err != nil {
		return Rev{}, err
	}
	return checked(Rev{ID: rev, History: h})
}

// ParseVector parses a revision as changes and proposeChanges carry it: a tree ID, a version, or a
// whole vector "cv, mv1, mv2; pv1, pv2", which other messages may carry too. The error is
// [fault.BadRevisionID].
func ParseVector(text string) (Rev, error) {
	end := strings.IndexAny(text, ",;")
	if end < 0 {
		id, err := ParseID(text)
		return Rev{ID: id}, err
	}
	id, err := ParseID(strings.TrimRight(text[:end], " "))
	if err != nil {
		return Rev{}, err
	}
	if id.IsTree() {
		return Rev{}, malformed(text, "a tree revision ID has no vector")
	}
	h, err := splitVector(text[end:])
	if err != nil {
		return Rev{}, err
	}
	return checked(Rev{ID: id, History: h})
}

// splitVector parses the part behind the current version, which begins with its separator.
func splitVector(text string) (History, error) {
	separator, text := text[0], text[1:]
	if separator == ',' && !strings.Contains(text, ";") {
		text += ";" // only merges may follow a comma
	}
	if separator == ';' && strings.Contains(text, ";") {
		return History{}, malformed(text, "a vector has one semicolon at most")
	}
	return splitHistory(text)
}

// Vector returns the whole revision as one text, for proposeChanges: a tree ID alone, or a version
// with its merges and previous versions. It cannot carry ancestors.
func (r Rev) Vector() string {
	h := r.History
	if len(h.Merges) == 0 && len(h.Previous) == 0 || r.ID.IsTree() {
		return string(r.ID)
	}
	var b strings.Builder
	b.WriteString(string(r.ID))
	if len(h.Merges) > 0 {
		b.WriteByte(',')
	} else {
		b.WriteByte(';')
	}
	h.write(&b, nil)
	return b.String()
}

// WireHistory returns the history property of a rev message; "" means that the message has none.
//
// maxHistory is the peer's limit of revisions, counting r itself; zero means [DefaultHistory].
// known reports whether the peer has a tree ID; nil means that it has none. The ancestors end with
// the first known one, even if some before it must be left out. Versions are always sent.
func (r Rev) WireHistory(maxHistory int, known func(ID) bool) string {
	if maxHistory <= 0 {
		maxHistory = DefaultHistory
	}
	var b strings.Builder
	r.History.write(&b, r.History.ancestorsTo(known, maxHistory-1))
	return b.String()
}

// ancestorsTo returns the first ancestors up to a known one, at most limit.
func (h History) ancestorsTo(known func(ID) bool, limit int) []ID {
	at := -1
	if known != nil {
		at = slices.IndexFunc(h.Ancestors, known)
	}
	switch {
	case 0 <= at && at < limit:
		return h.Ancestors[:at+1]
	case at < 0 || limit == 0:
		return firstOf(h.Ancestors, limit)
	}
	return append(slices.Clone(h.Ancestors[:limit-1]), h.Ancestors[at])
}
