package eval

import (
	"fmt"
	"time"

	"github.com/tandemdb/tandem/internal/query/collation"
	"github.com/tandemdb/tandem/internal/query/function"
	"github.com/tandemdb/tandem/internal/query/plan"
	"github.com/tandemdb/tandem/internal/query/value"
)

// Document is a document to query.
type Document struct {
	ID         string
	Sequence   int64
	Deleted    bool  // a deleted document counts as empty
	Expiration int64 // Unix milliseconds, 0 for never
	Revision   string
	Body       value.Value
}

// Input is the data that a query runs over.
type Input struct {
	Documents func(plan.Collection) []Document
	Params    map[string]value.Value
	Location  *time.Location // time zone of dates without one; nil means UTC
}

// Constant returns the value of an expression that depends on no document.
func Constant(x plan.Expr, params map[string]value.Value, local *time.Location) (value.Value, error) {
	e := &evaluator{in: Input{Params: params, Location: local}}
	return e.value(x, env{})
}

// evaluator computes expressions.
type evaluator struct {
	in        Input
	comparers map[collation.Collation]func(a, b string) int
}

// row holds the document or item of each source. It is nil for a source that is not joined yet, or
// for which a LEFT JOIN found nothing.
type row []*Document

// env is the environment of an expression.
type env struct {
	row       row
	group     []row // the rows of a group, in a query with groups
	variables *variable
}

type variable struct {
	id    int
	value value.Value
	outer *variable
}

func (v *variable) find(id int) value.Value {
	for ; v != nil; v = v.outer {
		if v.id == id {
			return v.value
		}
	}
	return value.Value{}
}

func (e *evaluator) value(x plan.Expr, at env) (value.Value, error) {
	switch x := x.(type) {
	case *plan.Literal:
		return x.Value, nil
	case *plan.Param:
		return e.in.Params[x.Name], nil
	case *plan.Property:
		return at.document(x.Source).Body.Get(x.Path), nil
	case *plan.Variable:
		return at.variables.find(x.ID).Get(x.Path), nil
	case *plan.Meta:
		return at.document(x.Source).meta(x.Field), nil
	case *plan.Part:
		v, err := e.value(x.X, at)
		return v.Get(x.Path), err
	case *plan.Collated:
		return e.value(x.X, at)
	case *plan.Case:
		return e.caseOf(x, at)
	case *plan.Call:
		args, err := e.values(x.Args, at)
		if err != nil {
			return value.Value{}, err
		}
		return x.Function.Call(function.Env{Location: e.in.Location, Collation: x.Collation}, args)
	case *plan.Aggregate:
		return e.aggregate(x, at)
	case *plan.Items:
		items, err := e.values(x.Items, at)
		return value.OfItems(items...), err
	case *plan.Members:
		values, err := e.values(x.Values, at)
		members := make([]value.Member, len(values))
		for i, v := range values {
			members[i] = value.Member{Key: x.Keys[i], Value: v}
		}
		return value.OfMembers(members...), err
	}
	return e.operator(x, at)
}

func (e *evaluator) values(list []plan.Expr, at env) ([]value.Value, error) {
	values := make([]value.Value, len(list))
	for i, x := range list {
		var err error
		if values[i], err = e.value(x, at); err != nil {
			return nil, err
		}
	}
	return values, nil
}

var nothing = &Document{}

func (at env) document(source int) *Document {
	if source < len(at.row) && at.row[source] != nil {
		return at.row[source]
	}
	return nothing
}

func (d *Document) meta(f plan.Field) value.Value {
	if d == nothing {
		return value.Value{}
	}
	switch f {
	case plan.MetaID:
		return value.OfString(d.ID)
	case plan.MetaSequence:
		return value.OfInt(d.Sequence)
	case plan.MetaDeleted:
		return value.OfBool(d.Deleted)
	case plan.MetaExpiration:
		if d.Expiration == 0 {
			return value.Value{}
		}
		return value.OfInt(d.Expiration)
	case plan.MetaRevision:
		return value.OfString(d.Revision)
	case plan.MetaAll:
	}
	var members []value.Member
	for f := plan.MetaID; f <= plan.MetaRevision; f++ {
		members = append(members, value.Member{Key: f.String(), Value: d.meta(f)})
	}
	return value.OfMembers(members...)
}

func (e *evaluator) caseOf(x *plan.Case, at env) (value.Value, error) {
	var subject value.Value
	if x.X != nil {
		var err error
		if subject, err = e.value(x.X, at); err != nil {
			return subject, err
		}
	}
	for _, w := range x.Whens {
		cond, err := e.value(w.Cond, at)
		if err != nil {
			return cond, err
		}
		fits, _ := value.Truth(cond)
		if x.X != nil {
			fits = !cond.IsMissing() && !subject.IsMissing() && value.Compare(subject, cond) == 0
		}
		if fits {
			return e.value(w.Then, at)
		}
	}
	if x.Else == nil {
		return value.NullValue, nil
	}
	return e.value(x.Else, at)
}

// compare compares two values, with collation c for strings.
func (e *evaluator) compare(a, b value.Value, c collation.Collation) int {
	if c == (collation.Collation{}) {
		return value.Compare(a, b)
	}
	order := e.comparers[c]
	if order == nil {
		order = c.Comparer()
		if e.comparers == nil {
			e.comparers = map[collation.Collation]func(a, b string) int{}
		}
		e.comparers[c] = order
	}
	return value.CompareWith(a, b, order)
}

func unknown(x plan.Expr) error { return fmt.Errorf("query: unknown expression %T", x) }
