package plan

import (
	"slices"
	"strings"

	"github.com/tandemdb/tandem/internal/query/syntax"
	"github.com/tandemdb/tandem/internal/query/value"
)

// name resolves a name and its path to a variable, an alias, a part of a source, or a property of
// the only source.
func (b *binder) name(x *syntax.Name, s scope) (Expr, error) {
	head, rest := x.Steps[0].Key, x.Steps[1:]
	for v := s.variables; v != nil; v = v.outer {
		if v.name == head {
			return &Variable{v.id, rest}, nil
		}
	}
	if s.constant {
		return nil, syntax.Errorf(x.Pos(), "%s cannot depend on a document", s.clause).Try("write a number or a parameter")
	}
	if s.aliases {
		if column := b.alias(head); column >= 0 {
			return b.aliased(x, column, rest, s)
		}
	}
	source, used, err := b.sourceOf(x)
	if err != nil {
		return nil, err
	}
	if used > 0 {
		return b.ofSource(x, source, x.Steps[used:])
	}
	if s.columns && b.aliasOfAnother(head, s.column) {
		return nil, syntax.Errorf(x.Pos(), "a column cannot use the alias %q of another column", head).
			Try("repeat the expression")
	}
	if len(b.q.Sources) > 1 {
		return nil, syntax.Errorf(x.Pos(), "%q belongs to no source: with several of them each property begins with one's name", head).
			Try("write " + b.q.Sources[0].names[0] + "." + head)
	}
	return b.ofSource(x, 0, x.Steps)
}

// alias returns the number of the column with an alias, or -1.
func (b *binder) alias(name string) int {
	for _, a := range b.aliases {
		if strings.EqualFold(a.name, name) {
			return a.column
		}
	}
	return -1
}

func (b *binder) aliasOfAnother(name string, column int) bool {
	return slices.ContainsFunc(b.aliases, func(a alias) bool { return a.column != column && strings.EqualFold(a.name, name) })
}

// aliased returns the expression of an alias, or the part of it at a path.
func (b *binder) aliased(x *syntax.Name, column int, rest value.Path, s scope) (Expr, error) {
	bound, of, err := b.repeat(column, x.Pos())
	if err != nil {
		return nil, err
	}
	if !s.aggregates && of.aggregates {
		return nil, syntax.Errorf(x.Pos(), "%s cannot use %q, which stands for an aggregate", s.clause, x.Steps[0].Key)
	}
	if len(rest) == 0 {
		return bound, nil
	}
	return partOf(bound, rest), nil
}

// sourceOf finds the source that a name begins with, and the number of steps that name it; 0 if it
// is no source.
func (b *binder) sourceOf(x *syntax.Name) (source, used int, err error) {
	for length := min(2, len(x.Steps)); length > 0; length-- {
		name := x.Steps[0].Key
		if length == 2 {
			if x.Steps[1].IsIndex {
				continue
			}
			name += "." + x.Steps[1].Key
		}
		found := b.called(name)
		if len(found) > 1 {
			return 0, 0, syntax.Errorf(x.Pos(), "%q may be one of several sources", name).Try("name them with AS")
		}
		if len(found) == 1 {
			return found[0], length, nil
		}
	}
	return 0, 0, nil
}

// called returns the sources with the given name. Aliases match in any case.
func (b *binder) called(name string) (found []int) {
	for i, src := range b.q.Sources {
		if src.alias != "" && strings.EqualFold(src.alias, name) || src.alias == "" && slices.Contains(src.names, name) {
			found = append(found, i)
		}
	}
	return found
}

// shortcuts maps properties to the META() fields that they stand for.
var shortcuts = map[string]Field{
	"_id": MetaID, "_sequence": MetaSequence, "_deleted": MetaDeleted, "_expiration": MetaExpiration, "_revisionID": MetaRevision,
}

// ofSource resolves a path within a source.
func (b *binder) ofSource(x *syntax.Name, source int, path value.Path) (Expr, error) {
	src := b.q.Sources[source]
	if src.Kind == syntax.Unnest {
		if len(path) > 0 && path[0].IsIndex {
			return nil, syntax.Errorf(x.Pos(), "no index can follow the name of an UNNEST")
		}
		return &Property{source, path}, nil
	}
	if len(path) > 0 {
		if field, ok := shortcuts[path[0].Key]; ok {
			if len(path) > 1 {
				return nil, syntax.Errorf(x.Pos(), "%s has no properties", path[0].Key)
			}
			return b.field(source, field), nil
		}
		if path[0].IsIndex {
			return nil, syntax.Errorf(x.Pos(), "a document is no array")
		}
	}
	return &Property{source, path}, nil
}

// star resolves `*` or `name.*`.
func (b *binder) star(x *syntax.Star, s scope) (Expr, error) {
	if x.Of != nil {
		if _, used, _ := b.sourceOf(x.Of); used > 1 && used == len(x.Of.Steps) {
			return nil, syntax.Errorf(x.Pos(), "only an alias or the collection's own name can stand before .*")
		}
		return b.name(x.Of, s)
	}
	if s.constant || !s.columns {
		return nil, syntax.Errorf(x.Pos(), "* is for result columns and count(*)")
	}
	return &Property{Source: 0}, nil
}

// part resolves a path after an expression. After META() the path names a field.
func (b *binder) part(x *syntax.Part, s scope) (Expr, error) {
	if m, ok := x.X.(*syntax.Meta); ok {
		return b.meta(m, x, s)
	}
	in, err := b.bind(x.X, s)
	if err != nil {
		return nil, err
	}
	return partOf(in, x.Steps), nil
}

// partOf returns the part of x at a path.
func partOf(x Expr, path value.Path) Expr {
	switch x := x.(type) {
	case *Property:
		return &Property{x.Source, slices.Concat(x.Path, path)}
	case *Variable:
		return &Variable{x.ID, slices.Concat(x.Path, path)}
	case *Literal:
		return &Literal{x.Value.Get(path)}
	}
	return &Part{x, path}
}

// meta resolves META(source), or its field if part is not nil.
func (b *binder) meta(x *syntax.Meta, part *syntax.Part, s scope) (Expr, error) {
	if s.constant {
		return nil, syntax.Errorf(x.Pos(), "%s cannot depend on a document", s.clause)
	}
	source := 0
	if len(x.Source) > 0 {
		found := b.called(strings.Join(x.Source, "."))
		if len(found) != 1 {
			return nil, syntax.Errorf(x.Pos(), "there is no source %q", strings.Join(x.Source, "."))
		}
		source = found[0]
	}
	if b.q.Sources[source].Kind == syntax.Unnest {
		return nil, syntax.Errorf(x.Pos(), "an item of UNNEST has no META()")
	}
	if part == nil {
		return b.field(source, MetaAll), nil
	}
	if len(part.Steps) == 1 {
		for i, name := range fieldNames[1:] {
			if strings.EqualFold(name, part.Steps[0].Key) {
				return b.field(source, Field(i+1)), nil
			}
		}
		if strings.EqualFold(part.Steps[0].Key, "rowid") {
			return b.field(source, MetaSequence), nil
		}
	}
	return nil, syntax.Errorf(part.Pos(), "META() has no such field").
		Try("its fields are " + strings.Join(fieldNames[1:], ", "))
}

func (b *binder) field(source int, f Field) Expr {
	if f == MetaAll || f == MetaDeleted {
		b.q.Sources[source].Tombstones = true
	}
	return &Meta{source, f}
}
