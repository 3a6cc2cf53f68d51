package plan

import (
	"slices"
	"strings"

	"github.com/tandemdb/tandem/internal/query/syntax"
)

// Search is a full-text search of WHERE.
type Search struct {
	Source int    // whose documents it finds
	Index  string // by name
	Text   Expr   // constant
	Ranked bool   // the query uses RANK
}

// fullText resolves MATCH, or RANK of one.
func (b *binder) fullText(x *syntax.Call, s scope, conjunct bool) (Expr, error) {
	if b.indexing {
		return nil, syntax.Errorf(x.Pos(), "an index cannot use %s()", strings.ToUpper(x.Function))
	}
	if x.Function == "rank" {
		return b.rank(x, s)
	}
	return b.match(x, s, conjunct)
}

func (b *binder) match(x *syntax.Call, s scope, conjunct bool) (Expr, error) {
	if !conjunct {
		return nil, syntax.Errorf(x.Pos(), "MATCH() stands only in WHERE, alone or between ANDs")
	}
	if len(x.Args) != 2 || x.Star || x.Distinct {
		return nil, syntax.Errorf(x.Pos(), "MATCH() takes 2 arguments: the name of a full-text index, and a text")
	}
	number, err := b.search(x)
	if err != nil {
		return nil, err
	}
	m := &b.q.Matches[number]
	if m.Text != nil {
		return nil, syntax.Errorf(x.Pos(), "one MATCH() searches the index %q already", m.Index).
			Try("join the two texts with AND")
	}
	if m.Text, err = b.bind(x.Args[1], s); err != nil {
		return nil, err
	}
	if !IsConstant(m.Text) {
		return nil, syntax.Errorf(x.Args[1].Pos(), "the text of MATCH() cannot depend on a document").
			Try("write a text or a parameter")
	}
	return &Match{number}, nil
}

func (b *binder) rank(x *syntax.Call, s scope) (Expr, error) {
	if len(x.Args) != 1 || x.Star || x.Distinct {
		return nil, syntax.Errorf(x.Pos(), "RANK() takes 1 argument: the name of a full-text index")
	}
	if s.constant || s.clause == "ON" || s.clause == "UNNEST" {
		return nil, syntax.Errorf(x.Pos(), "%s cannot use RANK()", s.clause)
	}
	number, err := b.search(x)
	if err != nil {
		return nil, err
	}
	if !b.q.Matches[number].Ranked {
		b.q.Matches[number].Ranked = true
		b.ranked[number] = x.Pos()
	}
	return &Rank{number}, nil
}

// search returns the number of the search in the index that the first argument names.
func (b *binder) search(x *syntax.Call) (int, error) {
	name, ok := x.Args[0].(*syntax.Name)
	if !ok {
		return 0, syntax.Errorf(x.Args[0].Pos(), "the first argument of %s() is the name of a full-text index, without quotes or in backticks",
			strings.ToUpper(x.Function))
	}
	source, used, err := b.sourceOf(name)
	if err != nil {
		return 0, err
	}
	if used == len(name.Steps) { // an index may be called as a source
		source, used = 0, 0
	}
	index, ok := indexCalled(name, used)
	for other := 0; used == 0 && ok && other < len(b.q.Sources); other++ {
		if slices.Contains(b.indexesOf(other), index) {
			source = other
			break
		}
	}
	c := b.q.Sources[source].Collection
	if !ok || !slices.Contains(b.indexesOf(source), index) {
		err := syntax.Errorf(name.Pos(), "there is no full-text index %q in %s.%s", index, c.Scope, c.Name)
		if near := syntax.Nearest(index, b.indexesOf(source)); near != "" {
			return 0, err.Try("did you mean " + near + "?")
		}
		return 0, err.Try("create one with Collection.CreateIndex, or tandem index create --fulltext")
	}
	for i, m := range b.q.Matches {
		if m.Source == source && m.Index == index {
			return i, nil
		}
	}
	b.q.Matches = append(b.q.Matches, Search{Source: source, Index: index})
	b.ranked = append(b.ranked, 0)
	return len(b.q.Matches) - 1, nil
}

// indexCalled returns the name after the first used steps.
func indexCalled(name *syntax.Name, used int) (string, bool) {
	steps := name.Steps[used:]
	if len(steps) != 1 || steps[0].IsIndex {
		return "", false
	}
	return steps[0].Key, true
}

func (b *binder) indexesOf(source int) []string {
	if b.q.Sources[source].Items != nil || b.q.Sources[source].Kind == syntax.Unnest {
		return nil
	}
	return b.catalog.TextIndexes(b.q.Sources[source].Collection)
}

// ranks refuses RANK without a MATCH.
func (b *binder) ranks(*syntax.Select) error {
	for i, m := range b.q.Matches {
		if m.Text == nil {
			return syntax.Errorf(b.ranked[i], "RANK() of the index %q needs a MATCH() in WHERE", m.Index)
		}
	}
	return nil
}
