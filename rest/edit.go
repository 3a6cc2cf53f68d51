package rest

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/internal/document"
	"github.com/tandemdb/tandem/internal/fault"
)

// edit is a document as a client sends it, without the members that begin with an underscore, which
// are no part of its content.
type edit struct {
	body    document.Value   // compact and valid
	info    *document.Info   // of body; nil if it is not known
	doc     *tandem.Document // with that body; nil until [edit.own]
	id      string           // one that was made if the body has none
	rev     string           // "" if the body has none
	deleted bool
	expiry  expiry
	links   blobLinks
	path    document.Value // _revisions of a client that makes revisions by itself; nil if there are none
}

// own checks that the edit is one of which the server makes the revision, and makes its document.
func (e *edit) own() (err error) {
	if e.path != nil {
		return refuse(http.StatusBadRequest, "the member _revisions is reserved, but for new_edits=false")
	}
	e.doc, err = tandem.NewDocumentWithBody(e.id, e.body)
	return err
}

// forget drops the text of the edit, which is not needed any more.
func (e *edit) forget() { e.body, e.doc, e.links, e.path = nil, nil, blobLinks{}, nil }

// event returns the event of the audit log that the edit is.
func (e edit) event() int {
	switch {
	case e.deleted:
		return auditDelete
	case e.rev == "":
		return auditCreate
	}
	return auditUpdate
}

// expiry is when a document is to be purged.
type expiry struct {
	given bool
	at    time.Time // zero for never
}

// parseEdit reads a document. pathID is the ID that the path has, "" if it has none. The edit keeps
// nothing of text.
func parseEdit(text []byte, pathID string) (edit, error) {
	if len(bytes.TrimSpace(text)) == 0 { // {} empties a document, and a body that was lost does not
		return edit{id: pathID}, refuse(http.StatusBadRequest, "the body is empty, want a JSON object")
	}
	compact, info, err := document.Compact(text)
	if err != nil {
		if pathID != "" {
			err = fault.About(err, "read document", pathID)
		}
		return edit{id: pathID}, err
	}
	e := edit{body: compact, info: &info}
	if !info.HasReserved {
		e.body = bytes.Clone(compact)
	} else if err := e.takeReserved(); err != nil {
		return e, err
	}
	switch {
	case e.id == "" && pathID == "":
		e.id = document.NewID()
	case e.id == "":
		e.id = pathID
	case pathID != "" && pathID != e.id:
		return e, refuse(http.StatusBadRequest, "the path has another ID than the body's _id")
	}
	return e, e.findLinks()
}

// takeReserved takes the reserved members out of the body, which it copies.
func (e *edit) takeReserved() error {
	e.id = string(e.body.Member("_id").Text()) // for the error of another member
	kept, attached := make([]byte, 0, len(e.body)), false
	for key, value := range e.body.Members() {
		name := string(key.Text())
		if !strings.HasPrefix(name, "_") || name == attachmentsKey {
			attached = attached || name == attachmentsKey
			kept = document.AppendMember(kept, key, value)
		} else if err := e.take(name, value); err != nil {
			return err
		}
	}
	e.body = document.Enclose(kept, 0, '{', '}')
	switch {
	case attached:
		return e.takeAttachments()
	case e.info.HasBlobs: // which may have been in what was taken out
		e.info = nil
	default:
		e.info = &document.Info{}
	}
	return nil
}

func (e *edit) takeAttachments() error {
	generation := uint64(0)
	if e.path != nil {
		generation, _, _ = cutTree(e.rev)
	}
	body, err := takeAttachments(e.body, generation)
	if err == nil {
		e.body, _, err = document.Compact(body)
	}
	e.info = nil
	return err
}

func (e *edit) take(name string, value document.Value) (err error) {
	switch name {
	case "_id":
		e.id, err = textOf(name, value)
		if err == nil && e.id == "" {
			err = refuse(http.StatusBadRequest, "the _id is empty")
		}
	case "_rev":
		e.rev, err = textOf(name, value)
	case "_cv": // repeats the revision
		_, err = textOf(name, value)
	case "_deleted":
		if value.Kind() != document.Bool {
			return refuse(http.StatusBadRequest, "the member _deleted is no boolean")
		}
		e.deleted = string(value) == "true"
	case "_revisions":
		e.path = bytes.Clone(value) // which outlives the body that it stands in
	case "_exp":
		e.expiry, err = parseExpiry(value)
	default:
		return refuse(http.StatusBadRequest, "the member %.60s is reserved, as all names that begin with an underscore", name)
	}
	return err
}

func textOf(name string, value document.Value) (string, error) {
	if value.Kind() != document.String {
		return "", refuse(http.StatusBadRequest, "the member %s is no string", name)
	}
	return string(value.Text()), nil
}

// longestSeconds is the most seconds of an expiry that count from now, as in Sync Gateway. Larger
// numbers are Unix times.
const longestSeconds = 30 * 24 * 60 * 60

// parseExpiry reads seconds, a Unix time, or a text of RFC 3339; 0 and null are never.
func parseExpiry(value document.Value) (expiry, error) {
	text := string(value)
	if value.Kind() == document.String {
		text = string(value.Text())
		if at, err := time.Parse(time.RFC3339, text); err == nil {
			return expiry{true, at}, nil
		}
	}
	if value.Kind() == document.Null {
		return expiry{given: true}, nil
	}
	seconds, err := strconv.ParseUint(text, 10, 33)
	switch {
	case err != nil:
		return expiry{}, refuse(http.StatusBadRequest, "the member _exp is %.40s, want seconds, a Unix time or a time as 2030-12-31T23:59:59Z", value)
	case seconds == 0:
		return expiry{given: true}, nil
	case seconds <= longestSeconds:
		return expiry{true, time.Now().Add(time.Duration(seconds) * time.Second)}, nil
	}
	return expiry{true, time.Unix(int64(seconds), 0)}, nil
}

// writer saves edits: a collection, or a batch on it.
type writer interface {
	newest(ctx context.Context, id string) (*tandem.Document, error)
	save(ctx context.Context, d *tandem.Document) error
	remove(ctx context.Context, d *tandem.Document) error
}

// alone writes each edit by itself.
type alone struct{ coll *tandem.Collection }

func (a alone) newest(ctx context.Context, id string) (*tandem.Document, error) {
	return newest(ctx, a.coll, id)
}

func (a alone) save(ctx context.Context, d *tandem.Document) error {
	return a.coll.SaveWithConcurrency(ctx, d, tandem.FailOnConflict)
}

func (a alone) remove(ctx context.Context, d *tandem.Document) error {
	return a.coll.DeleteWithConcurrency(ctx, d, tandem.FailOnConflict)
}

// expires reports whether the edit sets when the document expires.
func (e edit) expires() bool { return e.expiry.given && !e.deleted }

// apply is change with the document's expiry, in a batch.
func (e edit) apply(ctx context.Context, w within) (*tandem.Document, error) {
	d, err := e.change(ctx, w)
	if err == nil && e.expires() {
		err = w.expire(ctx, d.ID(), e.expiry.at)
	}
	return d, err
}

// change makes an edit of the latest revision, which e.rev has to name, or of none. It returns the
// document as it is then.
func (e edit) change(ctx context.Context, w writer) (*tandem.Document, error) {
	d := e.doc
	if e.rev != "" || e.deleted {
		latest, err := w.newest(ctx, e.id)
		if err != nil {
			return nil, err
		}
		if err := e.fits(latest); err != nil {
			return nil, err
		}
		if err := latest.SetBody(d.Body()); err != nil {
			return nil, err
		}
		d = latest
	}
	write := w.save
	if e.deleted {
		write = w.remove
	}
	err := write(ctx, d)
	if errors.Is(err, tandem.ErrConflict) {
		return nil, e.conflict(ctx, w)
	}
	return d, err
}

// fits checks that the edit is one of the latest revision.
func (e edit) fits(latest *tandem.Document) error {
	switch {
	case latest == nil || latest.Deleted() && e.deleted:
		if e.deleted {
			return tandem.ErrNotFound.Says("there is no document %.250s", e.id)
		}
		return refuse(http.StatusConflict, "there is no document %.250s, and so no revision", e.id)
	case latest.RevisionID() != e.rev:
		return conflictWith(latest)
	}
	return nil
}

// conflict says why the database has refused the edit.
func (e edit) conflict(ctx context.Context, w writer) error {
	latest, err := w.newest(ctx, e.id)
	if err != nil || latest == nil {
		return tandem.ErrConflict.Says("the document was changed meanwhile")
	}
	return conflictWith(latest)
}

func conflictWith(latest *tandem.Document) error {
	return tandem.ErrConflict.Says("the latest revision is %s", latest.RevisionID()).
		Try("read the document again, and send its revision with the change")
}
