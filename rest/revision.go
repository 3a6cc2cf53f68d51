package rest

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/internal/document"
)

// givenRevision returns the revision of a document that the request is about: by ?rev=, If-Match, or a
// member of the body, which inBody has. "" is none; two that differ are refused. With If-Match: * it is
// the latest, unless another is named too.
func (c *call) givenRevision(id, inBody string) (string, error) {
	match := c.r.Header.Get("If-Match")
	whichever := strings.TrimSpace(match) == "*"
	if whichever {
		match = ""
	}
	given := ""
	for _, rev := range []string{c.revision(), tagOf(match), inBody} {
		if rev == "" {
			continue
		}
		if given != "" && given != rev {
			return "", refuse(http.StatusBadRequest, "the request gives two revisions, %.80s and %.80s", given, rev)
		}
		given = rev
	}
	if whichever && given == "" {
		return c.anyRevision(id)
	}
	return given, nil
}

// anyRevision returns the latest revision of a document that exists.
func (c *call) anyRevision(id string) (string, error) {
	latest, err := newest(c.r.Context(), c.coll, id)
	if err != nil {
		return "", err
	}
	if latest == nil || latest.Deleted() {
		return "", refuse(http.StatusPreconditionFailed, "there is no document %.250s", id)
	}
	return latest.RevisionID(), nil
}

// revision returns the parameter rev. The sources of versions may have a plus, which is a space in a query
// unless it is escaped; no revision has a space.
func (c *call) revision() string { return strings.ReplaceAll(c.param("rev"), " ", "+") }

// tagOf returns the text of an entity tag, with or without quotes.
func tagOf(header string) string {
	tag := strings.TrimPrefix(strings.TrimSpace(header), "W/")
	return strings.TrimSuffix(strings.TrimPrefix(tag, `"`), `"`)
}

// matches reports whether a header If-None-Match names a revision.
func matches(header, rev string) bool {
	for tag := range strings.SplitSeq(header, ",") {
		if tag = tagOf(tag); tag == rev || tag == "*" {
			return header != ""
		}
	}
	return false
}

func (c *call) setTag(rev string) {
	c.w.Header().Set("Etag", `"`+rev+`"`)
	c.w.Header().Set("Cache-Control", "no-cache")
}

// docID returns the ID of a document that the path names. Peers may have made longer IDs than clients
// can.
func docID(id string) (string, error) {
	const longest = 255
	if err := document.CheckID(id); err != nil && (len(id) <= document.MaxID || len(id) > longest || document.CheckID(id[:1]+id[len(id)-1:]) != nil) {
		return "", err
	}
	return id, nil
}

// newest returns a document or its tombstone, nil if there is neither.
func newest(ctx context.Context, coll *tandem.Collection, id string) (*tandem.Document, error) {
	for d, err := range coll.Scan(ctx, tandem.ScanOptions{From: id, Before: id + "\x00", Limit: 1, Deleted: true}) {
		return d, err
	}
	return nil, nil
}

// shown is a revision of a document, as answers have it.
type shown struct {
	id, rev string
	deleted bool
	body    []byte

	attachments bool // lists them, blobs among them
	listed      bool // the body has that list already
}

func shownOf(d *tandem.Document) shown {
	return shown{id: d.ID(), rev: d.RevisionID(), deleted: d.Deleted(), body: d.Body()}
}

// append appends the JSON of a revision: the stored text, behind what does not belong to it. more has
// further members.
func (v shown) append(dst []byte, more ...[]byte) []byte {
	if !v.listed {
		v.body = withAttachments(v.body, v.rev, v.attachments)
	}
	dst = slices.Grow(dst, len(v.body)+len(v.id)+2*len(v.rev)+64)
	dst = append(dst, `{"_id":`...)
	dst = appendString(dst, v.id)
	dst = append(dst, `,"_rev":`...)
	dst = appendString(dst, v.rev)
	if isVersion(v.rev) {
		dst = append(dst, `,"_cv":`...)
		dst = appendString(dst, v.rev)
	}
	if v.deleted {
		dst = append(dst, `,"_deleted":true`...)
	}
	for _, member := range more {
		dst = append(append(dst, ','), member...)
	}
	if len(v.body) <= len("{}") {
		return append(dst, '}')
	}
	dst = append(dst, ',')
	return append(dst, v.body[1:]...)
}

// appendDocument appends the JSON of a document with its ID and revision.
func appendDocument(dst []byte, d *tandem.Document) []byte { return shownOf(d).append(dst) }

// isVersion reports whether a revision is one of version vectors.
func isVersion(rev string) bool { return strings.Contains(rev, "@") }
