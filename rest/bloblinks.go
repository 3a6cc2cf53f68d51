package rest

import (
	"bytes"
	"context"
	"crypto/sha1" //nolint:gosec // the protocol names blobs so
	"encoding/base64"
	"errors"
	"net/http"
	"sync"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/internal/document"
)

// Bounds of the blobs of one request.
const (
	maxInline   = 100 // whose content is in a document, and in a group of a bulk request: each is a file
	maxSearches = 16  // for documents that refer to a blob
)

// blobLinks are the blobs of a body.
type blobLinks struct {
	digests []string         // of those whose content is not in the body
	inline  []document.Value // those whose content is
}

// linksOf finds the blobs of a body, and what may become one when the body is saved.
func linksOf(body document.Value) (l blobLinks) {
	if !bytes.Contains(body, []byte("sha1-")) && !bytes.Contains(body, []byte(`"data"`)) && !bytes.Contains(body, []byte(`\`)) {
		return l
	}
	l.add(body)
	for _, entry := range attachments(body).Members() { // which need no @type
		if !isInline(entry) {
			l.addDigest(entry)
		}
	}
	return l
}

func (l *blobLinks) add(v document.Value) {
	switch v.Kind() {
	case document.Array:
		for item := range v.Items() {
			l.add(item)
		}
	case document.Object:
		switch {
		case isInline(v): // a digest beside it must be the content's
			l.inline = append(l.inline, v)
		case isBlob(v):
			l.addDigest(v)
		}
		for _, value := range v.Members() { // a later edit may take it out of a blob
			l.add(value)
		}
	default: // has no parts
	}
}

func isBlob(v document.Value) bool { return string(v.Member("@type").Text()) == "blob" }

// isInline reports whether saving takes the content of a blob out of the body.
func isInline(v document.Value) bool { return isBlob(v) && v.Member("data").Kind() == document.String }

func (l *blobLinks) addDigest(v document.Value) {
	if digest := string(v.Member("digest").Text()); document.CheckDigest(digest) == nil {
		l.digests = append(l.digests, digest)
	}
}

// findLinks sets e.links.
func (e *edit) findLinks() error {
	e.links = linksOf(e.body)
	return e.links.checkInline()
}

// checkInline checks how many blobs have their content in the body, and the digests beside it.
func (l blobLinks) checkInline() error {
	if len(l.inline) > maxInline {
		return refuse(http.StatusRequestEntityTooLarge, "the document has the content of %d blobs in it, more than %d", len(l.inline), maxInline).
			try("store them by POST /{db}/_blob first, and refer to them")
	}
	for _, blob := range l.inline {
		digest := blob.Member("digest")
		if digest == nil {
			continue
		}
		if is := digestIn(blob); is != "" && is != string(digest.Text()) {
			return refuse(http.StatusBadRequest, "the data of a blob has the digest %s, not %.80s", is, digest)
		}
	}
	return nil
}

// digestIn returns the digest of the content in a body, "" if it is malformed, which saving refuses.
func digestIn(blob document.Value) string {
	content, err := base64.StdEncoding.AppendDecode(nil, blob.Member("data").Text())
	if err != nil {
		return ""
	}
	return document.Digest(sha1.Sum(content)) //nolint:gosec // the protocol names blobs so
}

// contents returns the digests of the blobs whose content is in the body.
func (l blobLinks) contents() map[string]bool {
	all := make(map[string]bool)
	for _, blob := range l.inline {
		all[digestIn(blob)] = true
	}
	return all
}

// linkRights decide to which blobs the edits of one request may refer: who may read a document gets
// the content of its blobs.
type linkRights struct {
	c        *call
	allowed  map[string]bool // digests
	searches int
}

// check checks the blobs that an edit adds to the latest revision.
func (r *linkRights) check(ctx context.Context, e edit) error {
	if e.deleted || len(e.links.digests) == 0 { // a deletion keeps no body
		return nil
	}
	var present document.Value
	if e.rev != "" {
		latest, err := newest(ctx, r.c.coll, e.id)
		if err != nil {
			return err
		}
		if err := e.fits(latest); err != nil {
			return err
		}
		present = visible(latest)
	}
	return r.checkLinks(e.id, e.links, present)
}

// visible returns the body of the latest revision whose blobs a reader gets: a tombstone has none of those.
func visible(latest *tandem.Document) document.Value {
	if latest == nil || latest.Deleted() {
		return nil
	}
	return latest.Body()
}

// checkLinks checks the blobs of a document that none of its present bodies has.
func (r *linkRights) checkLinks(id string, links blobLinks, present ...document.Value) error {
	if isAdmin(r.c.who.user) {
		return nil
	}
	known := map[string]bool{}
	for _, body := range present {
		for _, b := range blobsOf(body) { // not linksOf, which has more than a reader gets
			known[b.Digest] = true
		}
	}
	contents := sync.OnceValue(links.contents)
	for _, digest := range links.digests {
		if known[digest] || r.mayAlready(digest) || contents()[digest] {
			continue
		}
		if err := r.search(id, digest); err != nil {
			return err
		}
	}
	return nil
}

// blobsOf returns the blobs of a stored body.
func blobsOf(body document.Value) []document.Blob {
	if len(body) == 0 {
		return nil
	}
	all, _ := document.Blobs(body) // a stored body is valid
	return all
}

// mayAlready reports whether it is known that the caller may refer to a blob.
func (r *linkRights) mayAlready(digest string) bool {
	if r.allowed[digest] || r.c.h.blobs.uploads.has(r.c.account(), upload{r.c.db.name, digest}) {
		return true
	}
	d := r.c.foundBefore(digest)
	if d != nil {
		r.allow(d)
	}
	return d != nil
}

// search looks for a document that refers to a blob, and that the caller may read.
func (r *linkRights) search(id, digest string) error {
	if r.searches++; r.searches > maxSearches {
		return refuse(http.StatusForbidden, "the request refers to too many blobs that you have not stored").
			try("store them by POST /{db}/_blob first")
	}
	d, err := r.c.searchBlob(digest)
	switch {
	case err == nil:
		r.allow(d)
		return nil
	case !errors.Is(err, tandem.ErrNotFound):
		return err
	}
	content, err := r.c.db.OpenBlob(digest)
	switch {
	case errors.Is(err, tandem.ErrNotFound): // as saving would say, unless it is stored meanwhile
		return tandem.ErrNotFound.In("save document", id).Says("the content of blob %s is not in this database", digest).
			Try("store the content first, then the document that refers to it")
	case err != nil:
		return err
	}
	_ = content.Close() // nothing was read
	return refuse(http.StatusForbidden, "you may not refer to the blob %s: you have not stored it, and no document that you may read refers to it", digest).
		try("store its content by POST /{db}/_blob first")
}

// allow allows the blobs of a document that the caller may read.
func (r *linkRights) allow(d *tandem.Document) {
	if r.allowed == nil || len(r.allowed) > maxFound {
		r.allowed = make(map[string]bool)
	}
	for _, b := range d.Blobs() {
		r.allowed[b.Digest()] = true
	}
}
