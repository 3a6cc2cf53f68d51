package document

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/tandemdb/tandem/internal/fault"
)

// Canonical returns body with sorted keys, the fewest escapes and no whitespace: the input of a
// tree revision's digest. An empty body gives "{}". Numbers stay as written. Errors are those of
// [Check].
func Canonical(body []byte) ([]byte, error) {
	if len(bytes.TrimSpace(body)) == 0 {
		return []byte("{}"), nil
	}
	compact, _, err := Compact(body)
	if err != nil {
		return nil, err
	}
	return appendCanonical(make([]byte, 0, len(compact)), compact), nil
}

func appendCanonical(dst []byte, v Value) []byte {
	switch v.Kind() {
	case String:
		return AppendQuoted(dst, v.Text())
	case Array:
		open := len(dst)
		for item := range v.Items() {
			dst = appendCanonical(append(dst, ','), item)
		}
		return Enclose(dst, open, '[', ']')
	case Object:
		open := len(dst)
		for _, m := range sortedMembers(v) {
			dst = append(AppendQuoted(append(dst, ','), m.name), ':')
			dst = appendCanonical(dst, m.value)
		}
		return Enclose(dst, open, '{', '}')
	default:
		return append(dst, v...)
	}
}

type member struct {
	name  []byte
	value Value
}

func sortedMembers(v Value) []member {
	var all []member
	for key, value := range v.Members() {
		all = append(all, member{key.Text(), value})
	}
	slices.SortFunc(all, func(a, b member) int { return bytes.Compare(a.name, b.name) })
	return all
}

// Equal reports whether two bodies are equal by value: see [SameValue]. A malformed body equals
// only itself.
func Equal(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	x, _, errX := Compact(a)
	y, _, errY := Compact(b)
	return cmp.Or(errX, errY) == nil && SameValue(x, y)
}

// appendPlain appends the object v without its reserved members.
func appendPlain(dst []byte, v Value) []byte {
	open := len(dst)
	for key, value := range v.Members() {
		if !isReserved(key.Text()) {
			dst = AppendMember(dst, key, value)
		}
	}
	return Enclose(dst, open, '{', '}')
}

func isReserved(name []byte) bool { return len(name) > 0 && name[0] == '_' }

// CheckKeys refuses a body with a top-level key that begins with an underscore: such keys are
// metadata and would not reach other peers. The error is [fault.Invalid] or one of [Check].
func CheckKeys(body []byte) error {
	compact, info, err := Compact(body)
	if err != nil || !info.HasReserved {
		return err
	}
	for key := range Value(compact).Members() {
		if isReserved(key.Text()) {
			return fault.Invalid.Says("the key %s is reserved: it begins with an underscore", key).
				Try("rename the property; only top-level ones are concerned")
		}
	}
	return nil
}

// Removed reports whether body is Sync Gateway's notice that the document left the user's channels:
// its _removed is true.
func Removed(body []byte) bool {
	compact, info, err := Compact(body)
	return err == nil && info.HasReserved && string(Value(compact).Member("_removed")) == "true"
}
