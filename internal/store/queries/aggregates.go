package queries

import (
	"errors"
	"fmt"

	"github.com/ncruces/go-sqlite3"

	"github.com/tandemdb/tandem/internal/query/collation"
	"github.com/tandemdb/tandem/internal/query/value"
)

func (r *Runner) registerAggregates(c *sqlite3.Conn, paths pathCache) error {
	return errors.Join(
		c.CreateWindowFunction("tandem_min", 2, pure, func() sqlite3.AggregateFunction { return &extreme{sign: -1} }),
		c.CreateWindowFunction("tandem_max", 2, pure, func() sqlite3.AggregateFunction { return &extreme{sign: 1} }),
		c.CreateWindowFunction("tandem_array_agg", 1, pure, func() sqlite3.AggregateFunction { return &list{} }),
		c.CreateWindowFunction("tandem_groups", -1, pure, func() sqlite3.AggregateFunction { return &grouper{runner: r, paths: paths} }),
	)
}

// extreme implements min and max in the order of values.
type extreme struct {
	sign  int
	best  value.Value
	order func(a, b string) int
}

func (e *extreme) Step(_ sqlite3.Context, a ...sqlite3.Value) {
	v := decode(a[0])
	if v.IsMissing() {
		return
	}
	if e.order == nil {
		c, _ := collation.Parse(a[1].Text())
		e.order = c.Comparer()
	}
	e.add(v)
}

func (e *extreme) add(v value.Value) int {
	if !e.best.IsMissing() && value.CompareWith(v, e.best, e.order)*e.sign <= 0 {
		return 0
	}
	more := len(v.Text()) - len(e.best.Text())
	e.best = v
	return more
}

func (e *extreme) Value(ctx sqlite3.Context)    { give(ctx, e.best) }
func (e *extreme) result() (value.Value, error) { return e.best, nil }

// list implements array_agg.
type list struct {
	text []byte
	full bool // the list is longer than maxList
}

// maxList bounds the bytes of an array that array_agg builds.
const maxList = 64 << 20

func (l *list) Step(_ sqlite3.Context, a ...sqlite3.Value) {
	if v := decode(a[0]); !v.IsMissing() {
		l.add(v)
	}
}

func (l *list) add(v value.Value) int {
	if l.full {
		return 0
	}
	before := len(l.text)
	if before > 0 {
		l.text = append(l.text, ',')
	}
	l.text = v.AppendJSON(l.text)
	l.full = len(l.text) > maxList
	return len(l.text) - before
}

func (l *list) Value(ctx sqlite3.Context) {
	v, err := l.result()
	if err != nil {
		ctx.ResultError(err)
		return
	}
	give(ctx, v)
}

func (l *list) result() (value.Value, error) {
	if l.full {
		return value.Value{}, fmt.Errorf("array_agg: the array would have more than %d MiB", maxList>>20)
	}
	return value.OfCanonical("[" + string(l.text) + "]"), nil
}
