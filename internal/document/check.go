package document

// MaxDepth is how many objects and arrays may be inside each other, the document's own object
// included: what other peers accept.
const MaxDepth = 101

// What is no mistake in the JSON, but more than a document can hold.
const (
	tooDeep    = "a document has at most 101 objects and arrays inside each other"
	outOfRange = "it is beyond the range of a double"
)

// Info tells what a body has that asks for a closer look.
type Info struct {
	HasBlobs       bool // a blob at any depth: see [Blobs]
	HasAttachments bool // a top-level _attachments
	HasReserved    bool // any top-level key that begins with an underscore, _attachments included
}

// Check reports why body cannot be a document, and what it has. A document is one JSON object in
// valid UTF-8, with nothing but whitespace around it, no duplicate keys, at most
// [MaxDepth] levels, and numbers within the range of a double. The error is
// [fault.CorruptRevision] for another value than an object and for duplicate keys, else [fault.BadJSON].
func Check(body []byte) (Info, error) {
	s := scanner{body: body}
	err := s.document()
	return s.info, err
}

// Compact is [Check], and returns body without whitespace; body itself if it has none.
// Everything else stays as it is.
func Compact(body []byte) ([]byte, Info, error) {
	s := scanner{body: body, compact: true}
	if err := s.document(); err != nil {
		return nil, Info{}, err
	}
	return s.text(), s.info, nil
}
