package fulltext

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The bounds of a search.
const (
	maxText  = 64 << 10 // bytes
	maxWords = 256
	maxDepth = 16 // of parentheses

	defaultDistance = 10
	maxDistance     = 1_000_000
)

// Parse reads the text of a MATCH, for an index with these names of columns. Its error is for people.
//
// The language is that of SQLite's FTS4 with its enhanced syntax. Words are joined by AND, unless OR, NOT or NEAR stand
// between them, in capitals. Other characters than those of words, quotes and parentheses only separate words.
func Parse(text string, t *Tokenizer, columns []string) (Search, error) {
	if len(text) > maxText {
		return Search{}, fmt.Errorf("it has %d bytes, and %d are the most", len(text), maxText)
	}
	p := &parser{rest: text, words: t, columns: slices.Clone(columns)}
	root, err := p.either()
	if err == nil && p.operatorNext() == ")" {
		err = fmt.Errorf("a parenthesis is closed that was not opened")
	}
	if err != nil {
		return Search{}, err
	}
	return Search{root}, nil
}

type parser struct {
	rest    string
	words   *Tokenizer
	columns []string
	depth   int // of parentheses
	count   int // of words
}

// either reads operands of OR up to a closing parenthesis or the end.
func (p *parser) either() (*node, error) {
	if p.atEnd() {
		return nil, nil
	}
	all := []*node{}
	for {
		n, err := p.all()
		if err != nil {
			return nil, err
		}
		if all = append(all, n); !p.operator("OR") {
			return joined(or, all...), nil
		}
	}
}

// all reads operands of AND, which may be left out between two.
func (p *parser) all() (*node, error) {
	all := []*node{}
	for {
		n, err := p.butNot()
		if err != nil {
			return nil, err
		}
		all = append(all, n)
		if p.operator("AND") {
			continue
		}
		if next := p.operatorNext(); next == "OR" || p.atEnd() {
			return joined(and, all...), nil
		}
	}
}

func (p *parser) butNot() (*node, error) {
	n, err := p.together()
	for err == nil && p.operator("NOT") {
		var others *node
		if others, err = p.together(); err == nil {
			n = without(n, others)
		}
	}
	return n, err
}

// together reads operands of NEAR. Where distances differ, the search asks for each pair.
func (p *parser) together() (*node, error) {
	n, err := p.operand()
	if err != nil {
		return nil, err
	}
	var all []*node
	last := []*node{n}
	distance := 0
	for {
		d, ok := p.near()
		if !ok {
			break
		}
		n, err := p.operand()
		if err != nil {
			return nil, err
		}
		if distance != 0 && d != distance {
			all = append(all, nearby(last, distance))
			last = last[len(last)-1:]
		}
		last, distance = append(last, n), d
		if err := checkNear(last); err != nil {
			return nil, err
		}
	}
	return joined(and, append(all, nearby(last, distance))...), nil
}

func nearby(in []*node, distance int) *node {
	n := joined(near, in...)
	if len(in) > 1 && n != nil && n.kind == near {
		n.distance = distance - 1
		column := -1 // one phrase within a column keeps all of them there
		for _, below := range n.in {
			column = max(column, below.phrase.column)
		}
		n.in[0].phrase.column = column
	}
	return n
}

func checkNear(in []*node) error {
	column := -1
	for _, n := range in {
		switch {
		case n == nil:
			continue
		case n.kind != phrase || n.phrase.First:
			return fmt.Errorf("NEAR stands between words or phrases")
		case column >= 0 && n.phrase.column >= 0 && n.phrase.column != column:
			return fmt.Errorf("words that are NEAR each other are in the same column")
		}
		column = max(column, n.phrase.column)
	}
	return nil
}

// operand reads a word, a phrase, or what stands in parentheses.
func (p *parser) operand() (*node, error) {
	p.skip()
	if strings.HasPrefix(p.rest, "(") {
		return p.parenthesis()
	}
	if next := p.operatorNext(); next != "" || p.rest == "" {
		return nil, missing(next)
	}
	column := p.column()
	p.skip()
	switch {
	case strings.HasPrefix(p.rest, `"`):
		return p.quoted(column)
	case p.rest == "" || p.rest[0] == '(' || p.rest[0] == ')':
		return nil, fmt.Errorf("a word or a phrase follows the name of a column")
	}
	return p.word(column)
}

func missing(next string) error {
	switch next {
	case "":
		return fmt.Errorf("a word is missing at the end")
	case ")":
		return fmt.Errorf("a word is missing before the closing parenthesis")
	}
	return fmt.Errorf("a word is missing before %s", next)
}

func (p *parser) parenthesis() (*node, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, fmt.Errorf("it has more than %d parentheses within each other", maxDepth)
	}
	p.rest = p.rest[1:]
	n, err := p.either()
	if err != nil {
		return nil, err
	}
	if p.skip(); !strings.HasPrefix(p.rest, ")") {
		return nil, fmt.Errorf("a parenthesis is not closed")
	}
	p.depth--
	p.rest = p.rest[1:]
	return n, nil
}

// quoted reads a phrase between quotes.
func (p *parser) quoted(column int) (*node, error) {
	inner, rest, closed := strings.Cut(p.rest[1:], `"`)
	if !closed {
		return nil, fmt.Errorf("a quote is not closed")
	}
	p.rest = rest
	return p.phrase(inner, column)
}

func (p *parser) word(column int) (*node, error) {
	start, end := nextWord(p.rest, 0)
	first := start > 0 && p.rest[start-1] == '^'
	if strings.HasPrefix(p.rest[end:], "*") {
		end++
	}
	text := p.rest[start:end]
	p.rest = p.rest[end:]
	n, err := p.phrase(text, column)
	if n != nil {
		n.phrase.First = first
	}
	return n, err
}

// phrase returns the words of a text as a phrase, or nil if it has only stop words.
func (p *parser) phrase(text string, column int) (*node, error) {
	found := Phrase{column: column}
	var written []string
	prefixAt := -1
	err := p.words.Each(text, func(w Word) error {
		if p.count++; p.count > maxWords {
			return fmt.Errorf("it has more than %d words", maxWords)
		}
		if strings.HasPrefix(text[w.End:], "*") {
			prefixAt = len(written)
		}
		found.Words, written = append(found.Words, w.Text), append(written, text[w.Start:w.End])
		if prefixAt >= 0 && prefixAt < len(written)-1 {
			return fmt.Errorf("only the last word of a phrase can be the beginning of a word")
		}
		return nil
	})
	if err != nil || len(written) == 0 {
		return nil, err
	}
	found.Prefix = prefixAt >= 0
	found.text = strings.Join(written, " ")
	return &node{kind: phrase, phrase: found}, nil
}

// column reads the name of a column and the colon after it. It returns -1 if there is none.
func (p *parser) column() int {
	best := -1
	for i, name := range p.columns {
		n := len(name)
		if len(p.rest) > n && p.rest[n] == ':' && strings.EqualFold(p.rest[:n], name) && (best < 0 || n > len(p.columns[best])) {
			best = i
		}
	}
	if best >= 0 {
		p.rest = p.rest[len(p.columns[best])+1:]
	}
	return best
}

// skip passes what only separates words. It stops before ^, which belongs to the word after it.
func (p *parser) skip() {
	for len(p.rest) > 0 {
		is, n := partOfWord(p.rest)
		if is || strings.ContainsRune(`"()`, rune(p.rest[0])) || p.column0() {
			return
		}
		if p.rest[0] == '^' && len(p.rest) > 1 {
			if is, _ := partOfWord(p.rest[1:]); is {
				return
			}
		}
		p.rest = p.rest[n:]
	}
}

// column0 reports whether the name of a column follows that begins with no character of words.
func (p *parser) column0() bool {
	return slices.ContainsFunc(p.columns, func(name string) bool {
		return len(p.rest) > len(name) && p.rest[len(name)] == ':' && strings.EqualFold(p.rest[:len(name)], name)
	})
}

// atEnd reports whether no operand follows: the text ends, or a parenthesis.
func (p *parser) atEnd() bool {
	p.skip()
	return p.rest == "" || p.rest[0] == ')'
}

// operatorNext returns the operator or closing parenthesis that follows, or "".
func (p *parser) operatorNext() string {
	p.skip()
	if strings.HasPrefix(p.rest, ")") {
		return ")"
	}
	for _, name := range []string{"AND", "OR", "NOT"} {
		if after, ok := strings.CutPrefix(p.rest, name); ok && endsOperator(after) {
			return name
		}
	}
	if _, _, ok := nearOperator(p.rest); ok {
		return "NEAR"
	}
	return ""
}

// operator passes an operator if it is the next.
func (p *parser) operator(name string) bool {
	if p.operatorNext() != name {
		return false
	}
	p.rest = p.rest[len(name):]
	return true
}

// near passes NEAR or NEAR/5 if it is next, and returns its distance and one more, so that it is never 0.
func (p *parser) near() (distance int, ok bool) {
	p.skip()
	distance, rest, ok := nearOperator(p.rest)
	if ok {
		p.rest = rest
	}
	return distance + 1, ok
}

func nearOperator(text string) (distance int, rest string, ok bool) {
	rest, ok = strings.CutPrefix(text, "NEAR")
	if !ok {
		return 0, "", false
	}
	distance = defaultDistance
	if digits, is := strings.CutPrefix(rest, "/"); is {
		end := strings.IndexFunc(digits, func(r rune) bool { return r < '0' || r > '9' })
		if end < 0 {
			end = len(digits)
		}
		if end == 0 {
			return 0, "", false
		}
		n, err := strconv.Atoi(digits[:end])
		if err != nil || n > maxDistance {
			n = maxDistance
		}
		distance, rest = n, digits[end:]
	}
	return distance, rest, endsOperator(rest)
}

// endsOperator reports whether an operator may end before text.
func endsOperator(text string) bool {
	if text == "" {
		return true
	}
	r, _ := utf8.DecodeRuneInString(text)
	return unicode.IsSpace(r) || strings.ContainsRune(`"()`, r)
}
