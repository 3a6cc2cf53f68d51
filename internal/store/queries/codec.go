package queries

import (
	"github.com/ncruces/go-sqlite3"

	"github.com/tandemdb/tandem/internal/query/sql"
	"github.com/tandemdb/tandem/internal/query/value"
)

// decode converts an argument in full form to a value.
func decode(v sqlite3.Value) value.Value {
	switch v.Type() {
	case sqlite3.INTEGER:
		return value.OfInt(v.Int64())
	case sqlite3.FLOAT:
		return value.OfDouble(v.Float())
	case sqlite3.TEXT:
		return value.OfString(v.Text())
	case sqlite3.BLOB:
		return sql.ParseBlob(v.RawBlob())
	case sqlite3.NULL:
	}
	return value.Value{}
}

func decodeAll(args []sqlite3.Value) []value.Value {
	values := make([]value.Value, len(args))
	for i, a := range args {
		values[i] = decode(a)
	}
	return values
}

// give sets a function's result, in full form.
func give(ctx sqlite3.Context, v value.Value) {
	switch v.Kind() {
	case value.Missing:
		ctx.ResultNull()
	case value.Int:
		ctx.ResultInt64(v.Int())
	case value.Double:
		ctx.ResultFloat(v.Float())
	case value.String:
		ctx.ResultText(v.Text())
	default:
		ctx.ResultBlob(sql.Blob(v))
	}
}

// bindValue binds a parameter to a value in full form.
func bindValue(s *sqlite3.Stmt, param int, v value.Value) error {
	switch v.Kind() {
	case value.Missing:
		return s.BindNull(param)
	case value.Null:
		return s.BindZeroBlob(param, 0)
	case value.Int:
		return s.BindInt64(param, v.Int())
	case value.Double:
		return s.BindFloat(param, v.Float())
	case value.String:
		return s.BindText(param, v.Text())
	}
	return s.BindBlob(param, sql.Blob(v))
}
