package document

import "github.com/tandemdb/tandem/internal/fault"

// scanner passes over a text once: it checks it, fills Info, and leaves out whitespace.
type scanner struct {
	body  []byte
	pos   int
	depth int
	limit int // levels; zero means MaxDepth
	info  Info

	encryptable bool // see [HasEncryptable]

	compact bool
	out     []byte // the body up to copied, without whitespace
	copied  int
}

func (s *scanner) document() error {
	if s.space(); s.pos < len(s.body) && s.body[s.pos] != '{' {
		if err := s.only(); err != nil {
			return err
		}
		return fault.CorruptRevision.Says("the document is not a JSON object")
	}
	return s.only()
}

// only scans one value with nothing behind it.
func (s *scanner) only() error {
	if s.limit == 0 {
		s.limit = MaxDepth
	}
	s.space()
	if err := s.value(); err != nil {
		return err
	}
	if s.space(); s.pos < len(s.body) {
		return s.bad("there is more text after the value")
	}
	return nil
}

func (s *scanner) value() error {
	if s.pos >= len(s.body) {
		return s.bad("the text ends too early")
	}
	var wrong string
	switch s.body[s.pos] {
	case '{':
		return s.object()
	case '[':
		return s.array()
	case '"':
		s.pos, _, wrong = stringEnd(s.body, s.pos)
	case 't':
		wrong = s.literal("true")
	case 'f':
		wrong = s.literal("false")
	case 'n':
		wrong = s.literal("null")
	default:
		s.pos, wrong = numberEnd(s.body, s.pos)
	}
	if wrong != "" {
		return s.bad(wrong)
	}
	return nil
}

func (s *scanner) literal(word string) (wrong string) {
	if len(s.body)-s.pos < len(word) || string(s.body[s.pos:s.pos+len(word)]) != word {
		return "it is no JSON value"
	}
	s.pos += len(word)
	return ""
}

func (s *scanner) array() error {
	if err := s.enter(); err != nil {
		return err
	}
	if s.at(']') {
		return s.leave()
	}
	for {
		if err := s.value(); err != nil {
			return err
		}
		s.space()
		switch {
		case s.at(']'):
			return s.leave()
		case !s.at(','):
			return s.bad("want , or ] in the array")
		}
		s.pos++
		s.space()
	}
}

func (s *scanner) object() error {
	if err := s.enter(); err != nil {
		return err
	}
	if s.at('}') {
		return s.leave()
	}
	var names nameSet
	var blob blobTest
	for {
		name, err := s.name()
		if err != nil {
			return err
		}
		if !names.add(name) {
			return fault.CorruptRevision.Says("the key %q occurs twice in one object", name)
		}
		start := s.pos
		if err := s.value(); err != nil {
			return err
		}
		s.learn(&blob, name, s.body[start:s.pos])
		s.space()
		switch {
		case s.at('}'):
			s.info.HasBlobs = s.info.HasBlobs || blob.passed()
			s.encryptable = s.encryptable || blob.encryptable
			return s.leave()
		case !s.at(','):
			return s.bad("want , or } in the object")
		}
		s.pos++
		s.space()
	}
}

// name scans a key and its colon, up to the value.
func (s *scanner) name() ([]byte, error) {
	if !s.at('"') {
		return nil, s.bad("want a key in the object")
	}
	start := s.pos
	end, escaped, wrong := stringEnd(s.body, start)
	if s.pos = end; wrong != "" {
		return nil, s.bad(wrong)
	}
	name := s.body[start+1 : end-1]
	if escaped {
		name = appendUnquoted(nil, name)
	}
	if s.space(); !s.at(':') {
		return nil, s.bad("want : after the key")
	}
	s.pos++
	s.space()
	return name, nil
}

func (s *scanner) learn(blob *blobTest, name, value []byte) {
	blob.see(name, value)
	if s.depth == 1 && len(name) > 0 && name[0] == '_' {
		s.info.HasReserved = true
		s.info.HasAttachments = s.info.HasAttachments || string(name) == attachmentsKey
	}
}

func (s *scanner) enter() error {
	if s.depth++; s.depth > s.limit {
		return s.bad(tooDeep)
	}
	s.pos++
	s.space()
	return nil
}

func (s *scanner) leave() error {
	s.depth--
	s.pos++
	return nil
}

func (s *scanner) at(c byte) bool { return s.pos < len(s.body) && s.body[s.pos] == c }

func (s *scanner) space() {
	if s.pos < len(s.body) && s.body[s.pos] <= ' ' {
		s.skipSpace()
	}
}

func (s *scanner) skipSpace() {
	start := s.pos
	for s.at(' ') || s.at('\n') || s.at('\r') || s.at('\t') {
		s.pos++
	}
	if s.compact && s.pos > start {
		if s.out == nil {
			s.out = make([]byte, 0, len(s.body))
		}
		s.out = append(s.out, s.body[s.copied:start]...)
		s.copied = s.pos
	}
}

// text returns the scanned text without whitespace.
func (s *scanner) text() []byte {
	if s.copied == 0 {
		return s.body
	}
	return append(s.out, s.body[s.copied:]...)
}

func (s *scanner) bad(why string) error {
	switch why {
	case tooDeep:
		return fault.BadJSON.Says("too deep at byte %d: %s", s.pos, why).
			Try("keep deeper data as a text, as a blob, or in documents of its own")
	case outOfRange:
		return fault.BadJSON.Says("number at byte %d: %s", s.pos, why).
			Try("write numbers within ±1.7e308, or as texts")
	}
	return fault.BadJSON.Says("malformed JSON at byte %d: %s", s.pos, why)
}
