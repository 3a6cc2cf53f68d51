package tandem

import (
	"bytes"
	"encoding/json"
	"time"
	"unicode/utf8"

	"github.com/tandemdb/tandem/internal/document"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/store"
)

// Document is a JSON object with an ID: a copy in memory, whose changes reach the database only
// by [Collection.Save]. It is for one goroutine at a time. Make one with [NewDocument]: the zero
// value has no ID, and cannot be saved.
type Document struct {
	id         string
	body       []byte          // compact and valid; never changed in place
	collection *Collection     // where it is from; nil before it was saved
	head       *store.Document // as it was read or saved; nil before that
}

// NewDocument returns an empty document with the given ID, or with a new one if id is "". New IDs
// sort by the time of their creation, and reveal it; do not use them as secrets.
//
// An ID has 1 to 240 bytes of UTF-8 without control characters, and does not begin with an
// underscore; saving a document with any other fails with [ErrBadDocID].
func NewDocument(id string) *Document {
	if id == "" {
		id = document.NewID()
	}
	return &Document{id: id, body: []byte("{}")}
}

// NewDocumentWithBody is [NewDocument] followed by [Document.SetBody].
func NewDocumentWithBody(id string, body []byte) (*Document, error) {
	d := NewDocument(id)
	return d, d.SetBody(body)
}

func stored(c *Collection, head *store.Document) *Document {
	return &Document{id: head.ID, body: head.Body, collection: c, head: head}
}

// adopt makes d the revision that the database has now.
func (d *Document) adopt(c *Collection, head *store.Document) {
	d.collection, d.head, d.body = c, head, head.Body
}

// ID returns the document's ID.
func (d *Document) ID() string { return d.id }

// Collection returns the collection that the document was read from or saved in, nil for a
// new one.
func (d *Document) Collection() *Collection { return d.collection }

// TreeRevisionID returns the name of the revision for peers with revision trees: a generation and a digest.
// In a database of [BothGenerations] each revision has one beside [Document.RevisionID]; in one of
// [RevTrees] it is the same. It is "" for a new document, and for a version in a database of
// [VersionVectors].
func (d *Document) TreeRevisionID() string {
	switch {
	case d.head == nil:
		return ""
	case d.head.Rev.ID.IsTree():
		return string(d.head.Rev.ID)
	case d.collection.db.Versioning() != BothGenerations:
		return ""
	}
	return string(d.head.TreeID())
}

// RevisionID returns the ID of the revision that was read or saved, "" for a new document:
// "time@source" for a version, "generation-digest" for a tree revision.
func (d *Document) RevisionID() string {
	if d.head == nil {
		return ""
	}
	return string(d.head.Rev.ID)
}

// RevisionHistory returns the ancestors of the revision that was read or saved, as text for
// [RestoreOptions]: "" if it has none, or if they are not known.
func (d *Document) RevisionHistory() string {
	if d.head == nil {
		return ""
	}
	return d.head.Rev.History.String()
}

// Sequence returns the place of the revision that was read or saved among the changes of its
// collection, from 1. It is 0 for a new document.
func (d *Document) Sequence() uint64 {
	if d.head == nil {
		return 0
	}
	return uint64(d.head.Sequence)
}

// Timestamp returns when the revision that was read or saved was written, by the clock of its
// author. It is the zero time for a new document and for tree revisions, which carry no time.
func (d *Document) Timestamp() time.Time {
	if d.head == nil {
		return time.Time{}
	}
	return timeOf(d.head.Rev.ID)
}

// Deleted reports whether the document is a tombstone: the trace of a deleted document.
func (d *Document) Deleted() bool { return d.head != nil && d.head.Deleted }

// Body returns the document as JSON text without whitespace, a copy.
func (d *Document) Body() []byte { return bytes.Clone(d.body) }

// SetBody replaces the whole document by a JSON object, which keeps its text but for the
// whitespace. Empty text is {}. The error is [ErrBadJSON] or [ErrBadBody].
//
// Top-level keys that begin with an underscore are reserved: saving fails with [ErrInvalid].
func (d *Document) SetBody(body []byte) error {
	if len(bytes.TrimSpace(body)) == 0 {
		body = []byte("{}")
	}
	compact, _, err := document.Compact(bytes.Clone(body))
	if err != nil {
		return fault.About(err, "set body of document", d.id)
	}
	d.body = compact
	return nil
}

// Decode stores the document in what v points to, as [json.Unmarshal] does. Numbers in untyped
// values are [json.Number]; a [Blob] can be opened. A body that does not fit is [ErrInvalid].
func (d *Document) Decode(v any) error {
	if err := decode(d.body, v); err != nil {
		return fault.About(err, "decode document", d.id)
	}
	if d.collection != nil && mayHaveBlobs(d.body) {
		bindBlobs(v, d.collection.db)
	}
	return nil
}

// Encode replaces the whole document by v, a struct or a map, as [json.Marshal] does, but leaves
// the characters <, > and & as they are. NaN and infinity are [ErrBadJSON], another value than an
// object is [ErrBadBody]. For JSON text use [Document.SetBody], or a [json.RawMessage].
func (d *Document) Encode(v any) error {
	text, err := encode(v)
	if err != nil {
		return fault.About(err, "encode document", d.id)
	}
	if text[0] != '{' {
		return fault.CorruptRevision.In("encode document", d.id).Says("a value of type %T is no JSON object", v).
			Try("give a struct or a map that is not nil; JSON text goes in with SetBody, or as a json.RawMessage")
	}
	return d.SetBody(text)
}

// Properties returns the document as a map, a copy. Numbers in it are [json.Number].
func (d *Document) Properties() map[string]any {
	var all map[string]any
	_ = decode(d.body, &all) // a body is a valid object
	return all
}

// Value returns the value of a top-level property: nil, a bool, string, [json.Number], []any or
// map[string]any. ok is false if there is no such property.
func (d *Document) Value(key string) (v any, ok bool) {
	text := document.Value(d.body).Member(key)
	if text == nil {
		return nil, false
	}
	_ = decode(text, &v) // a body is valid
	return v, true
}

// SetValue sets a top-level property to anything that [json.Marshal] takes, a [Blob] too. Other
// properties keep their text and their places; a new one goes to the end. Errors are those of
// [Document.Encode].
func (d *Document) SetValue(key string, v any) error {
	value, err := valueOf(key, v)
	if err != nil {
		return fault.About(err, "set property of document", d.id)
	}
	d.body = document.SetMember(d.body, key, value)
	return nil
}

func valueOf(key string, v any) (document.Value, error) {
	if !utf8.ValidString(key) {
		return nil, fault.BadJSON.Says("the key %q is not valid UTF-8", key)
	}
	text, err := encode(v)
	if err != nil {
		return nil, err
	}
	return document.ParseValue(text, document.MaxDepth-1)
}

// Remove removes a top-level property, if there is one.
func (d *Document) Remove(key string) { d.body = document.SetMember(d.body, key, nil) }

// Blob returns the blob at a place in the document, nil if there is none: a top-level
// property, or else a JSON pointer as "/photos/0" (RFC 6901).
func (d *Document) Blob(place string) *Blob {
	value := document.Value(d.body).Member(place)
	if value == nil {
		value = document.At(d.body, place)
	}
	b, err := parseBlob(value)
	if err != nil || b.isZero() {
		return nil
	}
	if d.collection != nil {
		b.db = d.collection.db
	}
	return &b
}

// Blobs returns the blobs of the document in the order of their places, those of Sync Gateway's
// _attachments last. The same content may occur several times.
func (d *Document) Blobs() []*Blob {
	if !mayHaveBlobs(d.body) {
		return nil
	}
	found, _ := document.Blobs(d.body) // a body is valid
	var all []*Blob
	for _, f := range found {
		if document.CheckDigest(f.Digest) != nil {
			continue
		}
		b := &Blob{digest: f.Digest, length: f.Length, contentType: f.ContentType}
		if d.collection != nil {
			b.db = d.collection.db
		}
		all = append(all, b)
	}
	return all
}

// SetBlob sets a top-level property to a blob, whose content is stored with the document. A nil
// blob removes the property.
func (d *Document) SetBlob(key string, b *Blob) error {
	if b == nil {
		d.Remove(key)
		return nil
	}
	return d.SetValue(key, b)
}

// encode is json.Marshal without the escapes for HTML.
func encode(v any) ([]byte, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		if fault.Of(err) != nil {
			return nil, err
		}
		return nil, fault.BadJSON.Says("the value has no JSON form").Because(err)
	}
	return bytes.TrimSuffix(text.Bytes(), []byte("\n")), nil
}

// decode is json.Unmarshal with exact numbers.
func decode(text []byte, v any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(v); err != nil {
		return fault.Invalid.Says("the value does not fit").Because(err)
	}
	return nil
}
