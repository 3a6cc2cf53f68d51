package tandem

import (
	"strconv"
	"strings"

	"github.com/tandemdb/tandem/internal/document"
)

// setMember returns the object with one member set, or removed if value is nil. All others
// keep their text and order.
func setMember(object document.Value, name string, value document.Value) []byte {
	dst := make([]byte, 0, len(object)+len(name)+len(value)+len(`,"":`))
	found := false
	for key, old := range object.Members() {
		if string(key.Text()) == name {
			old, found = value, true
		}
		if old != nil {
			dst = document.AppendMember(dst, key, old)
		}
	}
	if !found && value != nil {
		dst = document.AppendMember(dst, document.AppendQuoted(nil, []byte(name)), value)
	}
	return document.Enclose(dst, 0, '{', '}')
}

// resolve follows a JSON pointer (RFC 6901); nil means that it leads nowhere.
func resolve(v document.Value, pointer string) document.Value {
	steps, ok := strings.CutPrefix(pointer, "/")
	if !ok {
		return nil
	}
	for step := range strings.SplitSeq(steps, "/") {
		switch v.Kind() {
		case document.Object:
			v = v.Member(pointerUnescapes.Replace(step))
		case document.Array:
			v = item(v, step)
		default:
			return nil
		}
	}
	return v
}

var pointerUnescapes = strings.NewReplacer("~1", "/", "~0", "~")

func item(array document.Value, index string) document.Value {
	n, err := strconv.ParseUint(index, 10, 32)
	if err != nil || strconv.FormatUint(n, 10) != index {
		return nil
	}
	for item := range array.Items() {
		if n == 0 {
			return item
		}
		n--
	}
	return nil
}
