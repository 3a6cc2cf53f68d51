package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tandemdb/tandem/internal/query/syntax"
	"github.com/tandemdb/tandem/internal/query/value"
)

// Of resolves the names of a statement. Its error is a *syntax.Error.
func Of(s *syntax.Select, catalog Catalog) (*Query, error) {
	b := &binder{catalog: catalog, q: &Query{Distinct: s.Distinct}}
	steps := []func(*syntax.Select) error{
		b.sources, b.columns, b.joins, b.where, b.groupBy, b.having, b.orderBy, b.limits, b.ranks, b.nearest,
	}
	for _, step := range steps {
		if err := step(s); err != nil {
			return nil, err
		}
	}
	return b.q, nil
}

// Expressions resolves the expressions of an index over one document. Parameters, aggregates and
// functions that depend on more than their arguments are refused.
func Expressions(list []syntax.Expr) ([]Expr, error) {
	b := &binder{q: &Query{Sources: []Source{{}}}, indexing: true}
	return b.all(list, scope{})
}

// ItemExpressions is [Expressions] over one item of an array.
func ItemExpressions(list []syntax.Expr) ([]Expr, error) {
	b := &binder{q: &Query{Sources: []Source{ItemSource}}, indexing: true}
	return b.all(list, scope{})
}

// ItemSource is the source of expressions over an item.
var ItemSource = Source{Kind: syntax.Unnest, Items: &Literal{}}

// binder resolves the names of one statement.
type binder struct {
	catalog  Catalog
	q        *Query
	aliases  []alias         // of columns
	params   map[string]bool // those in q.Params
	indexing bool            // the expressions belong to an index
	lastID   int             // the last ID given to a variable

	traits   map[int]traits // of result columns, of those that were asked for
	repeated int            // nodes of the columns that other clauses repeat
	ranked   []int          // where RANK of each of q.Matches stands first
	measured []int          // where the distance of each of q.Nearest stands first
}

// alias is the alias of a column.
type alias struct {
	name   string
	column int
}

// traits is what is asked of a column again and again.
type traits struct {
	nodes      int
	aggregates bool
}

// maxRepeated bounds the nodes that a query gets by the repetition of its columns.
const maxRepeated = 1 << 20

// repeat returns the expression of a column for another clause.
func (b *binder) repeat(column, at int) (Expr, traits, error) {
	x := b.q.Columns[column].X
	of, known := b.traits[column]
	if !known {
		of = traits{nodes(x), hasAggregate(x)}
		if b.traits == nil {
			b.traits = map[int]traits{}
		}
		b.traits[column] = of
	}
	if b.repeated += of.nodes; b.repeated > maxRepeated {
		return nil, of, syntax.Errorf(at, "the query is too large").Try("repeat long expressions less often")
	}
	return x, of, nil
}

// sources finds the collections, and registers the names of all sources.
func (b *binder) sources(s *syntax.Select) error {
	if err := b.addSource(s.From, syntax.Inner); err != nil {
		return err
	}
	for _, j := range s.Joins {
		if j.Kind == syntax.Unnest {
			if err := b.addItems(j); err != nil {
				return err
			}
			continue
		}
		if err := b.addSource(j.Source, j.Kind); err != nil {
			return err
		}
	}
	return nil
}

func (b *binder) addSource(from syntax.Source, kind syntax.JoinKind) error {
	c, ok := b.catalog.Collection(from.Scope, from.Name)
	if !ok {
		return b.noCollection(from)
	}
	src := Source{Collection: c, Kind: kind, alias: from.Alias}
	if src.alias != "" {
		src.names = []string{src.alias}
	} else {
		src.names = []string{c.Name, c.Scope + "." + c.Name, from.Name}
		if from.Scope != "" {
			src.names = append(src.names, from.Scope+"."+from.Name)
		}
	}
	return b.add(src, from.At)
}

func (b *binder) noCollection(from syntax.Source) error {
	name := from.Name
	if from.Scope != "" {
		name = from.Scope + "." + name
	}
	all := b.catalog.Collections()
	err := syntax.Errorf(from.At, "there is no collection %q", name)
	if near := syntax.Nearest(name, all); near != "" {
		return err.Try("did you mean " + near + "?")
	}
	for _, full := range all {
		if strings.HasSuffix(full, "."+name) {
			return err.Try("did you mean " + full + "?")
		}
	}
	return err.Try("see the collections with Database.Collections, or tandem collection list")
}

func (b *binder) addItems(j syntax.Join) error {
	path, ok := j.X.(*syntax.Name)
	if !ok || len(path.Steps) < 2 {
		return syntax.Errorf(j.X.Pos(), "UNNEST takes a property that begins with the name of a source").
			Try("write UNNEST source.property AS item")
	}
	src := Source{Kind: syntax.Unnest, alias: j.Source.Alias}
	if src.alias == "" {
		src.alias, src.unnamed = path.Steps[len(path.Steps)-1].Key, true
	}
	src.names = []string{src.alias}
	return b.add(src, j.At)
}

func (b *binder) add(src Source, at int) error {
	for _, other := range b.q.Sources {
		if slices.Contains(other.names, src.names[len(src.names)-1]) && (src.alias != "" || other.Collection == src.Collection) {
			return syntax.Errorf(at, "two sources are called %q", src.names[0]).Try("give one another name with AS")
		}
	}
	b.q.Sources = append(b.q.Sources, src)
	return nil
}

// joins resolves ON and UNNEST, which may refer to all sources.
func (b *binder) joins(s *syntax.Select) (err error) {
	for i, j := range s.Joins {
		src := &b.q.Sources[i+1]
		if j.On != nil {
			if src.On, err = b.bind(j.On, scope{clause: "ON"}); err != nil {
				return err
			}
		}
		if j.Kind == syntax.Unnest {
			if src.Items, err = b.items(j.X.(*syntax.Name), i+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// items resolves the property whose items source number at returns.
func (b *binder) items(path *syntax.Name, at int) (Expr, error) {
	x, err := b.bind(path, scope{clause: "UNNEST"})
	if err != nil {
		return nil, err
	}
	if p, ok := x.(*Property); ok && p.Source < at && len(p.Path) > 0 {
		return x, nil
	}
	return nil, syntax.Errorf(path.Pos(), "UNNEST takes a property of a source that stands before it").
		Try("write UNNEST source.property AS item")
}

func (b *binder) where(s *syntax.Select) (err error) {
	if s.Where != nil {
		b.q.Where, err = b.bind(s.Where, scope{clause: "WHERE", aliases: true, conjunct: true})
	}
	return err
}

func (b *binder) groupBy(s *syntax.Select) error {
	for _, g := range s.GroupBy {
		x, err := b.term(g, "GROUP BY", false)
		if err != nil {
			return err
		}
		b.q.GroupBy = append(b.q.GroupBy, x)
	}
	b.q.Grouped = b.q.Grouped || len(s.GroupBy) > 0
	return nil
}

func (b *binder) having(s *syntax.Select) (err error) {
	if s.Having != nil {
		b.q.Having, err = b.bind(s.Having, scope{clause: "HAVING", aliases: true, aggregates: true})
	}
	return err
}

func (b *binder) orderBy(s *syntax.Select) error {
	for _, o := range s.OrderBy {
		x, err := b.term(o.X, "ORDER BY", true)
		if err != nil {
			return err
		}
		if _, constant := x.(*Literal); !constant {
			b.q.OrderBy = append(b.q.OrderBy, Order{x, o.Desc, o.Nulls})
		}
	}
	return nil
}

// term resolves a term of GROUP BY or ORDER BY. In it an integer is the number of a column.
func (b *binder) term(x syntax.Expr, clause string, aggregates bool) (Expr, error) {
	if l, ok := x.(*syntax.Literal); ok && l.Value.Kind() == value.Int {
		n := l.Value.Int()
		if n < 1 || n > int64(len(b.q.Columns)) {
			return nil, syntax.Errorf(x.Pos(), "there is no column %d", n).
				Try(fmt.Sprintf("an integer in %s is the number of a column, and there are %d", clause, len(b.q.Columns)))
		}
		x, _, err := b.repeat(int(n-1), x.Pos())
		return x, err
	}
	return b.bind(x, scope{clause: clause, aliases: true, aggregates: aggregates})
}

func (b *binder) limits(s *syntax.Select) (err error) {
	if b.q.Limit, err = b.limit(s.Limit, "LIMIT"); err != nil {
		return err
	}
	b.q.Offset, err = b.limit(s.Offset, "OFFSET")
	return err
}

func (b *binder) limit(x syntax.Expr, clause string) (Expr, error) {
	if x == nil {
		return nil, nil
	}
	if l, ok := x.(*syntax.Literal); ok && l.Value.Kind() != value.Int {
		return nil, syntax.Errorf(x.Pos(), "%s takes an integer", clause)
	}
	return b.bind(x, scope{clause: clause, constant: true})
}
