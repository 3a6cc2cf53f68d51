package eval

import (
	"errors"
	"slices"

	"github.com/tandemdb/tandem/internal/query/plan"
	"github.com/tandemdb/tandem/internal/query/value"
)

func (e *evaluator) aggregate(x *plan.Aggregate, at env) (value.Value, error) {
	if x.X == nil {
		return value.OfInt(int64(len(at.group))), nil
	}
	values, err := e.aggregated(x, at)
	if err != nil {
		return value.Value{}, err
	}
	switch x.Function {
	case "count":
		return value.OfInt(int64(len(values))), nil
	case "array_agg":
		return value.OfItems(values...), nil
	case "sum":
		return sum(values)
	case "avg":
		return average(values)
	}
	var best value.Value
	for i, v := range values {
		c := e.compare(v, best, x.Collation)
		if i == 0 || x.Function == "max" && c > 0 || x.Function == "min" && c < 0 {
			best = v
		}
	}
	return best, nil
}

// aggregated returns the values of the group's rows that are not MISSING.
func (e *evaluator) aggregated(x *plan.Aggregate, at env) ([]value.Value, error) {
	var values []value.Value
	for _, r := range at.group {
		v, err := e.value(x.X, env{row: r, variables: at.variables})
		if err != nil {
			return nil, err
		}
		known := func(other value.Value) bool { return e.compare(v, other, x.Collation) == 0 }
		if v.IsMissing() || x.Distinct && slices.ContainsFunc(values, known) {
			continue
		}
		values = append(values, v)
	}
	return values, nil
}

var errOverflow = errors.New("the sum of integers is out of range")

// sum adds numbers. The result is an integer if all of them are.
func sum(values []value.Value) (value.Value, error) {
	if len(values) == 0 {
		return value.Value{}, nil
	}
	total := value.OfInt(0)
	ints := true
	for _, v := range values {
		n := value.Addend(v)
		ints = ints && n.Kind() == value.Int
		total = value.Add(total, n)
	}
	if ints && total.Kind() != value.Int {
		return total, errOverflow
	}
	return total, nil
}

func average(values []value.Value) (value.Value, error) {
	if len(values) == 0 {
		return value.Value{}, nil
	}
	total := value.OfInt(0) // integers are added exactly
	for _, v := range values {
		total = value.Add(total, value.Addend(v))
	}
	return value.OfDouble(total.Float() / float64(len(values))), nil
}
