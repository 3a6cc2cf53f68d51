package queries

import (
	"bytes"

	"github.com/tandemdb/tandem/internal/query/value"
)

// appendWords appends the scalars of a JSON text, with spaces between them: strings and numbers as they are, booleans as T
// and F. Names of members and null are left out.
func appendWords(dst, text []byte) []byte {
	for at := 0; at < len(text); {
		c := text[at]
		end := at + 1
		switch {
		case c == '"':
			end = at + stringLength(text[at:])
			if !isName(text[end:]) {
				dst = appendString(separated(dst), text[at:end])
			}
		case c == 't':
			dst, end = append(separated(dst), 'T'), at+len("true")
		case c == 'f':
			dst, end = append(separated(dst), 'F'), at+len("false")
		case c == '-' || c >= '0' && c <= '9':
			for end < len(text) && bytes.IndexByte([]byte(" \t\r\n,]}"), text[end]) < 0 {
				end++
			}
			dst = append(separated(dst), text[at:end]...)
		}
		at = end
	}
	return dst
}

func separated(dst []byte) []byte {
	if len(dst) > 0 {
		return append(dst, ' ')
	}
	return dst
}

// stringLength returns the length of the string with its quotes that text begins with.
func stringLength(text []byte) int {
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(text)
}

// isName reports whether a colon follows.
func isName(text []byte) bool {
	text = bytes.TrimLeft(text, " \t\r\n")
	return len(text) > 0 && text[0] == ':'
}

func appendString(dst, quoted []byte) []byte {
	if plain := plainString(quoted); plain != nil {
		return append(dst, plain...)
	}
	return append(dst, value.FromJSON(quoted).Text()...)
}
