package queries

import (
	"encoding/binary"
	"unsafe"

	"github.com/ncruces/go-sqlite3"

	"github.com/tandemdb/tandem/internal/query/value"
)

// The first bytes of the blobs that stand for values without a type of their own in SQL: see internal/query/sql.
// Those of arrays and objects are their brackets.
const (
	tagFalse = 0
	tagTrue  = 1
	tagUint  = 2
)

// decode reads a value in its full form.
func decode(v sqlite3.Value) value.Value {
	switch v.Type() {
	case sqlite3.INTEGER:
		return value.OfInt(v.Int64())
	case sqlite3.FLOAT:
		return value.OfDouble(v.Float())
	case sqlite3.TEXT:
		return value.OfString(v.Text())
	case sqlite3.BLOB:
		return decodeBlob(v.RawBlob())
	case sqlite3.NULL:
	}
	return value.Value{}
}

func decodeBlob(b []byte) value.Value {
	switch {
	case len(b) == 0:
		return value.NullValue
	case b[0] == tagFalse || b[0] == tagTrue:
		return value.OfBool(b[0] == tagTrue)
	case b[0] == tagUint && len(b) == 9:
		return value.OfUint(binary.BigEndian.Uint64(b[1:]))
	case b[0] == '[' || b[0] == '{':
		return value.OfCanonical(string(b))
	}
	return value.NullValue
}

func decodeAll(args []sqlite3.Value) []value.Value {
	values := make([]value.Value, len(args))
	for i, a := range args {
		values[i] = decode(a)
	}
	return values
}

// give returns a value from a function in its full form.
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
		ctx.ResultBlob(blobOf(v))
	}
}

// blobOf returns the blob that stands for a value without a type of its own.
func blobOf(v value.Value) []byte {
	switch v.Kind() {
	case value.Bool:
		if v.Bool() {
			return []byte{tagTrue}
		}
		return []byte{tagFalse}
	case value.Uint:
		return binary.BigEndian.AppendUint64([]byte{tagUint}, v.Uint())
	case value.Array, value.Object:
		return unsafe.Slice(unsafe.StringData(v.Text()), len(v.Text())) // SQLite copies it
	}
	return nil
}

// bindValue binds a value in its full form.
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
	return s.BindBlob(param, blobOf(v))
}
