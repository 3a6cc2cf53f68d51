package page

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"
)

// member is a member of a JSON object, with its value as it is written.
type member struct {
	Key   string
	Value json.RawMessage
}

// membersOf returns the members of an object in their order; none of anything else.
func membersOf(text []byte) (all []member) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	if open, err := decoder.Token(); err != nil || open != json.Delim('{') {
		return nil
	}
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return nil
		}
		m := member{Key: key.(string)} //nolint:forcetypeassert // a decoder gives no other key
		if decoder.Decode(&m.Value) != nil {
			return nil
		}
		all = append(all, m)
	}
	return all
}

// valueOf returns the value of a member, nil without one.
func valueOf(all []member, key string) json.RawMessage {
	for _, m := range all {
		if m.Key == key {
			return m.Value
		}
	}
	return nil
}

// objectOf writes an object of members, which leaves out those without a value.
func objectOf(all []member) []byte {
	text := []byte{'{'}
	for _, m := range all {
		if m.Value == nil {
			continue
		}
		if len(text) > 1 {
			text = append(text, ',')
		}
		key, _ := json.Marshal(m.Key) // a string
		text = append(append(append(text, key...), ':'), m.Value...)
	}
	return append(text, '}')
}

// without returns the members that are not the server's own.
func without(all []member, keys ...string) []member {
	return slices.DeleteFunc(all, func(m member) bool { return slices.Contains(keys, m.Key) })
}

// pretty indents JSON, with its numbers and escapes as they are.
func pretty(text []byte) string {
	var out bytes.Buffer
	if json.Indent(&out, text, "", "  ") != nil {
		return string(text)
	}
	return out.String()
}

// sameValue reports whether two values are written alike, but for space.
func sameValue(a, b json.RawMessage) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	var x, y bytes.Buffer
	return json.Compact(&x, a) == nil && json.Compact(&y, b) == nil && bytes.Equal(x.Bytes(), y.Bytes())
}

// compact leaves out the space that [pretty] has put in. The error is a *Problem that says where a text is
// no JSON.
func compact(text string) ([]byte, error) {
	var whole json.RawMessage
	if err := json.Unmarshal([]byte(text), &whole); err != nil {
		return nil, &Problem{Status: http.StatusBadRequest, Reason: "this is no JSON: " + place(text, err)}
	}
	var out bytes.Buffer
	err := json.Compact(&out, whole)
	return out.Bytes(), err
}

// place says where in a text an error is.
func place(text string, err error) string {
	bad, ok := err.(*json.SyntaxError) //nolint:errorlint // as encoding/json returns it
	if !ok {
		return err.Error()
	}
	before := text[:min(max(int(bad.Offset)-1, 0), len(text))]
	line := strings.Count(before, "\n") + 1
	column := utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:]) + 1
	return fmt.Sprintf("line %d, column %d: %v", line, column, bad)
}
