package replication

import (
	"bytes"
	"cmp"
	"strconv"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/tandemdb/tandem/internal/document"
	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/store"
)

// The bits of a changes entry's deletion flags (spec/replication.md §6).
const (
	flagDeleted = 1
	flagRevoked = 2 // the user lost access to the document
	flagRemoved = 4 // the document left the user's channels
)

// maxEntryItems is how much of an entry is read.
const maxEntryItems = 8

// change is one entry of a changes message: a revision the sender has to offer.
type change struct {
	Sequence string // the sender's own, as JSON text; opaque
	ID       string
	Rev      revision.Rev
	Flags    int
	Size     int   // estimate in bytes; 0 if not given
	Bad      error // why the entry makes no sense; the others may
}

// lost reports whether the entry says that access to the document was lost.
func (c change) lost() bool {
	return c.Flags&flagRemoved != 0 && c.Flags != flagRemoved|flagDeleted || c.Flags&flagRevoked != 0
}

// proposal is one entry of a proposeChanges message: a revision and what it builds upon.
type proposal struct {
	ID     string
	Rev    revision.Rev
	Parent revision.ID // newest revision the proposer knows the receiver to have, or ""
	Bad    error       // why the entry makes no sense; the others may
}

// answer is one item of the reply to either message.
type answer struct {
	Status int           // 0 with Send false: not wanted (changes) or accepted (proposeChanges)
	Send   bool          // the item was an array
	Known  []revision.ID // revisions of the document that the receiver has, newest first
	Rev    string        // with 409: the receiver's current revision or vector; "" is none
	HasRev bool          // the 409 named a revision, even an empty one
}

// parseChanges reads the body of a changes message. An empty body and null mean caught up.
func parseChanges(body []byte) ([]change, error) {
	var changes []change
	err := eachItem(body, func(item []jsontext.Value) error {
		if len(item) < 3 {
			return malformed("changes entry of %d items, want at least 3", len(item))
		}
		if kind := item[0].Kind(); kind != '0' && kind != '"' || len(item[0]) > maxSequence || !utf8.Valid(item[0]) {
			return malformed("%.40s is no sequence", item[0])
		}
		id, err := text(item[1])
		if err != nil {
			return err
		}
		rev, err := text(item[2])
		if err != nil {
			return err
		}
		c := change{Sequence: string(item[0]), ID: id}
		c.Rev, c.Bad = named(id, rev)
		if len(item) > 3 {
			c.Flags = flags(item[3])
		}
		if len(item) > 4 {
			c.Size = min(max(0, number(item[4])), store.MaxBody)
		}
		changes = append(changes, c)
		return nil
	})
	return changes, err
}

// parseProposals reads the body of a proposeChanges message.
func parseProposals(body []byte) ([]proposal, error) {
	var proposals []proposal
	err := eachItem(body, func(item []jsontext.Value) error {
		if len(item) < 2 {
			return malformed("proposeChanges entry of %d items, want at least 2", len(item))
		}
		id, err := text(item[0])
		if err != nil {
			return err
		}
		rev, err := text(item[1])
		if err != nil {
			return err
		}
		p := proposal{ID: id}
		p.Rev, p.Bad = named(id, rev)
		if len(item) > 2 && item[2].Kind() == '"' && len(item[2]) > len(`""`) {
			parent, err := vector(item[2])
			p.Parent, p.Bad = parent.ID, cmp.Or(p.Bad, err)
		}
		proposals = append(proposals, p)
		return nil
	})
	return proposals, err
}

// named reads the ID of a revision, and checks that of its document.
func named(id, rev string) (revision.Rev, error) {
	if err := document.CheckIncomingID(id); err != nil {
		return revision.Rev{}, err
	}
	return revision.ParseVector(rev)
}

// parseAnswers reads the reply to n announced revisions. Items that are missing are zero,
// and a body that is no array leaves all of them so.
func parseAnswers(body []byte, n int) ([]answer, error) {
	answers := make([]answer, n)
	dec := jsontext.NewDecoder(bytes.NewReader(body))
	if len(body) == 0 || dec.PeekKind() != '[' {
		return answers, nil
	}
	if _, err := dec.ReadToken(); err != nil {
		return nil, notJSON(err)
	}
	for i := 0; dec.PeekKind() != ']'; i++ {
		item, err := dec.ReadValue()
		if err != nil {
			return nil, notJSON(err)
		}
		if i >= n {
			return nil, malformed("reply of more than %d items", n)
		}
		if answers[i], err = parseAnswer(item); err != nil {
			return nil, err
		}
	}
	return answers, nil
}

func parseAnswer(item jsontext.Value) (answer, error) {
	switch item.Kind() {
	case '0':
		return answer{Status: number(item)}, nil
	case '[':
		return parseKnown(item)
	case '{':
		return parseRefusal(item)
	case 'n', 't', 'f', '"', 0, ']', '}':
		return answer{}, nil
	}
	return answer{}, nil
}

func parseKnown(item jsontext.Value) (answer, error) {
	a := answer{Send: true}
	if len(item) == len("[]") { // most often
		return a, nil
	}
	dec := jsontext.NewDecoder(bytes.NewReader(item))
	if _, err := dec.ReadToken(); err != nil {
		return a, notJSON(err)
	}
	for dec.PeekKind() == '"' {
		tok, err := dec.ReadToken()
		if err != nil {
			return a, notJSON(err)
		}
		// One that we cannot read is one that we do not have: it is no base for anything.
		if rev, err := revision.ParseVector(tok.String()); err == nil && len(a.Known) < 2*knownRevsAnswered {
			a.Known = append(a.Known, rev.ID)
		}
	}
	return a, nil
}

func parseRefusal(item jsontext.Value) (answer, error) {
	var a answer
	dec := jsontext.NewDecoder(bytes.NewReader(item))
	if _, err := dec.ReadToken(); err != nil {
		return a, notJSON(err)
	}
	for dec.PeekKind() == '"' {
		key, err := dec.ReadToken()
		if err != nil {
			return a, notJSON(err)
		}
		name := key.String()
		value, err := dec.ReadValue()
		if err != nil {
			return a, notJSON(err)
		}
		switch name {
		case "status":
			a.Status = number(value)
		case "rev":
			if a.Rev, err = text(value); err != nil {
				return a, err
			}
			a.HasRev = true
		}
	}
	return a, nil
}

// appendChange adds the entry of a changes message that announces a revision: by its ID, which
// tells a receiver all it needs, and which every peer can read.
func appendChange(b []byte, sequence uint64, id string, rev revision.ID, deleted bool, size int) []byte {
	b = strconv.AppendUint(append(b, '['), sequence, 10)
	b = appendText(append(b, ','), id)
	b = appendText(append(b, ','), string(rev))
	flag := byte('0')
	if deleted {
		flag = '1'
	}
	b = append(b, ',', flag, ',')
	return append(strconv.AppendInt(b, int64(size), 10), ']')
}

// appendProposal adds the entry of a proposeChanges message.
func appendProposal(b []byte, id, rev string, parent revision.ID, size int) []byte {
	b = appendText(append(b, '['), id)
	b = appendText(append(b, ','), rev)
	b = appendText(append(b, ','), string(parent))
	b = append(b, ',')
	return append(strconv.AppendInt(b, int64(size), 10), ']')
}

// appendAnswers writes the reply to changes or proposeChanges; trailing zeros are left out.
func appendAnswers(b []byte, answers []answer) []byte {
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

func (a answer) append(b []byte) []byte {
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
	if err != nil { // not UTF-8, which no ID of ours is: send what can be sent
		return append(b, `""`...)
	}
	return quoted
}
