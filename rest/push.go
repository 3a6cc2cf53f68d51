package rest

import (
	"context"
	"net/http"
	"strconv"

	"github.com/tandemdb/tandem/internal/couch"
	"github.com/tandemdb/tandem/internal/document"
)

// pushes reports whether the group has revisions that the client has made. PouchDB says so behind the
// documents, when the first groups of a long request are stored already: until then a document with
// _revisions tells.
func (b *bulk) pushes() bool {
	if b.in.options.known {
		return b.in.options.oldEdits
	}
	for _, item := range b.group {
		if item.edit.path != nil {
			return true
		}
	}
	return false
}

// checkMode checks what the request has said so far about who makes the revisions.
func (b *bulk) checkMode() error {
	if !b.in.options.oldEdits {
		if b.guessed && b.in.options.known {
			return refuse(http.StatusBadRequest, "documents with _revisions were stored, and new_edits=false did not follow").
				try("send it before docs")
		}
		return nil
	}
	if b.saved {
		return refuse(http.StatusBadRequest, "new_edits=false comes after documents that were stored without it").
			try("send it before docs, or documents with _revisions")
	}
	_, err := b.c.trees()
	return err
}

// push stores the group as revisions of the client's own.
func (b *bulk) push(ctx context.Context) error {
	coll, err := b.c.trees()
	if err != nil {
		return err
	}
	known := b.in.options.known
	b.guessed = b.guessed || !known
	all, places := make([]couch.Pushed, 0, len(b.group)), make([]*bulkItem, 0, len(b.group))
	for i := range b.group {
		item := &b.group[i]
		item.pushed = true
		if item.err == nil && !known && item.edit.path == nil {
			item.err = errNoRevisions
		}
		if item.err != nil {
			continue
		}
		var p couch.Pushed
		if p, item.err = item.edit.pushed(); item.err == nil {
			item.saved = string(p.Rev.ID)
			all, places = append(all, p), append(places, item)
		}
	}
	failed, err := coll.Push(ctx, all)
	if err != nil {
		return err
	}
	for i, item := range places {
		if item.err = failed[i]; item.err != nil && isOfServer(item.err) {
			return item.err
		}
		item.edit.forget()
	}
	return b.report()
}

// errNoRevisions keeps an edit that names the latest revision from being taken for that revision.
var errNoRevisions = refuse(http.StatusBadRequest, "the document has no _revisions, among others that have").
	try("send new_edits=false before docs")

// pushed returns the edit as a revision of the client's own.
func (e edit) pushed() (p couch.Pushed, err error) {
	if e.expiry.given {
		return p, refuse(http.StatusBadRequest, "the member _exp does not go with new_edits=false")
	}
	p = couch.Pushed{ID: e.id, Deleted: e.deleted, Body: e.body, Info: e.info}
	if len(e.links.inline) > 0 { // whose content is taken out of the body
		p.Info = nil
	}
	start, digests, fits := readPath(e.path)
	if !fits {
		return p, refuse(http.StatusBadRequest, `the member _revisions does not fit: want {"start": generation, "ids": [digest, …]}`)
	}
	p.Rev, err = couch.ParsePath(e.rev, start, digests)
	return p, err
}

// readPath reads _revisions, nil for none: the generation of the newest revision, and the digests of all.
func readPath(path document.Value) (start uint64, digests []string, fits bool) {
	if path == nil {
		return 0, nil, true
	}
	start, err := strconv.ParseUint(string(path.Member("start")), 10, 64)
	list := path.Member("ids")
	if err != nil || list.Kind() != document.Array {
		return 0, nil, false
	}
	for digest := range list.Items() {
		if digest.Kind() != document.String {
			return 0, nil, false
		}
		digests = append(digests, string(digest.Text()))
	}
	return start, digests, len(digests) > 0
}

// denied is how a document that cannot be stored is answered. After any other error PouchDB sends the same
// documents again, for ever.
func denied(no *refusal) *refusal {
	as := *no
	as.status = http.StatusForbidden
	return &as
}

// checkPushed is check for a revision of the client's own, which may have another parent than the latest.
func (r *linkRights) checkPushed(ctx context.Context, e edit) error {
	if len(e.links.digests) == 0 {
		return nil
	}
	latest, err := newest(ctx, r.c.coll, e.id)
	if err != nil {
		return err
	}
	return r.checkLinks(e.id, e.links, visible(latest))
}

// putRevision stores a revision of the client's own.
func putRevision(c *call, id string) error {
	coll, err := c.trees()
	if err != nil {
		return err
	}
	text, err := c.readJSON(c.h.cfg.Limits.DocumentBytes)
	if err != nil {
		return err
	}
	e, err := parseEdit(text, id)
	if err != nil {
		return err
	}
	if e.rev, err = c.givenRevision(id, e.rev); err != nil {
		return err
	}
	rights := linkRights{c: c}
	if err := rights.checkPushed(c.r.Context(), e); err != nil {
		return err
	}
	p, err := e.pushed()
	if err != nil {
		return err
	}
	failed, err := coll.Push(c.r.Context(), []couch.Pushed{p})
	if err == nil {
		err = failed[0]
	}
	if err != nil {
		return err
	}
	c.audit(e.event(), "document", id, "rev", string(p.Rev.ID))
	c.setTag(string(p.Rev.ID))
	return c.send(http.StatusCreated, appendResult(nil, id, string(p.Rev.ID)))
}
