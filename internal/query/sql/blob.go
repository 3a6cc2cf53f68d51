package sql

import (
	"encoding/binary"
	"unsafe"

	"github.com/tandemdb/tandem/internal/query/value"
)

// The first bytes of blobs that encode values without a type in SQL. The first bytes of arrays and
// objects are their brackets.
const (
	tagFalse = 0
	tagTrue  = 1
	tagUint  = 2
)

// Blob returns the blob that encodes a value in the full form: NULL, a boolean, a Uint, an array or
// an object. The caller must not change it.
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

// ParseBlob decodes a blob. It returns NULL for a blob that [Blob] cannot return.
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
