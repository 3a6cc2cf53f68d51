package rest

import (
	"errors"
	"io"
	"net/http"

	"github.com/go-json-experiment/json/jsontext"
)

// bulkReader reads {"docs": [document, …], …} from a body bit by bit.
type bulkReader struct {
	source  *countedReader
	decoder *jsontext.Decoder
	longest int64 // of a document, in bytes
	begun   bool  // the documents have begun
	ended   bool  // likewise
	options bulkOptions
}

// bulkOptions are the other members of the object.
type bulkOptions struct {
	oldEdits bool // new_edits is false
	known    bool // it was read whether it is
}

// newBulkReader reads from a body. Of documents longer than longest it gives [errDocumentTooLarge].
func newBulkReader(body io.Reader, longest int64) *bulkReader {
	source := &countedReader{from: body}
	return &bulkReader{
		source: source, longest: longest,
		decoder: jsontext.NewDecoder(source, jsontext.AllowDuplicateNames(true)), // which documents are checked for later
	}
}

var errDocumentTooLarge = refuse(http.StatusRequestEntityTooLarge, "a document is too large")

// next returns the text of the next document, until the next call, and nil after the last.
func (b *bulkReader) next() ([]byte, error) {
	if !b.begun {
		if err := b.begin(); err != nil || b.ended {
			return nil, err
		}
	}
	b.allow()
	if b.decoder.PeekKind() == ']' {
		return nil, b.end()
	}
	text, err := b.decoder.ReadValue()
	if err != nil {
		return nil, b.malformed(err)
	}
	return text, nil
}

// begin reads up to the first document.
func (b *bulkReader) begin() error {
	b.allow()
	token, err := b.decoder.ReadToken()
	if err != nil {
		return b.malformed(err)
	}
	if token.Kind() != '{' {
		return refuse(http.StatusBadRequest, `the body is no object, want {"docs": [document, …]}`)
	}
	return b.members()
}

// members reads members up to docs, or to the end of the object.
func (b *bulkReader) members() error {
	for {
		b.allow()
		if b.decoder.PeekKind() == '}' {
			return b.finish()
		}
		name, err := b.decoder.ReadToken()
		if err != nil {
			return b.malformed(err)
		}
		switch name.String() {
		case "docs":
			if b.begun {
				return refuse(http.StatusBadRequest, "the member docs occurs twice")
			}
			b.begun = true
			opening, err := b.decoder.ReadToken()
			if err != nil {
				return b.malformed(err)
			}
			if opening.Kind() != '[' {
				return refuse(http.StatusBadRequest, "the member docs is no array")
			}
			return nil
		case "new_edits":
			value, err := b.decoder.ReadToken()
			if err != nil {
				return b.malformed(err)
			}
			if value.Kind() != 'f' && value.Kind() != 't' {
				return refuse(http.StatusBadRequest, "the member new_edits is no boolean")
			}
			b.options = bulkOptions{oldEdits: value.Kind() == 'f', known: true}
		default:
			if err := b.decoder.SkipValue(); err != nil {
				return b.malformed(err)
			}
		}
	}
}

// end reads what follows the documents.
func (b *bulkReader) end() error {
	if _, err := b.decoder.ReadToken(); err != nil {
		return b.malformed(err)
	}
	return b.members()
}

// finish reads the end of the object, behind which there is nothing.
func (b *bulkReader) finish() error {
	if _, err := b.decoder.ReadToken(); err != nil {
		return b.malformed(err)
	}
	if !b.begun {
		return refuse(http.StatusBadRequest, "the body has no member docs")
	}
	b.ended, b.options.known = true, true
	if _, err := b.decoder.ReadToken(); !errors.Is(err, io.EOF) {
		if err == nil {
			return refuse(http.StatusBadRequest, "there is more text after the object")
		}
		return b.malformed(err)
	}
	return nil
}

// allow lets the next value be as long as a document.
func (b *bulkReader) allow() {
	const ahead = 64 << 10 // that the decoder may read of what follows
	b.source.most = b.decoder.InputOffset() + b.longest + ahead
}

// malformed says where the text is wrong. An error of the body itself stays as it is.
func (b *bulkReader) malformed(err error) error {
	var syntax *jsontext.SyntacticError
	switch {
	case b.source.err != nil:
		return b.source.err
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return refuse(http.StatusBadRequest, "malformed JSON: the text ends too early, at byte %d", b.source.read)
	case errors.As(err, &syntax):
		return refuse(http.StatusBadRequest, "malformed JSON at byte %d", syntax.ByteOffset)
	}
	return refuse(http.StatusBadRequest, "malformed JSON: %v", err)
}

// countedReader fails when it is to read more than is allowed.
type countedReader struct {
	from       io.Reader
	read, most int64
	err        error // of from, or errDocumentTooLarge
}

// Read implements [io.Reader].
func (r *countedReader) Read(p []byte) (int, error) {
	if r.read >= r.most {
		r.err = errDocumentTooLarge
		return 0, r.err
	}
	n, err := r.from.Read(p[:min(int64(len(p)), r.most-r.read)])
	r.read += int64(n)
	if err != nil && err != io.EOF {
		r.err = err
	}
	return n, err
}
