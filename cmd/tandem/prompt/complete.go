package prompt

import (
	"slices"
	"strings"
	"unicode"
)

// Words are what a line can be completed to.
type Words struct {
	Commands    []string // that begin with a dot
	Keywords    []string
	Functions   []string // without "("
	Collections []string
	Properties  []string // paths, as queries write them
}

// Complete returns the texts that the word before the cursor can be completed to, and the parts of
// the line before and after it. The cursor is a number of runes. before has the earlier lines of the
// statement.
func (w Words) Complete(before, line string, cursor int) (head string, found []string, tail string) {
	runes := []rune(line)
	cursor = min(cursor, len(runes))
	start := cursor
	for start > 0 && isOfWord(runes[start-1]) {
		start--
	}
	head, tail = string(runes[:start]), string(runes[cursor:])
	word := string(runes[start:cursor])
	switch {
	case isOpen(before + "\n" + head):
		return head, nil, tail
	case IsBlank(before) && strings.HasPrefix(strings.TrimSpace(head+word), ".") && strings.TrimSpace(head) == "":
		return head, beginning(w.Commands, word, false), tail
	case strings.HasSuffix(head, "$"):
		return head, nil, tail
	}
	return head, w.of(word, lastKeyword(before+" "+head)), tail
}

// of returns what a word after a keyword can be completed to.
func (w Words) of(word, after string) (found []string) {
	if after == "FROM" || after == "JOIN" {
		return beginning(w.Collections, word, false)
	}
	if word == "" {
		return nil
	}
	found = beginning(w.Properties, word, false)
	if alias, property, ok := strings.Cut(word, "."); ok && len(found) == 0 { // of a source
		for _, name := range beginning(w.Properties, property, false) {
			found = append(found, alias+"."+name)
		}
	}
	for _, name := range beginning(w.Functions, word, true) {
		found = append(found, name+"(")
	}
	found = append(found, beginning(w.Keywords, word, true)...)
	return append(found, beginning(w.Collections, word, false)...)
}

// beginning returns the words that begin with the typed text. In any case, they take its case.
func beginning(words []string, typed string, anyCase bool) (found []string) {
	for _, word := range words {
		switch {
		case anyCase && len(word) >= len(typed) && strings.EqualFold(word[:len(typed)], typed):
			if found = append(found, strings.ToLower(word)); typed == strings.ToUpper(typed) {
				found[len(found)-1] = strings.ToUpper(word)
			}
		case !anyCase && strings.HasPrefix(word, typed):
			found = append(found, word)
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// lastKeyword returns the last word of a text, in capitals; "" if something else ends the text.
func lastKeyword(text string) string {
	text = strings.TrimRight(text, " \t\r\n")
	start := strings.LastIndexFunc(text, func(r rune) bool { return !unicode.IsLetter(r) })
	return strings.ToUpper(text[start+1:])
}

func isOfWord(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_' || r == '.' || r == '`'
}
