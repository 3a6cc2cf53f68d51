package sql

import (
	"encoding/binary"
	"unsafe"

	"github.com/tandemdb/tandem/internal/query/value"
)

// The first bytes of the blobs that stand for values without a type of their own in SQL. Those of arrays and objects
// are their brackets.
const (
	tagFalse = 0
	tagTrue  = 1
	tagUint  = 2
)

// Blob returns the blob that stands for a value in the full form: of NULL, a boolean, a Uint, an array or an object.
// Nobody may change it.
func Blob(v value.Value) []byte {
	switch v.Kind() {
	case value.Bool:
		if v.Bool() {
			return []byte{tagTrue}
		}
		return []byte{tagFalse}
	case value.Uint:
		return binary.BigEndian.AppendUint64([]byte{tagUint}, v.Uint())
	case value.Array, value.Object:
		return unsafe.Slice(unsafe.StringData(v.Text()), len(v.Text()))
	}
	return nil
}

// ParseBlob returns the value that a blob stands for, NULL for a blob that [Blob] does not give.
func ParseBlob(b []byte) value.Value {
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
