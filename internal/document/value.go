package document

import (
	"bytes"
	"iter"
	"unicode/utf8"
)

// Value is the compact text of one valid JSON value: see [ParseValue]. Nil stands for a missing
// value. Its parts are slices of the same text, found on demand.
type Value []byte

// Kind is a type of JSON values.
type Kind int

// The kinds. A nil [Value] has the kind None.
const (
	None Kind = iota
	Null
	Bool
	Number
	String
	Array
	Object
)

// ParseValue checks one JSON value of any kind, as [Check] does a document, and returns it without
// whitespace. depth is the largest nesting allowed; zero means [MaxDepth].
func ParseValue(text []byte, depth int) (Value, error) {
	s := scanner{body: text, compact: true, limit: depth}
	if err := s.only(); err != nil {
		return nil, err
	}
	return s.text(), nil
}

// Kind returns v's kind.
func (v Value) Kind() Kind {
	if len(v) == 0 {
		return None
	}
	switch v[0] {
	case '{':
		return Object
	case '[':
		return Array
	case '"':
		return String
	case 't', 'f':
		return Bool
	case 'n':
		return Null
	}
	return Number
}

// Text returns the characters of a string, or nil for other kinds.
func (v Value) Text() []byte {
	if v.Kind() != String {
		return nil
	}
	inner := v[1 : len(v)-1]
	if bytes.IndexByte(inner, '\\') < 0 {
		return inner
	}
	return appendUnquoted(make([]byte, 0, len(inner)), inner)
}

// Cursor steps through the items of an array, for code that cannot loop over [Value.Items]. Other
// kinds have no items.
type Cursor struct {
	v   Value
	pos int
}

// Cursor returns a cursor before the first item.
func (v Value) Cursor() Cursor {
	if v.Kind() != Array {
		return Cursor{v: Value("[]"), pos: 1}
	}
	return Cursor{v: v, pos: 1}
}

// Next returns the next item, or nil after the last.
func (c *Cursor) Next() Value {
	if c.v[c.pos] == ',' {
		c.pos++
	}
	if c.v[c.pos] == ']' {
		return nil
	}
	start := c.pos
	c.pos = valueEnd(c.v, start)
	return c.v[start:c.pos:c.pos]
}

// Items returns the items of an array. Other kinds have none.
func (v Value) Items() iter.Seq[Value] {
	return func(yield func(Value) bool) {
		c := v.Cursor()
		for item := c.Next(); item != nil && yield(item); item = c.Next() {
		}
	}
}

// Members returns the members of an object in their order, with keys as JSON strings. Other kinds
// have none.
func (v Value) Members() iter.Seq2[Value, Value] {
	return func(yield func(key, value Value) bool) {
		if v.Kind() != Object {
			return
		}
		for i := 1; v[i] != '}'; {
			colon := valueEnd(v, i)
			end := valueEnd(v, colon+1)
			if !yield(v[i:colon:colon], v[colon+1:end:end]) {
				return
			}
			if i = end; v[i] == ',' {
				i++
			}
		}
	}
}

// Member returns the value of an object's member, or nil.
func (v Value) Member(name string) Value {
	for key, value := range v.Members() {
		if string(key.Text()) == name {
			return value
		}
	}
	return nil
}

// valueEnd returns the index after the valid value that begins at b[i].
func valueEnd(b []byte, i int) int {
	depth := 0
	for {
		switch b[i] {
		case '"':
			i = quoteEnd(b, i)
		case '{', '[':
			depth++
			i++
		case '}', ']':
			depth--
			i++
		case ',', ':':
			i++
		default:
			i = scalarEnd(b, i)
		}
		if depth == 0 {
			return i
		}
	}
}

// quoteEnd skips a string, whose opening quote is at i.
func quoteEnd(b []byte, i int) int {
	i++
	for {
		switch i = skipPlain(b, i); b[i] {
		case '"':
			return i + 1
		case '\\':
			i += 2
		default:
			for i++; b[i] >= utf8.RuneSelf; i++ {
			}
		}
	}
}

// scalarEnd skips a number or a word.
func scalarEnd(b []byte, i int) int {
	for i < len(b) && b[i] != ',' && b[i] != ']' && b[i] != '}' {
		i++
	}
	return i
}

// Index finds members of one object by name, in constant time.
type Index map[string]Value

// Index returns the members of an object by name. It is empty for other kinds.
func (v Value) Index() Index {
	index := Index{}
	for key, value := range v.Members() {
		index[string(key.Text())] = value
	}
	return index
}

// AppendMember appends a comma, key (a JSON string), a colon and value. [Enclose] makes an object
// of such members.
func AppendMember(dst []byte, key, value Value) []byte {
	dst = append(dst, ',')
	dst = append(dst, key...)
	dst = append(dst, ':')
	return append(dst, value...)
}

// Enclose turns the parts appended to dst since its length was open into an object or array. Each
// part begins with a comma: Enclose replaces the first comma by opening and appends closing.
func Enclose(dst []byte, open int, opening, closing byte) []byte {
	if len(dst) == open {
		return append(dst, opening, closing)
	}
	dst[open] = opening
	return append(dst, closing)
}
