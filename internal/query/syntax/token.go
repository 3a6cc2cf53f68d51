package syntax

import (
	"fmt"
	"strings"
)

// kind is the kind of a token.
type kind uint8

const (
	endOfText kind = iota
	word           // a name or keyword without quotes
	quoted         // a name in backquotes
	text           // a string
	integer
	double
	param // $name
	mark  // an operator or punctuation
)

// token is one token of a query. In word and text tokens, the field text holds the decoded text; in
// others it is as written.
type token struct {
	kind       kind
	text       string
	start, end int // bytes of the query
}

// is reports whether t is a given keyword, in any case, or mark.
func (t token) is(what string) bool {
	return t.kind == mark && t.text == what || t.kind == word && strings.EqualFold(t.text, what)
}

// isName reports whether t is a name.
func (t token) isName() bool { return t.kind == quoted || t.kind == word && !isReserved(t.text) }

func (t token) String() string {
	switch t.kind {
	case endOfText:
		return "the end"
	case text:
		return "a string"
	case quoted:
		return "`" + t.text + "`"
	}
	return fmt.Sprintf("%q", t.text)
}

// reserved words can be names only in backquotes.
var reserved = func() map[string]bool {
	words := map[string]bool{}
	for w := range strings.FieldsSeq(`AND ANY AS ASC BETWEEN BY CASE COLLATE CROSS DESC DISTINCT ELSE END EVERY FALSE FROM
		GROUP HAVING IN INNER IS JOIN LEFT LIKE LIMIT MISSING NATURAL NOT NULL OFFSET ON OR ORDER OUTER RIGHT
		SATISFIES SELECT THEN TRUE UNNEST USING VALUED WHEN WHERE`) {
		words[w] = true
	}
	return words
}()

func isReserved(w string) bool { return reserved[strings.ToUpper(w)] }
