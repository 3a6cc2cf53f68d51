package queries

import (
	"errors"
	"fmt"

	"github.com/ncruces/go-sqlite3"

	"github.com/tandemdb/tandem/internal/query/collation"
	"github.com/tandemdb/tandem/internal/query/value"
)

func registerAggregates(c *sqlite3.Conn) error {
	return errors.Join(
		c.CreateWindowFunction("tandem_min", 2, pure, func() sqlite3.AggregateFunction { return &extreme{sign: -1} }),
		c.CreateWindowFunction("tandem_max", 2, pure, func() sqlite3.AggregateFunction { return &extreme{sign: 1} }),
		c.CreateWindowFunction("tandem_array_agg", 1, pure, func() sqlite3.AggregateFunction { return &list{} }),
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
	if e.best.IsMissing() || value.CompareWith(v, e.best, e.order)*e.sign > 0 {
		e.best = v
	}
}

func (e *extreme) Value(ctx sqlite3.Context) { give(ctx, e.best) }

// list implements array_agg.
type list struct {
	text []byte
	full bool // the list is longer than maxList
}

// maxList bounds the bytes of an array that array_agg builds.
const maxList = 64 << 20

func (l *list) Step(_ sqlite3.Context, a ...sqlite3.Value) {
	v := decode(a[0])
	if v.IsMissing() || l.full {
		return
	}
	if len(l.text) > 0 {
		l.text = append(l.text, ',')
	}
	l.text = v.AppendJSON(l.text)
	l.full = len(l.text) > maxList
}

func (l *list) Value(ctx sqlite3.Context) {
	if l.full {
		ctx.ResultError(fmt.Errorf("array_agg: the array would have more than %d MiB", maxList>>20))
		return
	}
	ctx.ResultBlob([]byte("[" + string(l.text) + "]"))
}
