package wire

import (
	"bytes"
	"cmp"
	"strconv"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/tandemdb/tandem/internal/document"
	"github.com/tandemdb/tandem/internal/revision"
)

// The bits of the deletion flags in a changes entry.
const (
	FlagDeleted = 1 // the revision is a tombstone
	FlagRevoked = 2 // the user lost access to the document
	FlagRemoved = 4 // the document left the user's channels
)

// maxEntryItems bounds the items that are read of an entry.
const maxEntryItems = 8

// Change is one entry of a changes message: an offered revision.
type Change struct {
	Sequence string // the sender's own, as JSON text; opaque
	ID       string
	Rev      revision.Rev
	Tree     revision.ID // between databases of both generations: the tree ID of a version; else ""
	Flags    int
	Size     int   // estimate in bytes; 0 if not given
	Bad      error // why the entry is invalid; the others may be valid
}

// Lost reports whether the entry announces the loss of access to the document.
func (c Change) Lost() bool {
	return c.Flags&FlagRemoved != 0 && c.Flags != FlagRemoved|FlagDeleted || c.Flags&FlagRevoked != 0
}

// Proposal is one entry of a proposeChanges message: a revision and its parent.
type Proposal struct {
	ID     string
	Rev    revision.Rev
	Parent revision.ID // the newest revision that the proposer knows the receiver to have, or ""
	Tree   revision.ID // between databases of both generations: the tree ID of a version; else ""
	Bad    error       // why the entry is invalid; the others may be valid
}

// Answer is one item of the reply to either message.
type Answer struct {
	Status int           // 0 with Send false: not wanted (changes) or accepted (proposeChanges)
	Send   bool          // the item was an array
	Known  []revision.ID // revisions of the document that the receiver has, newest first
	Rev    string        // with 409: the receiver's current revision or vector, or ""
	HasRev bool          // the 409 named a revision, even an empty one
}

// ParseChanges reads the body of a changes message. An empty body or null means caught up. A size
// above largest is capped.
func ParseChanges(body []byte, largest int) ([]Change, error) {
	changes := make([]Change, 0, entriesOf(body))
	err := eachEntry(body, func(item entry) error {
		if len(item) < 3 {
			return Malformed("changes entry of %d items, want at least 3", len(item))
		}
		if !isSequence(item[0]) || len(item[0]) > MaxSequence || !utf8.ValidString(item[0]) {
			return Malformed("%.40s is no sequence", item[0])
		}
		id, err := text(item[1])
		if err != nil {
			return err
		}
		rev, err := text(item[2])
		if err != nil {
			return err
		}
		c := Change{Sequence: item[0], ID: id}
		c.Rev, c.Bad = named(id, rev)
		if len(item) > 3 {
			c.Flags = flags(item[3])
		}
		if len(item) > 4 {
			c.Size = min(max(0, number(item[4])), largest)
		}
		if len(item) > 5 {
			c.Tree = treeIn(item[5])
		}
		changes = append(changes, c)
		return nil
	})
	return changes, err
}

// ParseProposals reads the body of a proposeChanges message.
func ParseProposals(body []byte) ([]Proposal, error) {
	proposals := make([]Proposal, 0, entriesOf(body))
	err := eachEntry(body, func(item entry) error {
		if len(item) < 2 {
			return Malformed("proposeChanges entry of %d items, want at least 2", len(item))
		}
		id, err := text(item[0])
		if err != nil {
			return err
		}
		rev, err := text(item[1])
		if err != nil {
			return err
		}
		p := Proposal{ID: id}
		p.Rev, p.Bad = named(id, rev)
		if len(item) > 2 && item[2][0] == '"' && len(item[2]) > len(`""`) {
			parent, err := vector(item[2])
			p.Parent, p.Bad = parent.ID, cmp.Or(p.Bad, err)
		}
		if len(item) > 4 {
			p.Tree = treeIn(item[4])
		}
		proposals = append(proposals, p)
		return nil
	})
	return proposals, err
}

// treeIn returns the tree ID in an item, or "".
func treeIn(item string) revision.ID {
	if item[0] != '"' {
		return ""
	}
	if rev, err := vector(item); err == nil && rev.ID.IsTree() {
		return rev.ID
	}
	return ""
}

// named parses a revision and checks the document ID.
func named(id, rev string) (revision.Rev, error) {
	if err := document.CheckIncomingID(id); err != nil {
		return revision.Rev{}, err
	}
	return revision.ParseVector(rev)
}

// ParseAnswers reads the reply to n announced revisions. Missing items are zero; a body other than
// an array leaves all of them zero.
func ParseAnswers(body []byte, n int) ([]Answer, error) {
	answers := make([]Answer, n)
	if all := len(body) == 3*n+1 && n > 0; all && isAllWanted(body) { // the common case
		for i := range answers {
			answers[i].Send = true
		}
		return answers, nil
	}
	dec := jsontext.NewDecoder(bytes.NewReader(body))
	if len(body) == 0 || dec.PeekKind() != '[' {
		return answers, nil
	}
	if _, err := dec.ReadToken(); err != nil {
		return nil, NotJSON(err)
	}
	for i := 0; dec.PeekKind() != ']'; i++ {
		item, err := dec.ReadValue()
		if err != nil {
			return nil, NotJSON(err)
		}
		if i >= n {
			return nil, Malformed("reply of more than %d items", n)
		}
		if answers[i], err = parseAnswer(item); err != nil {
			return nil, err
		}
	}
	return answers, nil
}

// isAllWanted reports whether a reply is an array of empty arrays.
func isAllWanted(body []byte) bool {
	for i := 0; i+3 < len(body); i += 3 {
		if string(body[i+1:i+3]) != "[]" || body[i] != ',' && (i > 0 || body[0] != '[') {
			return false
		}
	}
	return body[len(body)-1] == ']'
}

func parseAnswer(item jsontext.Value) (Answer, error) {
	switch item.Kind() {
	case '0':
		return Answer{Status: number(string(item))}, nil
	case '[':
		return parseKnown(item)
	case '{':
		return parseRefusal(item)
	case 'n', 't', 'f', '"', 0, ']', '}':
		return Answer{}, nil
	}
	return Answer{}, nil
}

func parseKnown(item jsontext.Value) (Answer, error) {
	a := Answer{Send: true}
	if len(item) == len("[]") { // the common case
		return a, nil
	}
	dec := jsontext.NewDecoder(bytes.NewReader(item))
	if _, err := dec.ReadToken(); err != nil {
		return a, NotJSON(err)
	}
	for dec.PeekKind() == '"' {
		tok, err := dec.ReadToken()
		if err != nil {
			return a, NotJSON(err)
		}
		// A revision that we cannot parse is a revision that we lack, so it cannot serve as a base.
		if rev, err := revision.ParseVector(tok.String()); err == nil && len(a.Known) < 2*MaxKnown {
			a.Known = append(a.Known, rev.ID)
		}
	}
	return a, nil
}

func parseRefusal(item jsontext.Value) (Answer, error) {
	var a Answer
	dec := jsontext.NewDecoder(bytes.NewReader(item))
	if _, err := dec.ReadToken(); err != nil {
		return a, NotJSON(err)
	}
	for dec.PeekKind() == '"' {
		key, err := dec.ReadToken()
		if err != nil {
			return a, NotJSON(err)
		}
		name := key.String()
		value, err := dec.ReadValue()
		if err != nil {
			return a, NotJSON(err)
		}
		switch name {
		case "status":
			a.Status = number(string(value))
		case "rev":
			if a.Rev, err = text(string(value)); err != nil {
				return a, err
			}
			a.HasRev = true
		}
	}
	return a, nil
}

// AppendChange adds the entry of a changes message for a revision. It names the revision by ID,
// without a vector: the ID suffices, and every peer can read it. tree is "" but between databases of both
// generations.
func AppendChange(b []byte, sequence uint64, id string, rev revision.ID, deleted bool, size int, tree revision.ID) []byte {
	b = strconv.AppendUint(append(b, '['), sequence, 10)
	b = appendText(append(b, ','), id)
	b = appendText(append(b, ','), string(rev))
	flag := byte('0')
	if deleted {
		flag = '1'
	}
	b = append(b, ',', flag, ',')
	return appendTree(strconv.AppendInt(b, int64(size), 10), tree)
}

func appendTree(b []byte, tree revision.ID) []byte {
	if tree != "" {
		b = appendText(append(b, ','), string(tree))
	}
	return append(b, ']')
}

// AppendProposal adds an entry of a proposeChanges message. tree is "" but between databases of both
// generations.
func AppendProposal(b []byte, id, rev string, parent revision.ID, size int, tree revision.ID) []byte {
	b = appendText(append(b, '['), id)
	b = appendText(append(b, ','), rev)
	b = appendText(append(b, ','), string(parent))
	b = append(b, ',')
	return appendTree(strconv.AppendInt(b, int64(size), 10), tree)
}

// AppendAnswers writes the reply to changes or proposeChanges, without trailing zeros.
func AppendAnswers(b []byte, answers []Answer) []byte {
	for len(answers) > 0 {
		last := answers[len(answers)-1]
		if last.Send || last.Status != 0 {
			break
		}
		answers = answers[:len(answers)-1]
	}
	b = append(b, '[')
	for i, a := range answers {
		if i > 0 {
			b = append(b, ',')
		}
		b = a.append(b)
	}
	return append(b, ']')
}

func (a Answer) append(b []byte) []byte {
	switch {
	case a.Send:
		b = append(b, '[')
		for i, id := range a.Known {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendText(b, string(id))
		}
		return append(b, ']')
	case a.HasRev:
		b = strconv.AppendInt(append(b, `{"status":`...), int64(a.Status), 10)
		b = appendText(append(b, `,"rev":`...), a.Rev)
		return append(b, '}')
	default:
		return strconv.AppendInt(b, int64(a.Status), 10)
	}
}

func appendText(b []byte, s string) []byte {
	quoted, err := jsontext.AppendQuote(b, s)
	if err != nil { // not UTF-8, which our IDs always are: send a readable approximation
		return append(b, `""`...)
	}
	return quoted
}
