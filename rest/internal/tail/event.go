package tail

import (
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/internal/couch"
	"github.com/tandemdb/tandem/internal/revision"
)

// Event is one encoded change. It does not change.
type Event struct {
	Sequence uint64
	ID       string
	Deleted  bool

	// Leaves is the change with all revisions that no other has followed: behind the latest, the
	// tombstones that end the branches which have lost a conflict. It is nil if there are none.
	Leaves *Event

	text  []byte // the form of server-sent events, which has the others in it
	begin int    // of the JSON in text
}

// eventEnd ends a server-sent event.
const eventEnd = "\n\n"

// SSE returns the change as a server-sent event, with its sequence as ID. The caller must not change
// the bytes.
func (e *Event) SSE() []byte { return e.text }

// JSON returns the change as a JSON object.
func (e *Event) JSON() []byte { return e.text[e.begin : len(e.text)-len(eventEnd)] }

// Line returns the JSON and a line feed.
func (e *Event) Line() []byte { return e.text[e.begin : len(e.text)-1] }

// AppendDocument appends a document as JSON for clients. It has no line feed in it.
type AppendDocument func(dst []byte, d *tandem.Document) []byte

// around is about how many bytes an event has without ID, revision and document.
const around = 128

// Encode makes an event of a change.
func Encode(change tandem.Change, document AppendDocument) *Event {
	e := encode(change, document, nil)
	if closings := change.Closings(couch.Pass{}); len(closings) > 0 {
		e.Leaves = encode(change, document, closings)
	}
	return e
}

func encode(change tandem.Change, document AppendDocument, closings []revision.ID) *Event {
	e := &Event{Sequence: change.Sequence, ID: change.ID, Deleted: change.Deleted}
	dst := make([]byte, 0, around+len(change.ID)+len(change.RevisionID))
	dst = strconv.AppendUint(append(dst, "id: "...), change.Sequence, 10)
	dst = append(dst, "\nevent: change\ndata: "...)
	e.begin = len(dst)
	dst = strconv.AppendUint(append(dst, `{"seq":`...), change.Sequence, 10)
	dst, _ = jsontext.AppendQuote(append(dst, `,"id":`...), change.ID) // an ID is valid UTF-8
	if change.Deleted {
		dst = append(dst, `,"deleted":true`...)
	}
	dst, _ = jsontext.AppendQuote(append(dst, `,"changes":[{"rev":`...), change.RevisionID)
	for _, rev := range closings {
		dst, _ = jsontext.AppendQuote(append(dst, `},{"rev":`...), string(rev))
	}
	dst = append(dst, "}]"...)
	if change.Document != nil {
		dst = document(append(dst, `,"doc":`...), change.Document)
	}
	e.text = append(dst, "}"+eventEnd...)
	return e
}
