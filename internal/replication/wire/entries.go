package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/revision"
)

// eachItem calls fn with the items of each array in the array body. They are valid until fn returns. Sync
// Gateway takes IDs that are no UTF-8: they spoil their own document, and not the message.
func eachItem(body []byte, fn func(item []jsontext.Value) error) error {
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
	var r entryReader
	for dec.PeekKind() == '[' {
		item, err := r.read(dec)
		if err != nil {
			return err
		}
		if err := fn(item); err != nil {
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

// entryReader reads the items of one array after the other into the same memory.
type entryReader struct {
	items []jsontext.Value
	texts []byte // of the items
}

// read reads the array that comes next. Items beyond maxEntryItems, of a protocol to come, are
// left out.
func (r *entryReader) read(dec *jsontext.Decoder) ([]jsontext.Value, error) {
	if _, err := dec.ReadToken(); err != nil {
		return nil, NotJSON(err)
	}
	r.items, r.texts = r.items[:0], r.texts[:0]
	for dec.PeekKind() != ']' {
		value, err := dec.ReadValue()
		if err != nil {
			return nil, NotJSON(err)
		}
		if len(r.items) == maxEntryItems {
			continue
		}
		from := len(r.texts)
		r.texts = append(r.texts, value...)
		r.items = append(r.items, r.texts[from:])
	}
	if _, err := dec.ReadToken(); err != nil {
		return nil, NotJSON(err)
	}
	return r.items, nil
}

func text(v jsontext.Value) (string, error) {
	if v.Kind() != '"' {
		return "", Malformed("%.40s is not a string", v)
	}
	if bytes.IndexByte(v, '\\') < 0 {
		return string(v[1 : len(v)-1]), nil
	}
	s, _ := jsontext.AppendUnquote(nil, v) // v was decoded once: half a surrogate is all that can be wrong, and is replaced
	return string(s), nil
}

func vector(v jsontext.Value) (revision.Rev, error) {
	s, err := text(v)
	if err != nil {
		return revision.Rev{}, err
	}
	return revision.ParseVector(s)
}

// number reads an integer; what is none counts as 0.
func number(v jsontext.Value) int {
	n, _ := strconv.Atoi(string(v))
	return n
}

// flags reads the deletion flags, which were a boolean in the second protocol.
func flags(v jsontext.Value) int {
	if v.Kind() == 't' {
		return FlagDeleted
	}
	return number(v)
}

// Malformed is the error for a message whose body or properties have the wrong form.
func Malformed(format string, args ...any) error {
	return fault.New(fault.BLIP, 400, fmt.Sprintf(format, args...))
}

// NotJSON is the error for a body that is no JSON text.
func NotJSON(err error) error {
	return fault.New(fault.BLIP, 400, "not valid JSON").Because(err)
}
