package main

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/rivo/uniseg"

	"github.com/tandemdb/tandem"
)

// marked adds the text of an invalid query to the error, and marks the place of the mistake.
func marked(text string, err error) error {
	if !errors.Is(err, tandem.ErrInvalidQuery) && !errors.Is(err, tandem.ErrInvalidParameter) {
		return err
	}
	var invalid *tandem.QueryError
	if !errors.As(err, &invalid) {
		return usageError{text: err.Error(), hint: tandem.HintOf(err)}
	}
	if text == "" || invalid.Pos < 0 || invalid.Pos > len(text) {
		return usageError{text: err.Error(), hint: invalid.Hint}
	}
	return usageError{text: "invalid query: " + invalid.Message + "\n" + excerpt(text, invalid.Pos), hint: invalid.Hint}
}

// maxExcerpt bounds the letters that are shown on each side of a mistake.
const maxExcerpt = 60

// excerpt returns the line around a byte of a text, with a mark below that byte. Each letter that is not printed in
// its own places becomes a space.
func excerpt(text string, pos int) string {
	start := strings.LastIndexByte(text[:pos], '\n') + 1
	end := len(text)
	if i := strings.IndexByte(text[pos:], '\n'); i >= 0 {
		end = pos + i
	}
	before, after := flattened(text[start:pos]), flattened(text[pos:end])
	dots := ""
	if n := utf8.RuneCountInString(before); n > maxExcerpt {
		before, dots = string([]rune(before)[n-maxExcerpt:]), "…"
	}
	if utf8.RuneCountInString(after) > maxExcerpt {
		after = string([]rune(after)[:maxExcerpt]) + "…"
	}
	before = dots + before
	return "  " + before + after + "\n  " + strings.Repeat(" ", uniseg.StringWidth(before)) + "^"
}

func flattened(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.Is(unicode.Mn, r): // stands over the letter before
			return -1
		case unicode.IsControl(r):
			return ' '
		}
		return r
	}, text)
}
