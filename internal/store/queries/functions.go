package queries

import (
	"bytes"
	"errors"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/tandemdb/tandem/internal/query/collation"
	"github.com/tandemdb/tandem/internal/query/function"
	"github.com/tandemdb/tandem/internal/query/value"
)

const pure = sqlite3.DETERMINISTIC | sqlite3.INNOCUOUS

// register registers the functions, aggregates, collations and the virtual table that translated
// queries use.
func (r *Runner) register(c *sqlite3.Conn) error {
	paths := pathCache{}
	get := func(text, path sqlite3.Value) []byte {
		if text.Type() != sqlite3.TEXT {
			return nil
		}
		return paths.of(path).Find(text.RawText())
	}
	part := func(v, path sqlite3.Value) value.Value { return decode(v).Get(paths.of(path)) }
	errs := []error{
		scalar(c, "tandem_get", 2, func(ctx sqlite3.Context, a []sqlite3.Value) {
			giveText(ctx, get(a[0], a[1]), false)
			if r.watch != nil {
				r.called(ctx)
			}
		}),
		scalar(c, "tandem_key", 2, func(ctx sqlite3.Context, a []sqlite3.Value) {
			giveText(ctx, get(a[0], a[1]), true)
			if r.watch != nil {
				r.called(ctx)
			}
		}),
		scalar(c, "tandem_text", 2, func(ctx sqlite3.Context, a []sqlite3.Value) {
			if text := get(a[0], a[1]); text != nil {
				ctx.ResultRawText(text)
			}
		}),
		scalar(c, "tandem_id", 2, func(ctx sqlite3.Context, a []sqlite3.Value) {
			if text := get(a[0], a[1]); text != nil && isNumeric(text[0]) {
				ctx.ResultZeroBlob(0)
			} else {
				giveText(ctx, text, true)
			}
		}),
		scalar(c, "tandem_part", 2, func(ctx sqlite3.Context, a []sqlite3.Value) { give(ctx, part(a[0], a[1])) }),
		scalar(c, "tandem_part_key", 2, func(ctx sqlite3.Context, a []sqlite3.Value) { give(ctx, part(a[0], a[1]).Untagged()) }),
		scalar(c, "tandem_untag", 1, func(ctx sqlite3.Context, a []sqlite3.Value) { give(ctx, decode(a[0]).Untagged()) }),
		scalar(c, "tandem_text_only", 1, textOnly),
		scalar(c, "tandem_like", 3, func(ctx sqlite3.Context, a []sqlite3.Value) {
			r.giveOrFail(ctx)(function.Like(decode(a[0]), decode(a[1]), collationOf(a[2])))
		}),
		scalar(c, "tandem_in", 3, in),
		scalar(c, "tandem_any", 2, func(ctx sqlite3.Context, a []sqlite3.Value) {
			give(ctx, function.Any(decode(a[0]), decode(a[1])).Untagged())
		}),
		scalar(c, "tandem_array", -1, func(ctx sqlite3.Context, a []sqlite3.Value) { give(ctx, value.OfItems(decodeAll(a)...)) }),
		scalar(c, "tandem_object", -1, object),
		scalar(c, "tandem_join", 2, join),
		scalar(c, "tandem_meta", 5, meta),
	}
	for _, f := range function.All() {
		errs = append(errs, r.registerFunction(c, f))
	}
	return errors.Join(append(errs, r.registerAggregates(c, paths), r.registerGrouped(c), r.registerItems(c, paths), r.registerTexts(c, paths), r.registerVectors(c, paths), registerCollations(c))...)
}

func scalar(c *sqlite3.Conn, name string, args int, f func(sqlite3.Context, []sqlite3.Value)) error {
	return c.CreateFunction(name, args, pure, func(ctx sqlite3.Context, a ...sqlite3.Value) { f(ctx, a) })
}

// pathCache keeps parsed paths, since a query has the same paths for every document.
type pathCache map[string]value.Path

const maxPaths = 1000

func (c pathCache) of(v sqlite3.Value) value.Path {
	text := v.RawText()
	if p, ok := c[string(text)]; ok {
		return p
	}
	if len(c) >= maxPaths {
		clear(c)
	}
	p := value.ParsePath(string(text))
	c[string(text)] = p
	return p
}

// giveText sets the value of a JSON text as a result, in its full or its key form; nil means
// MISSING.
func giveText(ctx sqlite3.Context, text []byte, key bool) {
	if text == nil {
		return // NULL
	}
	switch text[0] {
	case '"':
		if plain := plainString(text); plain != nil {
			ctx.ResultRawText(plain)
			return
		}
	case 't', 'f':
		if key {
			ctx.ResultBool(text[0] == 't')
			return
		}
	}
	v := value.FromJSON(text)
	if key {
		v = v.Untagged()
	}
	give(ctx, v)
}

// isNumeric reports whether JSON text that begins with c is a number or boolean.
func isNumeric(c byte) bool { return c == '-' || c >= '0' && c <= '9' || c == 't' || c == 'f' }

// plainString returns the text between the quotes of a string without escapes, and nil for a string
// with escapes.
func plainString(text []byte) []byte {
	inner := text[1 : len(text)-1]
	if bytes.IndexByte(inner, '\\') >= 0 {
		return nil
	}
	return inner
}

func textOnly(ctx sqlite3.Context, a []sqlite3.Value) {
	switch a[0].Type() {
	case sqlite3.INTEGER, sqlite3.FLOAT:
		ctx.ResultZeroBlob(0)
	default:
		ctx.ResultValue(a[0])
	}
}

func in(ctx sqlite3.Context, a []sqlite3.Value) {
	v := function.In(decode(a[0]), decode(a[1]))
	if v.Kind() == value.Int && a[2].Bool() {
		v = value.OfInt(1 - v.Int())
	}
	give(ctx, v)
}

func object(ctx sqlite3.Context, a []sqlite3.Value) {
	members := make([]value.Member, len(a)/2)
	for i := range members {
		members[i] = value.Member{Key: a[2*i].Text(), Value: decode(a[2*i+1])}
	}
	give(ctx, value.OfMembers(members...))
}

// join concatenates two arrays or merges two objects.
func join(ctx sqlite3.Context, a []sqlite3.Value) {
	x, y := decode(a[0]), decode(a[1])
	if x.Kind() == value.Array {
		give(ctx, joined(x, y))
		return
	}
	var members []value.Member
	for _, v := range []value.Value{x, y} {
		for key, m := range v.Members() {
			members = append(members, value.Member{Key: key, Value: m})
		}
	}
	give(ctx, value.OfMembers(members...))
}

// joined concatenates two arrays.
func joined(x, y value.Value) value.Value {
	switch {
	case x.Text() == "[]":
		return y
	case y.Text() == "[]":
		return x
	}
	return value.OfCanonical(x.Text()[:len(x.Text())-1] + "," + y.Text()[1:])
}

func meta(ctx sqlite3.Context, a []sqlite3.Value) {
	if a[0].Type() == sqlite3.NULL {
		return // a LEFT JOIN found no document
	}
	give(ctx, value.OfMembers(
		value.Member{Key: "id", Value: decode(a[0])},
		value.Member{Key: "sequence", Value: decode(a[1])},
		value.Member{Key: "deleted", Value: value.OfBool(a[2].Bool())},
		value.Member{Key: "expiration", Value: decode(a[3])},
		value.Member{Key: "revisionID", Value: decode(a[4])},
	))
}

// registerFunction registers a function of queries. If the function depends on the time zone or a
// collation, its last argument is the name of that.
func (r *Runner) registerFunction(c *sqlite3.Conn, f *function.Function) error {
	flags := pure
	if f.Local {
		flags = sqlite3.INNOCUOUS
	}
	args := -1
	if f.Most == f.Least {
		args = f.Most
		if f.Local || f.Collatable {
			args++
		}
	}
	return c.CreateFunction("tandem_f_"+f.Name, args, flags, func(ctx sqlite3.Context, a ...sqlite3.Value) {
		var env function.Env
		if f.Local || f.Collatable {
			last := a[len(a)-1]
			a = a[:len(a)-1]
			env = environment(f, last)
		}
		r.giveOrFail(ctx)(f.Call(env, decodeAll(a)))
	})
}

// giveOrFail sets a function's result. The error of a function fails a query. An index has MISSING in its place: a document
// that a peer has sent must not fail the commit.
func (r *Runner) giveOrFail(ctx sqlite3.Context) func(value.Value, error) {
	return func(v value.Value, err error) {
		switch {
		case err == nil:
			give(ctx, v)
		case r.asking > 0:
			ctx.ResultError(err)
		}
	}
}

func environment(f *function.Function, name sqlite3.Value) (env function.Env) {
	if f.Collatable {
		env.Collation = collationOf(name)
	}
	if f.Local {
		env.Location, _ = time.LoadLocation(name.Text()) // nil means UTC
	}
	return env
}

func collationOf(name sqlite3.Value) collation.Collation {
	if string(name.RawText()) == "BINARY" {
		return collation.Collation{}
	}
	c, _ := collation.Parse(name.Text())
	return c
}

// registerCollations creates a collation when a query first names it.
func registerCollations(c *sqlite3.Conn) error {
	return c.CollationNeeded(func(c *sqlite3.Conn, name string) {
		parsed, ok := collation.Parse(name)
		if !ok {
			return
		}
		order := parsed.Comparer()
		_ = c.CreateCollation(name, func(a, b []byte) int { return order(string(a), string(b)) }) // if this fails, SQLite reports an unknown collation
	})
}
