package value

import (
	"bytes"
	"strconv"
	"strings"
	"unsafe"
)

// Step is one step of a path: a key of an object, or an index of an array. A negative index counts
// from the end.
type Step struct {
	Key     string
	Index   int
	IsIndex bool
}

// Key returns the step to a member.
func Key(name string) Step { return Step{Key: name} }

// Index returns the step to an item.
func Index(i int) Step { return Step{Index: i, IsIndex: true} }

// Path leads from a value to a part of it. An empty path leads to the value itself.
type Path []Step

// String returns the path as unambiguous text, which [ParsePath] parses.
func (p Path) String() string {
	var b strings.Builder
	for _, s := range p {
		if s.IsIndex {
			b.WriteString("[" + strconv.Itoa(s.Index) + "]")
			continue
		}
		b.WriteString("." + strconv.Itoa(len(s.Key)) + ":" + s.Key)
	}
	return b.String()
}

// ParsePath parses the result of [Path.String]. For other text it returns an arbitrary path.
func ParsePath(text string) Path {
	var p Path
	for len(text) > 0 {
		opening := text[0]
		text = text[1:]
		if opening == '[' {
			number, rest, _ := strings.Cut(text, "]")
			i, _ := strconv.Atoi(number)
			p, text = append(p, Index(i)), rest
			continue
		}
		number, rest, _ := strings.Cut(text, ":")
		n, _ := strconv.Atoi(number)
		n = min(max(n, 0), len(rest))
		p, text = append(p, Key(rest[:n])), rest[n:]
	}
	return p
}

// Get returns the part of v at p, or MISSING.
func (v Value) Get(p Path) Value {
	if len(p) == 0 {
		return v
	}
	if !v.IsComposite() {
		return Value{}
	}
	if text := p.Find(v.bytes()); text != nil {
		return FromJSON(text)
	}
	return Value{}
}

// bytes returns the text of v. The caller must not change it.
func (v Value) bytes() []byte { return unsafe.Slice(unsafe.StringData(v.text), len(v.text)) }

// Find returns the part at p of a valid JSON text, as written there, or nil.
func (p Path) Find(text []byte) []byte {
	for _, s := range p {
		if s.IsIndex {
			text = itemAt(text, s.Index)
		} else {
			text = memberOf(text, s.Key)
		}
		if text == nil {
			return nil
		}
	}
	return text
}

func memberOf(text []byte, key string) (found []byte) {
	i := skipSpace(text, 0)
	if i >= len(text) || text[i] != '{' {
		return nil
	}
	eachMember(text, func(quoted, value []byte) bool {
		if isKey(quoted, key) {
			found = value
		}
		return found == nil
	})
	return found
}

func isKey(quoted []byte, key string) bool {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return string(quoted[1:len(quoted)-1]) == key
	}
	return unquote(quoted) == key
}

func itemAt(text []byte, index int) (found []byte) {
	i := skipSpace(text, 0)
	if i >= len(text) || text[i] != '[' {
		return nil
	}
	if index < 0 {
		n := 0
		eachItem(text, func([]byte) bool { n++; return true })
		if index += n; index < 0 {
			return nil
		}
	}
	eachItem(text, func(item []byte) bool {
		if index == 0 {
			found = item
		}
		index--
		return found == nil
	})
	return found
}

func eachItem(text []byte, yield func([]byte) bool) {
	for i := skipSpace(text, skipSpace(text, 0)+1); text[i] != ']'; {
		end := valueEnd(text, i)
		if !yield(text[i:end]) {
			return
		}
		if i = skipSpace(text, end); text[i] == ',' {
			i = skipSpace(text, i+1)
		}
	}
}

func eachMember(text []byte, yield func(key, value []byte) bool) {
	for i := skipSpace(text, skipSpace(text, 0)+1); text[i] != '}'; {
		end := quoteEnd(text, i)
		key := text[i:end]
		i = skipSpace(text, skipSpace(text, end)+1)
		end = valueEnd(text, i)
		if !yield(key, text[i:end]) {
			return
		}
		if i = skipSpace(text, end); text[i] == ',' {
			i = skipSpace(text, i+1)
		}
	}
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

// valueEnd returns the index after the valid value that begins at b[i].
func valueEnd(b []byte, i int) int {
	switch b[i] {
	case '"':
		return quoteEnd(b, i)
	case '{', '[':
	default:
		return scalarEnd(b, i)
	}
	for depth := 0; ; {
		switch b[i] {
		case '"':
			i = quoteEnd(b, i)
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
			if depth == 0 {
				return i + 1
			}
		}
		i++
	}
}

func quoteEnd(b []byte, i int) int {
	for i++; ; i++ {
		n := bytes.IndexByte(b[i:], '"')
		i += n
		slashes := 0
		for b[i-1-slashes] == '\\' {
			slashes++
		}
		if slashes%2 == 0 {
			return i + 1
		}
	}
}

func scalarEnd(b []byte, i int) int {
	for i < len(b) {
		switch b[i] {
		case ',', ']', '}', ' ', '\n', '\t', '\r':
			return i
		}
		i++
	}
	return i
}
