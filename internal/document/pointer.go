package document

import (
	"strconv"
	"strings"

	"github.com/tandemdb/tandem/internal/fault"
)

// At follows a JSON pointer (RFC 6901) such as "/photos/0"; nil means that it leads nowhere. An empty
// pointer leads nowhere, too.
func At(v Value, pointer string) Value {
	steps, ok := strings.CutPrefix(pointer, "/")
	if !ok {
		return nil
	}
	for step := range strings.SplitSeq(steps, "/") {
		if v = v.part(step); v == nil {
			return nil
		}
	}
	return v
}

var pointerUnescapes = strings.NewReplacer("~1", "/", "~0", "~")

// part returns the member or item that one step of a pointer leads to, or nil.
func (v Value) part(step string) Value {
	switch v.Kind() {
	case Object:
		return v.Member(pointerUnescapes.Replace(step))
	case Array:
		if n, ok := itemIndex(step); ok {
			return v.item(n)
		}
	default: // has no parts
	}
	return nil
}

func itemIndex(step string) (uint64, bool) {
	n, err := strconv.ParseUint(step, 10, 32)
	return n, err == nil && strconv.FormatUint(n, 10) == step
}

func (v Value) item(n uint64) Value {
	for item := range v.Items() {
		if n == 0 {
			return item
		}
		n--
	}
	return nil
}

// SetAt returns v with the value at a JSON pointer set, or removed if value is nil. All else keeps its
// text and order. A new member goes to the end of its object, and the step "-" of an array means a
// new item. The error is [fault.NotFound] if the place's parent is missing or has no such parts, or
// if there is nothing to remove.
func SetAt(v Value, pointer string, value Value) (Value, error) {
	steps, ok := strings.CutPrefix(pointer, "/")
	if !ok {
		return nil, fault.Invalid.Says("%.80q is no JSON pointer", pointer).Try("begin it with a /")
	}
	changed, ok := v.setAt(steps, value)
	if !ok {
		return nil, fault.NotFound.Says("the document has no place %.80q", pointer)
	}
	return changed, nil
}

// setAt is SetAt for the steps of a pointer. It reports whether there is such a place.
func (v Value) setAt(steps string, value Value) (Value, bool) {
	step, rest, more := strings.Cut(steps, "/")
	if more {
		old := v.part(step)
		if old == nil {
			return nil, false
		}
		var ok bool
		if value, ok = old.setAt(rest, value); !ok {
			return nil, false
		}
	}
	switch v.Kind() {
	case Object:
		name := pointerUnescapes.Replace(step)
		if value == nil && v.Member(name) == nil {
			return nil, false
		}
		return SetMember(v, name, value), true
	case Array:
		return v.setItem(step, value)
	default:
		return nil, false
	}
}

// setItem replaces, appends or removes one item.
func (v Value) setItem(step string, value Value) (Value, bool) {
	n, isIndex := itemIndex(step)
	appends := step == "-" && value != nil
	if !appends && (!isIndex || v.item(n) == nil) {
		return nil, false
	}
	dst := make([]byte, 0, len(v)+len(value)+len(`,[]`))
	at := uint64(0)
	for item := range v.Items() {
		if isIndex && at == n {
			item = value
		}
		if item != nil {
			dst = append(append(dst, ','), item...)
		}
		at++
	}
	if appends {
		dst = append(append(dst, ','), value...)
	}
	return Enclose(dst, 0, '[', ']'), true
}

// SetMember returns the object with one member set, or removed if value is nil. All others keep
// their text and order; a new member goes to the end.
func SetMember(object Value, name string, value Value) Value {
	dst := make([]byte, 0, len(object)+len(name)+len(value)+len(`,"":`))
	found := false
	for key, old := range object.Members() {
		if string(key.Text()) == name {
			old, found = value, true
		}
		if old != nil {
			dst = AppendMember(dst, key, old)
		}
	}
	if !found && value != nil {
		dst = AppendMember(dst, AppendQuoted(nil, []byte(name)), value)
	}
	return Enclose(dst, 0, '{', '}')
}
