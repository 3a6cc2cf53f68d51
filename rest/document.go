package rest

import (
	"net/http"
	"net/url"

	"github.com/tandemdb/tandem"
)

func documentRoutes() []route {
	const one = "/{ks}/{doc}"
	return []route{
		{method: "GET", pattern: one, needs: reads, do: getDocument},
		{method: "PUT", pattern: one, needs: writes, do: putDocument},
		{method: "DELETE", pattern: one, needs: writes, do: deleteDocument},
		{method: "POST", pattern: "/{ks}", needs: writes, do: postDocument},
	}
}

func putDocument(c *call) error {
	id, err := docID(c.vars[0])
	if err != nil {
		return err
	}
	if c.param("new_edits") == "false" {
		return putRevision(c, id)
	}
	text, err := c.readJSON(c.h.cfg.Limits.DocumentBytes)
	if err != nil {
		return err
	}
	e, err := parseEdit(text, id)
	if err == nil {
		err = e.own()
	}
	if err != nil {
		return err
	}
	if e.rev, err = c.givenRevision(e.id, e.rev); err != nil {
		return err
	}
	if c.r.Header.Get("If-None-Match") == "*" {
		return c.create(e, http.StatusCreated)
	}
	return c.apply(e, http.StatusCreated)
}

// create applies an edit that must not find a document.
func (c *call) create(e edit, status int) error {
	latest, err := newest(c.r.Context(), c.coll, e.id)
	if err != nil {
		return err
	}
	if latest != nil && !latest.Deleted() {
		return refuse(http.StatusPreconditionFailed, "there is a document %.250s already", e.id)
	}
	return c.apply(e, status)
}

// postDocument creates a document, whose ID is made unless the body has one. With a revision it changes
// the document.
func postDocument(c *call) error {
	text, err := c.readJSON(c.h.cfg.Limits.DocumentBytes)
	if err != nil {
		return err
	}
	e, err := parseEdit(text, "")
	if err == nil {
		err = e.own()
	}
	if err != nil {
		return err
	}
	if e.rev, err = c.givenRevision(e.id, e.rev); err != nil {
		return err
	}
	return c.apply(e, http.StatusOK)
}

func deleteDocument(c *call) error {
	id, err := docID(c.vars[0])
	if err != nil {
		return err
	}
	rev, err := c.givenRevision(id, "")
	if err != nil {
		return err
	}
	return c.apply(edit{doc: tandem.NewDocument(id), id: id, rev: rev, deleted: true}, http.StatusOK)
}

// apply makes an edit, and answers with the new revision.
func (c *call) apply(e edit, status int) error {
	rights := linkRights{c: c}
	if err := rights.check(c.r.Context(), e); err != nil {
		return err
	}
	d, err := c.write(e)
	if err != nil {
		return err
	}
	c.audit(e.event(), "document", d.ID(), "rev", d.RevisionID())
	c.setTag(d.RevisionID())
	if len(c.vars) == 0 { // the path does not name the document
		c.w.Header().Set("Location", "/"+split(sentPath(c.r.URL))[0]+"/"+url.PathEscape(d.ID()))
	}
	return c.send(status, appendSaved(nil, d))
}

// write makes an edit in one transaction.
func (c *call) write(e edit) (d *tandem.Document, err error) {
	if !e.expires() {
		return e.change(c.r.Context(), alone{c.coll})
	}
	err = c.db.InBatch(c.r.Context(), func(b *tandem.Batch) error {
		d, err = e.apply(b.Context(), within{b, c.coll})
		return err
	})
	return d, err
}

// appendSaved appends the answer to an edit.
func appendSaved(dst []byte, d *tandem.Document) []byte {
	return appendResult(dst, d.ID(), d.RevisionID())
}

func appendResult(dst []byte, id, rev string) []byte {
	dst = appendString(append(dst, `{"ok":true,"id":`...), id)
	dst = appendString(append(dst, `,"rev":`...), rev)
	return append(dst, '}')
}
