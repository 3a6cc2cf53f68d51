package delta

import (
	"bytes"
	"strconv"
	"unicode/utf8"

	"github.com/tandemdb/tandem/internal/document"
)

// The rules of text patches.
const (
	minText   = 60 // bytes of the new string
	patchCost = 6  // bytes around the patch
)

// textPatch returns the operations that turn o into n, and whether the patch is shorter than n.
func textPatch(o, n []byte) (patch []byte, ok bool) {
	if len(n) < minText || !utf8.Valid(o) || !utf8.Valid(n) {
		return nil, false
	}
	patch = appendPatch(nil, o, n, matches(o, n))
	return patch, len(patch)+patchCost < len(n)
}

// match is a run of bytes common to both strings: o[old:old+size] and n[new:new+size].
type match struct{ old, new, size int }

// appendPatch appends the operations around the given matches, which are in order and do not
// overlap.
func appendPatch(dst, o, n []byte, found []match) []byte {
	var at match // how much of old and new is consumed
	for _, m := range append(found, match{old: len(o), new: len(n)}) {
		if m.old > at.old {
			dst = append(strconv.AppendInt(dst, int64(m.old-at.old), 10), '-')
		}
		if m.new > at.new {
			dst = append(strconv.AppendInt(dst, int64(m.new-at.new), 10), '+')
			dst = append(append(dst, n[at.new:m.new]...), '|')
		}
		if m.size > 0 {
			dst = append(strconv.AppendInt(dst, int64(m.size), 10), '=')
		}
		at = match{old: m.old + m.size, new: m.new + m.size}
	}
	return dst
}

// matches finds the common beginning, the common end, and common blocks between them.
func matches(o, n []byte) []match {
	head := match{size: wholeRunes(o, 0, commonPrefix(o, n))}
	o, n = o[head.size:], n[head.size:]
	size := commonSuffix(o, n)
	tail := shrunk(o, match{len(o) - size, len(n) - size, size})
	middle := between(o[:tail.old], n[:tail.new])
	found := make([]match, 0, len(middle)+2)
	if head.size > 0 {
		found = append(found, head)
	}
	for _, m := range append(middle, tail) {
		if m.size > 0 {
			found = append(found, match{m.old + head.size, m.new + head.size, m.size})
		}
	}
	return found
}

func commonPrefix(a, b []byte) int {
	size := min(len(a), len(b))
	for i := range size {
		if a[i] != b[i] {
			return i
		}
	}
	return size
}

func commonSuffix(a, b []byte) int {
	size := min(len(a), len(b))
	for i := range size {
		if a[len(a)-1-i] != b[len(b)-1-i] {
			return i
		}
	}
	return size
}

// wholeRunes returns end, or a smaller index if o[start:end] would end inside a character.
func wholeRunes(o []byte, start, end int) int {
	last := end
	for last > start {
		if last--; utf8.RuneStart(o[last]) {
			if utf8.FullRune(o[last:end]) {
				return end
			}
			return last
		}
	}
	return start
}

// shrunk returns the part of m that begins and ends with whole characters.
func shrunk(o []byte, m match) match {
	for m.size > 0 && !utf8.RuneStart(o[m.old]) {
		m.old, m.new, m.size = m.old+1, m.new+1, m.size-1
	}
	m.size = wholeRunes(o, m.old, m.old+m.size) - m.old
	return m
}

// The search between the common beginning and end looks up blocks of bytes, each at its first
// occurrence in the old string.
const (
	block      = 12      // bytes; a shorter match costs about as much as its operations
	maxIndexed = 1 << 16 // bytes of the old string, so that the index stays small
)

func between(o, n []byte) []match {
	if len(o) < block || len(n) < block || len(o) > maxIndexed {
		return nil
	}
	first := make(map[[block]byte]int, len(o))
	for i := len(o) - block; i >= 0; i-- {
		first[[block]byte(o[i:])] = i
	}
	var found []match
	var at match
	for i := 0; i+block <= len(n); {
		old, ok := first[[block]byte(n[i:])]
		if !ok || old < at.old {
			i++
			continue
		}
		m := shrunk(o, extended(o, n, match{old, i, block}, at))
		if i = max(i+1, m.new+m.size); m.size > 0 {
			found = append(found, m)
			at = match{old: m.old + m.size, new: m.new + m.size}
		}
	}
	return found
}

// extended returns m with equal bytes before and behind it added, but none before at.
func extended(o, n []byte, m, at match) match {
	back := commonSuffix(o[at.old:m.old], n[at.new:m.new])
	m.old, m.new, m.size = m.old-back, m.new-back, m.size+back
	m.size += commonPrefix(o[m.old+m.size:], n[m.new+m.size:])
	return m
}

// applyText applies the patch, a JSON string, to the string o.
func applyText(dst []byte, o, patch document.Value) ([]byte, error) {
	if o.Kind() != document.String || patch.Kind() != document.String {
		return nil, corrupt("it patches text where there is none")
	}
	text, ok := patched(o.Text(), patch.Text())
	if !ok {
		return nil, corrupt("its text patch does not fit the text")
	}
	start := len(dst)
	dst = document.AppendQuoted(dst, text)
	if _, err := document.ParseValue(dst[start:], 0); err != nil {
		return nil, corrupt("its text patch splits a character")
	}
	return dst, nil
}

const maxDigits = 10 // of a count

// patched executes the operations of patch, which must consume o exactly.
func patched(o, patch []byte) (text []byte, ok bool) {
	for len(patch) > 0 {
		digits := bytes.IndexAny(patch, "=-+")
		if digits < 0 || digits > maxDigits {
			return nil, false
		}
		count, err := strconv.ParseUint(string(patch[:digits]), 10, 31)
		n, op := int(count), patch[digits]
		patch = patch[digits+1:]
		switch {
		case err != nil, op == '+' && (n >= len(patch) || patch[n] != '|'), op != '+' && n > len(o):
			return nil, false
		case op == '+':
			text, patch = append(text, patch[:n]...), patch[n+1:]
		case op == '=':
			text = append(text, o[:n]...)
			o = o[n:]
		default:
			o = o[n:]
		}
	}
	return text, len(o) == 0
}
