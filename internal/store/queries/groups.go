package queries

import (
	"encoding/binary"
	"errors"
	"math"
	"slices"

	"github.com/ncruces/go-sqlite3"

	"github.com/tandemdb/tandem/internal/query/sql"
	"github.com/tandemdb/tandem/internal/query/value"
)

// maxGroupBytes bounds the memory of the groups of a query. With more the query sorts its rows: see [sql.Statement].
const maxGroupBytes = 16 << 20

// errTooManyGroups ends a statement that [Rows] then replaces.
var errTooManyGroups = errors.New("there are too many groups for the memory")

// grouper implements tandem_groups: it keeps the groups of the rows in a hash table. Its result is the number under
// which the table tandem_grouped finds them.
type grouper struct {
	runner *Runner
	paths  pathCache

	spec   sql.Grouping
	where  []place // of the values of spec.Keys, then of those of spec.Aggregates
	groups map[string]*group
	all    []*group
	size   int // about how many bytes the groups have
	failed bool

	key []byte // of the present row
}

// place is where a row has a value.
type place struct {
	runner   *Runner
	argument int
	path     value.Path
	parsed   bool // it is a part of JSON text
	none     bool // count(*) has no value
}

// group has the values of GROUP BY, of its first row, and its aggregates.
type group struct {
	keys       []value.Value
	aggregates []accumulator
}

func (g *grouper) Step(ctx sqlite3.Context, a ...sqlite3.Value) {
	if g.groups == nil {
		if err := g.begin(a[0].RawText()); err != nil {
			g.fail(ctx, err)
			return
		}
	}
	a = a[1:]
	g.key = g.key[:0]
	keys, others := g.where[:len(g.spec.Keys)], g.where[len(g.spec.Keys):]
	for _, p := range keys {
		g.key = p.appendKey(g.key, a)
	}
	of := g.groups[string(g.key)]
	if of == nil {
		of = g.open(keys, a)
	}
	for i, p := range others {
		if c, ok := of.aggregates[i].(*counter); ok {
			if p.none || !p.isMissing(a) {
				*c++
			}
		} else if v := p.value(a); !v.IsMissing() {
			g.size += of.aggregates[i].add(v)
		}
	}
	if g.size > maxGroupBytes {
		g.runner.another = true
		g.fail(ctx, errTooManyGroups)
	}
}

func (g *grouper) fail(ctx sqlite3.Context, err error) {
	g.failed = true
	ctx.ResultError(err)
}

func (g *grouper) begin(spec []byte) (err error) {
	if g.spec, err = sql.ParseGrouping(spec); err != nil {
		return err
	}
	for i := range g.spec.Keys {
		g.where = append(g.where, g.runner.placeOf(&g.spec.Keys[i]))
	}
	for _, a := range g.spec.Aggregates {
		g.where = append(g.where, g.runner.placeOf(a.Of))
	}
	g.groups = map[string]*group{}
	return nil
}

func (r *Runner) placeOf(v *sql.RowValue) place {
	switch {
	case v == nil:
		return place{none: true}
	case v.Path == nil:
		return place{argument: v.Argument}
	}
	return place{runner: r, argument: v.Argument, path: value.ParsePath(*v.Path), parsed: true}
}

// open adds a group that begins with the present row.
func (g *grouper) open(keys []place, a []sqlite3.Value) *group {
	of := &group{keys: make([]value.Value, len(keys)), aggregates: make([]accumulator, len(g.spec.Aggregates))}
	for i, p := range keys {
		of.keys[i] = p.value(a)
		g.size += len(of.keys[i].Text())
	}
	for i, spec := range g.spec.Aggregates {
		of.aggregates[i] = newAccumulator(spec)
	}
	g.groups[string(g.key)] = of
	g.all = append(g.all, of)
	const entry, perKey, perAggregate = 200, 48, 100 // about their bytes
	g.size += entry + len(g.key) + perKey*len(of.keys) + perAggregate*len(of.aggregates)
	return of
}

func (g *grouper) Value(ctx sqlite3.Context) {
	if g.failed {
		return
	}
	slices.SortFunc(g.all, func(a, b *group) int { return slices.CompareFunc(a.keys, b.keys, value.Compare) })
	rows := make([][]value.Value, len(g.all))
	for i, of := range g.all {
		rows[i] = of.keys
		for _, a := range of.aggregates {
			v, err := a.result()
			if err != nil {
				g.fail(ctx, err)
				return
			}
			rows[i] = append(rows[i], v)
		}
	}
	ctx.ResultInt64(g.runner.grouped.add(rows))
}

// text returns the JSON text of the value of a row, nil if there is none.
func (p place) text(a []sqlite3.Value) []byte {
	switch v := a[p.argument]; v.Type() {
	case sqlite3.TEXT:
		return p.path.Find(v.RawText())
	case sqlite3.INTEGER:
		return p.path.Find(p.runner.item(v.Int64()))
	case sqlite3.FLOAT, sqlite3.BLOB, sqlite3.NULL:
	}
	return nil
}

func (p place) value(a []sqlite3.Value) value.Value {
	if !p.parsed {
		return decode(a[p.argument])
	}
	if text := p.text(a); text != nil {
		return value.FromJSON(text)
	}
	return value.Value{}
}

func (p place) isMissing(a []sqlite3.Value) bool {
	if !p.parsed {
		return a[p.argument].Type() == sqlite3.NULL
	}
	return p.text(a) == nil
}

// appendKey appends bytes that are the same for values that are one group, and differ for others.
func (p place) appendKey(dst []byte, a []sqlite3.Value) []byte {
	if p.parsed {
		text := p.text(a)
		if len(text) > 0 && text[0] == '"' {
			if plain := plainString(text); plain != nil {
				return appendText(dst, 's', plain)
			}
		}
		if text == nil {
			return append(dst, 'm')
		}
		return appendKeyOf(dst, value.FromJSON(text))
	}
	if v := a[p.argument]; v.Type() == sqlite3.TEXT {
		return appendText(dst, 's', v.RawText())
	}
	return appendKeyOf(dst, decode(a[p.argument]))
}

func appendKeyOf(dst []byte, v value.Value) []byte {
	switch v = v.Untagged(); v.Kind() {
	case value.Null:
		return append(dst, 'n')
	case value.Int:
		return binary.BigEndian.AppendUint64(append(dst, 'i'), uint64(v.Int()))
	case value.Double:
		if f := v.Float(); f == math.Trunc(f) && f >= -1<<63 && f < 1<<63 {
			return binary.BigEndian.AppendUint64(append(dst, 'i'), uint64(int64(f)))
		}
		return binary.BigEndian.AppendUint64(append(dst, 'd'), math.Float64bits(v.Float()))
	case value.String:
		return appendText(dst, 's', []byte(v.Text()))
	case value.Array, value.Object:
		return appendText(dst, 'c', []byte(v.Text()))
	}
	return append(dst, 'm')
}

func appendText(dst []byte, kind byte, text []byte) []byte {
	return append(binary.AppendUvarint(append(dst, kind), uint64(len(text))), text...)
}
