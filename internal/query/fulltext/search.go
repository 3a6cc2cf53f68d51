package fulltext

import (
	"fmt"
	"slices"
	"strings"
)

// Search is the text of a MATCH as a tree.
type Search struct {
	root *node // nil finds nothing
}

// Phrase is a word, or words that follow each other.
type Phrase struct {
	Words  []string // as an index has them
	Prefix bool     // the last word is the beginning of words
	First  bool     // it stands at the beginning of the column

	column int    // -1 for all
	text   string // the words as they were written, with a space between two
}

// kind is what a node means for its operands.
type kind uint8

const (
	phrase kind = iota
	near        // of phrases: no more than distance words between them
	and
	or
	not // the first operand, but none of the others
)

type node struct {
	kind     kind
	phrase   Phrase
	distance int
	in       []*node
}

// Nothing is the query of FTS5 that finds nothing.
const Nothing = `""`

// Query returns the search in the language of FTS5, whose columns are c0, c1 and so on.
func (s Search) Query() string {
	if s.root == nil {
		return Nothing
	}
	var b strings.Builder
	s.root.write(&b)
	return b.String()
}

// Phrases returns the phrases in the order in which FTS5 counts them.
func (s Search) Phrases() []Phrase {
	var all []Phrase
	s.root.each(func(p Phrase) { all = append(all, p) })
	return all
}

// Query returns the phrase alone in the language of FTS5.
func (p Phrase) Query() string {
	var b strings.Builder
	p.writeColumn(&b)
	p.write(&b)
	return b.String()
}

func (n *node) each(yield func(Phrase)) {
	if n == nil {
		return
	}
	if n.kind == phrase {
		yield(n.phrase)
	}
	for _, below := range n.in {
		below.each(yield)
	}
}

func (n *node) write(b *strings.Builder) {
	switch n.kind {
	case phrase:
		n.phrase.writeColumn(b)
		n.phrase.write(b)
	case near:
		n.writeNear(b)
	case and:
		n.between(b, " AND ", n.in)
	case or:
		n.between(b, " OR ", n.in)
	case not:
		b.WriteString("(")
		n.in[0].write(b)
		b.WriteString(" NOT ")
		n.between(b, " OR ", n.in[1:])
		b.WriteString(")")
	}
}

func (n *node) between(b *strings.Builder, operator string, in []*node) {
	b.WriteString("(")
	for i, below := range in {
		if i > 0 {
			b.WriteString(operator)
		}
		below.write(b)
	}
	b.WriteString(")")
}

func (n *node) writeNear(b *strings.Builder) {
	Phrase{column: n.in[0].phrase.column}.writeColumn(b)
	b.WriteString("NEAR(")
	for _, below := range n.in {
		below.phrase.write(b)
		b.WriteString(" ")
	}
	fmt.Fprintf(b, ", %d)", n.distance)
}

func (p Phrase) writeColumn(b *strings.Builder) {
	if p.column >= 0 {
		fmt.Fprintf(b, "c%d : ", p.column)
	}
}

// write writes the words, which have no quotes.
func (p Phrase) write(b *strings.Builder) {
	if p.First {
		b.WriteString("^ ")
	}
	b.WriteString(`"` + p.text + `"`)
	if p.Prefix {
		b.WriteString(" *")
	}
}

// joined returns a node of a kind, with the operands of operands of the same kind. What is nil has only stop words,
// and counts for nothing.
func joined(k kind, in ...*node) *node {
	in = slices.DeleteFunc(slices.Clone(in), func(n *node) bool { return n == nil })
	switch len(in) {
	case 0:
		return nil
	case 1:
		return in[0]
	}
	n := &node{kind: k}
	for _, below := range in {
		if below.kind == k && k != not {
			n.in = append(n.in, below.in...)
		} else {
			n.in = append(n.in, below)
		}
	}
	return n
}

// without returns a node for n but not others.
func without(n, others *node) *node {
	switch {
	case n == nil || others == nil:
		return n
	case n.kind == not:
		return &node{kind: not, in: append(slices.Clone(n.in), others)}
	}
	return &node{kind: not, in: []*node{n, others}}
}
