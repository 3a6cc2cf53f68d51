package rest

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/internal/document"
)

func propertyRoutes() []route {
	const one = "/{ks}/{doc}/{key}"
	return []route{
		{method: "GET", pattern: one, needs: reads, do: getProperty, paced: true},
		{method: "GET", pattern: "/{ks}/{doc}/{rest...}", needs: reads, do: getAttachment, paced: true},
		{method: "PUT", pattern: one, needs: writes, do: putProperty},
		{method: "DELETE", pattern: one, needs: writes, do: deleteProperty},
		{method: "PATCH", pattern: "/{ks}/{doc}", needs: writes, do: patchDocument},
	}
}

// place is where a part of a document is: a top-level property, or what a JSON pointer leads to. A
// client may also give the name that Couchbase Lite's peers have for a blob as an attachment.
type place struct {
	key        string // a name, or a pointer that begins with a slash
	attachment bool
}

// attachmentName is what the name of a blob as an attachment begins with, before its JSON pointer.
const attachmentName = "blob_"

func placeOf(key string) place {
	if pointer, ok := strings.CutPrefix(key, attachmentName); ok && strings.HasPrefix(pointer, "/") {
		return place{pointer, true}
	}
	return place{key: key}
}

// in returns the value at the place, nil if there is none.
func (p place) in(body document.Value) document.Value {
	if strings.HasPrefix(p.key, "/") {
		return document.At(body, p.key)
	}
	return body.Member(p.key)
}

// set returns the body with another value at the place, or without one if value is nil. All else keeps
// its text.
func (p place) set(body, value document.Value) (document.Value, error) {
	if strings.HasPrefix(strings.TrimPrefix(p.key, "/"), "_") {
		return nil, refuse(http.StatusBadRequest, "the member %.60s is reserved, as all names that begin with an underscore", p.key)
	}
	if strings.HasPrefix(p.key, "/") {
		return document.SetAt(body, p.key, value)
	}
	if value == nil && body.Member(p.key) == nil {
		return nil, noProperty(p.key)
	}
	return document.SetMember(body, p.key, value), nil
}

func noProperty(key string) error {
	return tandem.ErrNotFound.Says("the document has no property %.200s", key)
}

// getProperty answers with the JSON of a property, or with the content of a blob.
func getProperty(c *call) error {
	id, err := docID(c.vars[0])
	if err != nil {
		return err
	}
	content, err := c.flag("content")
	if err != nil {
		return err
	}
	d, err := c.read(id, c.revision())
	if err != nil {
		return err
	}
	p := placeOf(c.vars[1])
	body := document.Value(d.body)
	value := p.in(body)
	if listed := attachments(body).Member(c.vars[1]); listed != nil { // such a name is a client's of CouchDB
		value, p.attachment = listed, true
	}
	switch {
	case value == nil:
		return noProperty(c.vars[1])
	case content || p.attachment:
		return c.sendBlob(body, value)
	}
	c.setTag(d.rev)
	if matches(c.r.Header.Get("If-None-Match"), d.rev) {
		c.w.WriteHeader(http.StatusNotModified)
		return nil
	}
	return c.send(http.StatusOK, value)
}

// getAttachment answers with the content of an attachment whose name has slashes that are not escaped, as
// PouchDB sends them.
func getAttachment(c *call) error {
	name, err := url.PathUnescape(c.vars[1])
	if err != nil {
		return refuse(http.StatusBadRequest, "the path has a malformed escape")
	}
	c.vars[1] = name
	return getProperty(c)
}

// putProperty sets a property, of a new document too. A value that is not JSON becomes a blob.
func putProperty(c *call) error {
	e, body, err := c.partEdit("")
	if err != nil {
		return err
	}
	p := placeOf(c.vars[1])
	if old := p.in(body); old != nil && c.r.Header.Get("If-None-Match") == "*" {
		return refuse(http.StatusPreconditionFailed, "the document has a property %.200s already", c.vars[1])
	}
	if _, err := p.set(body, document.Value("null")); err != nil { // before a long upload
		return err
	}
	var value document.Value
	if !p.attachment && c.mediaType() == jsonType {
		value, err = c.readValue()
	} else {
		value, err = c.uploadBlob()
	}
	if err != nil {
		return err
	}
	if body, err = p.set(body, value); err != nil {
		return err
	}
	return c.applyPart(e, body, http.StatusCreated)
}

// readValue reads a body of any JSON value.
func (c *call) readValue() (document.Value, error) {
	text, err := c.readJSON(c.h.cfg.Limits.DocumentBytes)
	if err != nil {
		return nil, err
	}
	return document.ParseValue(text, document.MaxDepth-1)
}

func deleteProperty(c *call) error {
	e, body, err := c.partEdit("")
	if err != nil {
		return err
	}
	if e.rev == "" {
		return notFound("missing")
	}
	if body, err = placeOf(c.vars[1]).set(body, nil); err != nil {
		return err
	}
	return c.applyPart(e, body, http.StatusOK)
}

// patchType is the type of a merge patch (RFC 7386).
const patchType = "application/merge-patch+json"

// patchDocument merges a patch into a document, or into an empty new one.
func patchDocument(c *call) error {
	if c.mediaType() != patchType {
		return refuse(http.StatusUnsupportedMediaType, "the body is %.80q, want %s", c.r.Header.Get("Content-Type"), patchType)
	}
	patch, rev, err := c.readPatch()
	if err != nil {
		return err
	}
	e, body, err := c.partEdit(rev)
	if err != nil {
		return err
	}
	d, err := tandem.NewDocumentWithBody(e.id, body)
	if err != nil {
		return err
	}
	if err := d.Merge(patch); err != nil {
		return err
	}
	status := http.StatusOK
	if e.rev == "" {
		status = http.StatusCreated
	}
	return c.applyPart(e, d.Body(), status)
}

// readPatch reads a patch, and the revision that it names, "" if it names none.
func (c *call) readPatch() (patch json.RawMessage, rev string, err error) {
	text, err := c.readText(c.h.cfg.Limits.DocumentBytes)
	if err != nil {
		return nil, "", err
	}
	value, err := document.ParseValue(text, 0)
	if err != nil {
		return nil, "", err
	}
	if value.Kind() != document.Object {
		return nil, "", refuse(http.StatusBadRequest, "the patch is no JSON object")
	}
	if given := value.Member("_rev"); given != nil {
		if rev, err = textOf("_rev", given); err != nil {
			return nil, "", err
		}
		value = document.SetMember(value, "_rev", nil)
	}
	return json.RawMessage(value), rev, nil
}

// partEdit begins an edit of a part of a document. It returns the body of the latest revision, which the
// request has to name, or {} for a document that does not exist. inBody is the revision that the body has.
func (c *call) partEdit(inBody string) (e edit, body document.Value, err error) {
	if e.id, err = docID(c.vars[0]); err != nil {
		return e, nil, err
	}
	if e.rev, err = c.givenRevision(e.id, inBody); err != nil {
		return e, nil, err
	}
	latest, err := newest(c.r.Context(), c.coll, e.id)
	switch {
	case err != nil:
		return e, nil, err
	case latest == nil || latest.Deleted():
		body = document.Value("{}")
	default:
		body = latest.Body()
	}
	if e.rev != "" || latest != nil && !latest.Deleted() {
		err = e.fits(latest)
	}
	return e, body, err
}

// applyPart saves the new body of a document.
func (c *call) applyPart(e edit, body []byte, status int) error {
	e.body = body
	if err := e.own(); err != nil {
		return err
	}
	if err := e.findLinks(); err != nil {
		return err
	}
	return c.apply(e, status)
}
