package queries

import (
	"errors"
	"math"

	"github.com/tandemdb/tandem/internal/query/collation"
	"github.com/tandemdb/tandem/internal/query/sql"
	"github.com/tandemdb/tandem/internal/query/value"
)

// accumulator computes an aggregate of a group. It gives what the aggregate functions of SQL give.
type accumulator interface {
	// add takes a value that is not MISSING, and returns how many bytes of memory more it needs for it.
	add(v value.Value) int
	result() (value.Value, error)
}

func newAccumulator(a sql.Aggregate) accumulator {
	switch a.Function {
	case "count":
		return new(counter)
	case "sum", "avg":
		return &sum{average: a.Function == "avg"}
	case "array_agg":
		return &list{}
	}
	c, _ := collation.Parse(a.Collation)
	e := &extreme{sign: 1, order: c.Comparer()}
	if a.Function == "min" {
		e.sign = -1
	}
	return e
}

// counter implements count.
type counter int64

func (c *counter) add(value.Value) int          { *c++; return 0 }
func (c *counter) result() (value.Value, error) { return value.OfInt(int64(*c)), nil }

// sum implements sum and avg. Integers are added exactly; from the first double on, or from an overflow, doubles are
// added, together with what their rounding has lost (by Neumaier).
type sum struct {
	average  bool
	n        int64
	whole    int64
	inexact  bool
	overflow bool // of integers alone
	total    float64
	lost     float64
}

var errOverflow = errors.New("integer overflow")

func (s *sum) add(v value.Value) int {
	s.n++
	n := value.Addend(v)
	isInt := n.Kind() == value.Int
	if !s.inexact && isInt {
		next := value.Add(value.OfInt(s.whole), n)
		if next.Kind() == value.Int {
			s.whole = next.Int()
			return 0
		}
		s.overflow = true
	}
	if !s.inexact {
		s.inexact = true
		s.plusInt(s.whole)
	}
	if isInt {
		s.plusInt(n.Int())
		return 0
	}
	s.overflow = false
	s.plus(n.Float())
	return 0
}

func (s *sum) plus(f float64) {
	total := s.total + f
	if math.Abs(s.total) > math.Abs(f) {
		s.lost += (s.total - total) + f
	} else {
		s.lost += (f - total) + s.total
	}
	s.total = total
}

// plusInt adds a large integer in two parts that are exact.
func (s *sum) plusInt(i int64) {
	const exact = 1 << 52
	if i > -exact && i < exact {
		s.plus(float64(i))
		return
	}
	low := i % (1 << 14)
	s.plus(float64(i - low))
	s.plus(float64(low))
}

func (s *sum) result() (value.Value, error) {
	if s.n == 0 {
		return value.Value{}, nil
	}
	total := float64(s.whole)
	if s.inexact {
		total = s.total
		if !math.IsNaN(s.lost) && !math.IsInf(s.lost, 0) {
			total += s.lost
		}
	}
	switch {
	case s.average:
		return value.OfDouble(total / float64(s.n)), nil
	case s.overflow:
		return value.Value{}, errOverflow
	case s.inexact:
		return value.OfDouble(total), nil
	}
	return value.OfInt(s.whole), nil
}
