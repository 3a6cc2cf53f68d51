package document

// MaxDepth is the largest nesting of objects and arrays, including the document's own object. Other
// peers have the same limit.
const MaxDepth = 101

// Messages for valid JSON that exceeds the limits of a document.
const (
	tooDeep    = "a document has at most 101 objects and arrays inside each other"
	outOfRange = "it is beyond the range of a double"
)

// Info tells which special content a body has.
type Info struct {
	HasBlobs       bool // a blob at any depth: see [Blobs]
	HasAttachments bool // a top-level _attachments
	HasReserved    bool // any top-level key that begins with an underscore, _attachments included
}

// Check reports why body is not a document, and returns its [Info]. A document is one JSON object
// in valid UTF-8, with nothing but whitespace around it, no duplicate keys, at most [MaxDepth]
// levels, and numbers within the range of a double. The error is [fault.CorruptRevision] for
// another kind of value and for duplicate keys, otherwise [fault.BadJSON].
func Check(body []byte) (Info, error) {
	s := scanner{body: body}
	err := s.document()
	return s.info, err
}

// Compact is [Check] and returns body without whitespace, or body itself if it has none. It changes
// nothing else.
func Compact(body []byte) ([]byte, Info, error) {
	s := scanner{body: body, compact: true}
	if err := s.document(); err != nil {
		return nil, Info{}, err
	}
	return s.text(), s.info, nil
}
