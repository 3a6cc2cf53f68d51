package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/revision"
)

// entry holds the items of one array in a body, each as JSON text. The items share one string.
type entry []string

// entriesOf estimates how many entries a body has, up to the number that peers send at a time.
func entriesOf(body []byte) int { return min(bytes.Count(body, []byte("],["))+1, 200) }

// eachEntry calls fn with each entry of the array body. The slice is valid until fn returns; its
// strings remain valid. Sync Gateway accepts IDs that are not UTF-8: such an ID fails its own
// document only, not the message.
func eachEntry(body []byte, fn func(entry) error) error {
	var r entryReader
	if isPlain(body) {
		return r.eachPlain(body, fn)
	}
	return r.each(body, fn)
}

// entryReader reads entries one after another into reused memory.
type entryReader struct {
	items entry
	text  []byte // the items' texts
	ends  []int  // the end of each item in text
}

// each reads an array in any valid form.
func (r *entryReader) each(body []byte, fn func(entry) error) error {
	dec := jsontext.NewDecoder(bytes.NewReader(body), jsontext.AllowInvalidUTF8(true))
	switch kind := dec.PeekKind(); {
	case len(body) == 0 || kind == 'n':
		return nil
	case kind != '[':
		return Malformed("body is not an array")
	}
	if _, err := dec.ReadToken(); err != nil {
		return NotJSON(err)
	}
	for dec.PeekKind() == '[' {
		if err := r.read(dec); err != nil {
			return err
		}
		if err := fn(r.items); err != nil {
			return err
		}
	}
	if dec.PeekKind() != ']' {
		return Malformed("entry is not an array")
	}
	if _, err := dec.ReadToken(); err != nil {
		return NotJSON(err)
	}
	if _, err := dec.ReadToken(); !errors.Is(err, io.EOF) {
		return Malformed("more text follows the array")
	}
	return nil
}

// read reads the next entry. It drops items beyond maxEntryItems, which a future protocol may add.
func (r *entryReader) read(dec *jsontext.Decoder) error {
	if _, err := dec.ReadToken(); err != nil {
		return NotJSON(err)
	}
	r.text, r.ends = r.text[:0], r.ends[:0]
	for dec.PeekKind() != ']' {
		value, err := dec.ReadValue()
		if err != nil {
			return NotJSON(err)
		}
		if len(r.ends) < maxEntryItems {
			r.text = append(r.text, value...)
			r.ends = append(r.ends, len(r.text))
		}
	}
	if _, err := dec.ReadToken(); err != nil {
		return NotJSON(err)
	}
	all, from := string(r.text), 0
	r.items = r.items[:0]
	for _, end := range r.ends {
		r.items = append(r.items, all[from:end])
		from = end
	}
	return nil
}

// isPlain reports whether a body has the form that every peer writes: entries of numbers and
// unescaped ASCII strings without spaces. Such a body needs no decoding.
func isPlain(body []byte) bool {
	if len(body) < 2 || body[0] != '[' || body[len(body)-1] != ']' {
		return false
	}
	rest := body[1 : len(body)-1]
	for len(rest) > 0 {
		if rest[0] != '[' {
			return false
		}
		for separator := byte(','); separator == ','; {
			n := plainItem(rest[1:])
			if n == 0 || n+1 >= len(rest) {
				return false
			}
			separator, rest = rest[n+1], rest[n+1:]
		}
		if rest[0] != ']' {
			return false
		}
		switch rest = rest[1:]; {
		case len(rest) == 0:
		case rest[0] == ',' && len(rest) > 1:
			rest = rest[1:]
		default:
			return false
		}
	}
	return true
}

// plainItem returns the length of the plain number or string at the start of b, or 0.
func plainItem(b []byte) int {
	if len(b) > 0 && b[0] == '"' {
		for i, c := range b[1:] {
			switch {
			case c == '"':
				return i + 2
			case c < ' ' || c > '~' || c == '\\':
				return 0
			}
		}
		return 0
	}
	n := 0
	for n < len(b) && '0' <= b[n] && b[n] <= '9' {
		n++
	}
	if n > 1 && b[0] == '0' {
		return 0
	}
	return n
}

// eachPlain reads a plain body.
func (r *entryReader) eachPlain(body []byte, fn func(entry) error) error {
	for rest := body[1:]; rest[0] != ']'; {
		length := entryEnd(rest)
		all := string(rest[1:length])
		rest = rest[length+1:]
		if rest[0] == ',' {
			rest = rest[1:]
		}
		r.items = r.items[:0]
		for len(all) > 0 {
			n := itemEnd(all)
			if len(r.items) < maxEntryItems {
				r.items = append(r.items, all[:n])
			}
			all = all[min(n+1, len(all)):]
		}
		if err := fn(r.items); err != nil {
			return err
		}
	}
	return nil
}

// entryEnd returns the index of the bracket that ends the plain entry at the start of b.
func entryEnd(b []byte) int {
	quoted := false
	for i, c := range b {
		switch {
		case c == '"':
			quoted = !quoted
		case c == ']' && !quoted:
			return i
		}
	}
	return len(b)
}

// itemEnd returns the index of the comma after the first plain item.
func itemEnd(items string) int {
	if items[0] == '"' {
		return strings.IndexByte(items[1:], '"') + 2
	}
	if i := strings.IndexByte(items, ','); i >= 0 {
		return i
	}
	return len(items)
}

func text(item string) (string, error) {
	if item == "" || item[0] != '"' {
		return "", Malformed("%.40s is not a string", item)
	}
	if strings.IndexByte(item, '\\') < 0 {
		return item[1 : len(item)-1], nil
	}
	s, _ := jsontext.AppendUnquote(nil, item) // item was decoded before, so only half a surrogate can fail, which is replaced
	return string(s), nil
}

func vector(item string) (revision.Rev, error) {
	s, err := text(item)
	if err != nil {
		return revision.Rev{}, err
	}
	return revision.ParseVector(s)
}

// number reads an integer. Any other item counts as 0.
func number(item string) int {
	n, _ := strconv.Atoi(item)
	return n
}

// flags reads the deletion flags. The second protocol used a boolean.
func flags(item string) int {
	if item == "true" {
		return FlagDeleted
	}
	return number(item)
}

// Malformed returns the error for a message whose body or properties have the wrong form.
func Malformed(format string, args ...any) error {
	return fault.New(fault.BLIP, 400, fmt.Sprintf(format, args...))
}

// NotJSON returns the error for a body that is not JSON.
func NotJSON(err error) error {
	return fault.New(fault.BLIP, 400, "not valid JSON").Because(err)
}
