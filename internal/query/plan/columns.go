package plan

import (
	"fmt"
	"strings"

	"github.com/tandemdb/tandem/internal/query/syntax"
)

// columns resolves the result columns and gives each a name.
func (b *binder) columns(s *syntax.Select) error {
	expanded := b.expanded(s.Columns)
	if len(expanded) > syntax.MaxTerms {
		return syntax.TooMany(expanded[syntax.MaxTerms].At, "columns", syntax.MaxTerms)
	}
	for i, c := range expanded {
		if c.Alias == "" {
			continue
		}
		for _, other := range b.aliases {
			if strings.EqualFold(other.name, c.Alias) {
				return syntax.Errorf(c.At, "two columns have the alias %q", c.Alias)
			}
		}
		b.aliases = append(b.aliases, alias{c.Alias, i})
	}
	namer := newNamer(b.aliases)
	for i, c := range expanded {
		x, err := b.bind(c.X, scope{clause: "SELECT", column: i, columns: true, aggregates: true})
		if err != nil {
			return err
		}
		name := c.Alias
		if name == "" {
			name = namer.name(b.title(c.X, x))
		}
		b.q.Columns = append(b.q.Columns, Column{name, x})
	}
	return nil
}

// expanded replaces a `*` over several sources by a column for each source.
func (b *binder) expanded(columns []syntax.Column) []syntax.Column {
	if len(b.q.Sources) == 1 {
		return columns
	}
	var all []syntax.Column
	for _, c := range columns {
		star, ok := c.X.(*syntax.Star)
		if !ok || star.Of != nil {
			all = append(all, c)
			continue
		}
		for i := range b.q.Sources {
			all = append(all, syntax.Column{X: &sourceStar{Star: star, source: i}, Alias: c.Alias, At: c.At})
		}
	}
	return all
}

// sourceStar is the part of `*` that belongs to one of several sources.
type sourceStar struct {
	*syntax.Star
	source int
}

// title returns the preferred name of a column without an alias, or "".
func (b *binder) title(x syntax.Expr, bound Expr) string {
	if _, part := x.(*syntax.Part); part {
		if _, meta := bound.(*Meta); !meta {
			return ""
		}
	}
	switch x := bound.(type) {
	case *Meta:
		if x.Field == MetaAll {
			return b.q.Sources[x.Source].title()
		}
		return x.Field.String()
	case *Call:
		if x.Function.Name == "array_count" {
			if call, ok := x.Args[0].(*Property); ok {
				return b.title(nil, call)
			}
		}
		return ""
	case *Property:
		if len(x.Path) == 0 {
			return b.q.Sources[x.Source].title()
		}
		return x.Path[len(x.Path)-1].Key
	}
	return ""
}

func (s Source) title() string {
	switch {
	case s.unnamed:
		return ""
	case s.alias != "":
		return s.alias
	}
	return s.names[len(s.names)-1][strings.LastIndexByte(s.names[len(s.names)-1], '.')+1:]
}

// namer gives each column a unique name.
type namer struct {
	taken    map[string]bool
	same     map[string]int // how many columns have asked for a name
	nameless int
}

func newNamer(aliases []alias) *namer {
	n := &namer{taken: map[string]bool{}, same: map[string]int{}}
	for _, a := range aliases {
		n.taken[a.name] = true
	}
	return n
}

func (n *namer) name(wish string) string {
	if wish == "" {
		n.nameless++
		wish = fmt.Sprintf("$%d", n.nameless)
	}
	name := wish
	for n.taken[name] {
		n.same[wish]++
		name = fmt.Sprintf("%s #%d", wish, n.same[wish]+1)
	}
	n.taken[name] = true
	return name
}
