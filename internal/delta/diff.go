package delta

import (
	"bytes"
	"strconv"

	"github.com/tandemdb/tandem/internal/document"
)

// MinBody is the least length, in bytes, of a body worth a delta. A shorter body is better sent
// whole.
const MinBody = 200

// Diff returns the delta from old to updated, "{}" if they are equal by value. Both are JSON,
// usually documents; the errors are those of [document.ParseValue].
func Diff(old, updated []byte) ([]byte, error) {
	o, err := document.ParseValue(old, 0)
	if err != nil {
		return nil, err
	}
	n, err := document.ParseValue(updated, 0)
	if err != nil {
		return nil, err
	}
	d := appendDiff(nil, o, n)
	switch {
	case len(d) == 0:
		return []byte("{}"), nil
	case d[0] != '{' && d[0] != '[':
		return appendWrapped(nil, n), nil // a delta may not be a bare scalar
	}
	return d, nil
}

// appendDiff appends the delta of two values. It appends nothing if they are equal.
func appendDiff(dst []byte, o, n document.Value) []byte {
	switch kind := n.Kind(); {
	case bytes.Equal(o, n):
		return dst
	case kind != o.Kind():
		return appendNew(dst, n)
	case kind == document.Object:
		return appendObject(dst, o, n)
	case kind == document.Array && len(o) > len("[]") && len(n) > len("[]"):
		return appendArray(dst, o, n)
	case document.SameValue(o, n):
		return dst
	case kind == document.String:
		return appendString(dst, o, n)
	}
	return appendNew(dst, n)
}

// appendNew appends the delta that replaces any value by n.
func appendNew(dst []byte, n document.Value) []byte {
	if kind := n.Kind(); kind == document.Object || kind == document.Array {
		return appendWrapped(dst, n)
	}
	return append(dst, n...)
}

func appendWrapped(dst []byte, n document.Value) []byte {
	return append(append(append(dst, '['), n...), ']')
}

func appendObject(dst []byte, o, n document.Value) []byte {
	open := len(dst)
	olds, kept := o.Index(), 0
	for key, value := range n.Members() {
		before := olds[string(key.Text())]
		dst = appendMember(dst, key, func(dst []byte) []byte {
			if before == nil {
				return appendNew(dst, value)
			}
			kept++
			return appendDiff(dst, before, value)
		})
	}
	if kept < len(olds) {
		dst = appendDeletions(dst, o, n.Index())
	}
	return enclose(dst, open)
}

func appendDeletions(dst []byte, o document.Value, news document.Index) []byte {
	for key := range o.Members() {
		if news[string(key.Text())] == nil {
			dst = append(append(append(dst, ','), key...), `:[]`...)
		}
	}
	return dst
}

func appendArray(dst []byte, o, n document.Value) []byte {
	open := len(dst)
	olds, news := o.Cursor(), n.Cursor()
	for i := 0; ; i++ {
		before, after := olds.Next(), news.Next()
		switch {
		case before == nil && after == nil:
			return enclose(dst, open)
		case before == nil || after == nil:
			return enclose(appendCut(dst, i, after, &news), open)
		}
		dst = appendMember(dst, document.Value(strconv.Quote(strconv.Itoa(i))), func(dst []byte) []byte {
			return appendDiff(dst, before, after)
		})
	}
}

// appendCut appends the member that cuts an array at i and then adds next and the items after it;
// next may be nil.
func appendCut(dst []byte, i int, next document.Value, rest *document.Cursor) []byte {
	dst = append(append(dst, ','), strconv.Quote(strconv.Itoa(i)+"-")...)
	dst = append(dst, ":["...)
	for first := true; next != nil; next = rest.Next() {
		if !first {
			dst = append(dst, ',')
		}
		dst = append(dst, next...)
		first = false
	}
	return append(dst, ']')
}

// appendMember appends a comma, key and the output of add. If add appends nothing, so does
// appendMember.
func appendMember(dst []byte, key document.Value, add func([]byte) []byte) []byte {
	before := len(dst)
	dst = append(append(append(dst, ','), key...), ':')
	start := len(dst)
	if dst = add(dst); len(dst) == start {
		return dst[:before]
	}
	return dst
}

// enclose makes an object of the members appended since open. Without members it appends nothing.
func enclose(dst []byte, open int) []byte {
	if len(dst) == open {
		return dst
	}
	dst[open] = '{'
	return append(dst, '}')
}

func appendString(dst []byte, o, n document.Value) []byte {
	if patch, ok := textPatch(o.Text(), n.Text()); ok {
		dst = document.AppendQuoted(append(dst, '['), patch)
		return append(dst, ",0,2]"...)
	}
	return append(dst, n...)
}
