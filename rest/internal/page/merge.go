package page

import (
	"encoding/json"
	"net/url"
)

// merge is two versions of an object beside the one that both came from, member by member.
type merge struct {
	MineName, TheirsName string
	Rows                 []mergeRow
	HasBase              bool
	Result               string
}

// mergeRow is a member of a merge. A value is nil where there is no such member.
type mergeRow struct {
	Key                string
	Mine, Base, Theirs json.RawMessage
	Pick               string // "mine", "base" or "theirs"
	Differs            bool   // both have changed it, and not alike
	Same               bool   // nobody has changed it
}

// Text shows a value.
func (mergeRow) Text(value json.RawMessage) string {
	if value == nil {
		return "—"
	}
	return pretty(value)
}

// mergeOf compares objects. Members that one side alone has changed are picked from it.
func mergeOf(mine, base, theirs []byte) merge {
	m, b, t := membersOf(mine), membersOf(base), membersOf(theirs)
	result := merge{HasBase: base != nil}
	seen := map[string]bool{}
	for _, list := range [][]member{m, t, b} {
		for _, entry := range list {
			if seen[entry.Key] {
				continue
			}
			seen[entry.Key] = true
			result.Rows = append(result.Rows, rowOf(entry.Key, valueOf(m, entry.Key), valueOf(b, entry.Key), valueOf(t, entry.Key)))
		}
	}
	result.Result = result.text()
	return result
}

func rowOf(key string, mine, base, theirs json.RawMessage) mergeRow {
	row := mergeRow{Key: key, Mine: mine, Base: base, Theirs: theirs, Pick: "mine"}
	switch {
	case sameValue(mine, theirs):
		row.Same = sameValue(mine, base)
	case sameValue(mine, base):
		row.Pick = "theirs"
	default:
		row.Differs = !sameValue(theirs, base)
	}
	return row
}

// pick takes what a form has chosen.
func (m *merge) pick(form url.Values) {
	for i := range m.Rows {
		if choice := form.Get("pick." + m.Rows[i].Key); choice != "" {
			m.Rows[i].Pick = choice
		}
	}
	m.Result = m.text()
}

// text is the object of all picks.
func (m *merge) text() string {
	var all []member
	for _, row := range m.Rows {
		value := row.Mine
		switch row.Pick {
		case "base":
			value = row.Base
		case "theirs":
			value = row.Theirs
		}
		all = append(all, member{row.Key, value})
	}
	return pretty(objectOf(all))
}
