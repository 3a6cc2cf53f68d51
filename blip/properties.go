package blip

import (
	"bytes"
	"encoding/binary"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tandemdb/tandem/internal/fault"
)

// Property is a named string at the head of a message.
type Property struct{ Key, Value string }

// Properties are the head of a message. They are few, so a list serves better than a map. Their
// order has no meaning; of two with the same key the first counts.
type Properties []Property

// Props makes properties from alternating keys and values; an odd key at the end gets an empty
// value.
func Props(keysAndValues ...string) Properties {
	p := make(Properties, 0, (len(keysAndValues)+1)/2)
	for i := 0; i < len(keysAndValues); i += 2 {
		value := ""
		if i+1 < len(keysAndValues) {
			value = keysAndValues[i+1]
		}
		p = append(p, Property{keysAndValues[i], value})
	}
	return p
}

// Get returns the value of key, which may be empty, and whether the key exists. Case matters.
func (p Properties) Get(key string) (string, bool) {
	for i := range p {
		if p[i].Key == key {
			return p[i].Value, true
		}
	}
	return "", false
}

// Value returns the value of key, or "".
func (p Properties) Value(key string) string {
	value, _ := p.Get(key)
	return value
}

// Bool parses the value of key as peers write it: true or yes, in any case, or an integer other
// than zero. Other and missing values are false.
func (p Properties) Bool(key string) bool {
	value := p.Value(key)
	switch {
	case value == "":
		return false
	case strings.EqualFold(value, "true"), strings.EqualFold(value, "yes"):
		return true
	default:
		n, err := strconv.ParseInt(value, 10, 64)
		return err == nil && n != 0
	}
}

// Int parses the value of key as a decimal integer. It returns otherwise if there is none.
func (p Properties) Int(key string, otherwise int64) int64 {
	value := p.Value(key)
	if value == "" {
		return otherwise // the usual case; a parse error would allocate
	}
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		return otherwise
	}
	return n
}

// Set sets the value of key.
func (p *Properties) Set(key, value string) {
	for i := range *p {
		if (*p)[i].Key == key {
			(*p)[i].Value = value
			return
		}
	}
	p.Add(key, value)
}

// Add appends a property. The key must be new.
func (p *Properties) Add(key, value string) { *p = append(*p, Property{key, value}) }

// sectionSize returns the length of the encoded properties, without their length field.
func (p Properties) sectionSize() int {
	size := 0
	for i := range p {
		size += len(p[i].Key) + len(p[i].Value) + 2
	}
	return size
}

// validate checks that the wire can carry the properties.
func (p Properties) validate() error {
	for _, property := range p {
		if !isPropertyText(property.Key) || !isPropertyText(property.Value) {
			return fault.Invalid.In("send message", "").Says("property %q = %q is not UTF-8 without NUL",
				property.Key, property.Value)
		}
	}
	if size := p.sectionSize(); size > MaxProperties {
		return fault.Invalid.In("send message", "").Says("properties take %d bytes, at most %d are allowed",
			size, MaxProperties)
	}
	return nil
}

func isPropertyText(s string) bool {
	return strings.IndexByte(s, 0) < 0 && utf8.ValidString(s)
}

// Append appends the encoded properties with their length field.
func (p Properties) Append(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(p.sectionSize())) //nolint:gosec // a size is not negative
	for i := range p {
		dst = append(append(dst, p[i].Key...), 0)
		dst = append(append(dst, p[i].Value...), 0)
	}
	return dst
}

// ParseMessage splits a complete message into its properties and its body. The body shares the
// message's memory.
func ParseMessage(message []byte) (Properties, []byte, error) {
	section, body, err := cutProperties(message)
	switch {
	case err != nil:
		return nil, nil, err
	case body == nil:
		return nil, nil, protocolError("message ends within its properties")
	}
	props, err := parseProperties(section)
	return props, body, err
}

// cutProperties splits the properties section from the rest. Both are nil while the section is
// incomplete.
func cutProperties(message []byte) (section, rest []byte, err error) {
	size, rest, ok := cutUvarint(message)
	switch {
	case !ok && len(message) >= binary.MaxVarintLen64, size > MaxProperties:
		return nil, nil, protocolError("properties are larger than %d bytes", MaxProperties)
	case !ok, uint64(len(rest)) < size:
		return nil, nil, nil
	}
	return rest[:size], rest[size:], nil
}

// parseProperties parses a whole section without its length field.
func parseProperties(section []byte) (Properties, error) {
	if len(section) == 0 {
		return nil, nil
	}
	count := bytes.Count(section, []byte{0})
	if section[len(section)-1] != 0 || count%2 != 0 {
		return nil, protocolError("properties are malformed")
	}
	text := string(section) // one copy, shared by all keys and values
	props := make(Properties, count/2)
	for i := range props {
		props[i].Key, text, _ = strings.Cut(text, "\x00")
		props[i].Value, text, _ = strings.Cut(text, "\x00")
	}
	return props, nil
}
