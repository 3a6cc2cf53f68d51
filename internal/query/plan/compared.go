package plan

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/tandemdb/tandem/internal/query/value"
)

// Compared returns the names of the properties that the conditions, joins, groups and order of q depend on, each
// once: those an index could have.
func (q *Query) Compared() (names []string) {
	note := func(x Expr) bool {
		if p, ok := x.(*Property); ok && q.Sources[p.Source].Items == nil && len(p.Path) > 0 {
			if name := PathName(p.Path); !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
		return false
	}
	for _, s := range q.Sources {
		walk(s.On, note)
	}
	walk(q.Where, note)
	for _, x := range q.GroupBy {
		walk(x, note)
	}
	for _, o := range q.OrderBy {
		walk(o.X, note)
	}
	return names
}

// walk is has for an expression that may be nil.
func walk(x Expr, visit func(Expr) bool) {
	if x != nil {
		has(x, visit)
	}
}

var plainName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// PathName returns a path as queries write it.
func PathName(p value.Path) string {
	var b strings.Builder
	for i, step := range p {
		switch {
		case step.IsIndex:
			b.WriteString("[" + strconv.Itoa(step.Index) + "]")
			continue
		case i > 0:
			b.WriteByte('.')
		}
		if plainName.MatchString(step.Key) {
			b.WriteString(step.Key)
		} else {
			b.WriteString("`" + strings.ReplaceAll(step.Key, "`", "``") + "`")
		}
	}
	return b.String()
}
