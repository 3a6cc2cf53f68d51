package rest

import (
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/internal/document"
)

func blobRoutes() []route {
	return []route{
		{method: "POST", pattern: "/{db}/_blob", needs: writesSome, do: postBlob},
		{method: "GET", pattern: "/{db}/_blob/{digest}", needs: readsSome, do: getBlob},
	}
}

// postBlob stores a blob, for a document that is to refer to it.
func postBlob(c *call) error {
	value, err := c.uploadBlob()
	if err != nil {
		return err
	}
	return c.send(http.StatusCreated, value)
}

// uploadBlob stores the body of the request, and returns the form that the blob has in a document. The
// content goes to the disk as it comes.
func (c *call) uploadBlob() (document.Value, error) {
	kind := c.mediaType()
	switch kind {
	case "application/x-www-form-urlencoded", "multipart/form-data": // what curl and forms send if nobody says otherwise
		return nil, refuse(http.StatusUnsupportedMediaType, "a blob of the type %s is hardly meant", kind).
			try("give the type of the content in the header Content-Type")
	case "":
		kind = defaultBlobType
	default:
		kind = c.r.Header.Get("Content-Type") // with its parameters
	}
	blob, err := c.db.CreateBlob(c.r.Context(), kind, c.body(c.h.cfg.Limits.BlobBytes))
	if err == nil {
		err = c.stillMay()
	}
	if err != nil {
		return nil, err
	}
	c.h.blobs.uploads.note(c.account(), upload{c.db.name, blob.Digest()}, time.Now())
	return blob.MarshalJSON()
}

const defaultBlobType = "application/octet-stream"

// mediaType returns the type of the body without its parameters, "" if there is none.
func (c *call) mediaType() string {
	kind, _, err := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	if err != nil && kind == "" {
		return c.r.Header.Get("Content-Type")
	}
	return kind
}

// getBlob answers with the content of a blob, if the caller may read a document that refers to it.
func getBlob(c *call) error {
	digest := c.vars[0]
	if err := document.CheckDigest(digest); err != nil {
		return refuse(http.StatusBadRequest, "%.80q is no digest of a blob", digest)
	}
	d := c.foundBefore(digest)
	if d == nil {
		var err error
		if d, err = c.searchBlob(digest); err != nil {
			return err
		}
	}
	return c.sendContent(digest, blobOf(d, digest).ContentType())
}

// sendBlob answers with the content of the blob that a value of a body refers to. Not every object with a
// digest is a blob.
func (c *call) sendBlob(body, value document.Value) error {
	digest := string(value.Member("digest").Text())
	isThis := func(b document.Blob) bool { return b.Digest == digest }
	if document.CheckDigest(digest) != nil || !slices.ContainsFunc(blobsOf(body), isThis) {
		return refuse(http.StatusBadRequest, "the property %.200s is no blob", c.vars[1])
	}
	return c.sendContent(digest, string(value.Member("content_type").Text()))
}

// sendContent answers with the content of a blob, or with the ranges of it that are asked for. No
// browser runs it as a page of this server.
func (c *call) sendContent(digest, contentType string) error {
	content, err := c.db.OpenBlob(digest)
	if err != nil {
		return err
	}
	defer content.Close()
	header := c.w.Header()
	if _, _, err := mime.ParseMediaType(contentType); err != nil {
		contentType = defaultBlobType
	}
	header.Set("Content-Type", contentType)
	header.Set("Etag", `"`+digest+`"`)
	header.Set("Cache-Control", "private, no-cache")
	header.Set("Content-Disposition", "attachment")
	header.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	c.knownRange()
	w := &contentWriter{response: c.w}
	http.ServeContent(w, c.r, "", time.Time{}, content)
	return w.refusal()
}

// knownRange drops a range of another unit than bytes, as RFC 9110 demands.
func (c *call) knownRange() {
	unit, ranges, _ := strings.Cut(c.r.Header.Get("Range"), "=")
	if strings.EqualFold(unit, "bytes") && ranges != "" {
		c.r.Header.Set("Range", "bytes="+ranges)
	} else {
		c.r.Header.Del("Range")
	}
}

// contentWriter leaves the answers that have no content to fail.go.
type contentWriter struct {
	*response
	refused int // status of such an answer, 0 for none
}

// WriteHeader implements [http.ResponseWriter].
func (w *contentWriter) WriteHeader(status int) {
	if status == http.StatusPartialContent && w.Header().Get("Content-Length") == "0" { // of "bytes=-0"
		_, size, _ := strings.Cut(w.Header().Get("Content-Range"), "/")
		w.Header().Set("Content-Range", "bytes */"+size)
		status = http.StatusRequestedRangeNotSatisfiable
	}
	if status == http.StatusRequestedRangeNotSatisfiable || status == http.StatusPreconditionFailed || status >= http.StatusInternalServerError {
		w.refused = status
		return
	}
	w.response.WriteHeader(status)
}

// Write implements [io.Writer].
func (w *contentWriter) Write(p []byte) (int, error) {
	if w.refused != 0 {
		return len(p), nil
	}
	return w.response.Write(p)
}

// refusal returns the error to answer in place of content, or nil.
func (w *contentWriter) refusal() error {
	if w.refused == 0 {
		return nil
	}
	header := w.Header()
	for _, name := range []string{"Content-Disposition", "Content-Security-Policy", "Content-Encoding", "Last-Modified", "Etag"} {
		header.Del(name)
	}
	header.Set("Cache-Control", "no-store")
	switch w.refused {
	case http.StatusRequestedRangeNotSatisfiable: // Content-Range has the length
		return refuse(w.refused, "the blob has no such range of bytes")
	case http.StatusPreconditionFailed:
		return refuse(w.refused, "the blob has another digest now")
	}
	return refuse(w.refused, "the content cannot be read")
}

var _ io.Writer = (*contentWriter)(nil)

// blobOf returns the blob of a document with a digest, nil if it refers to none such.
func blobOf(d *tandem.Document, digest string) *tandem.Blob {
	for _, b := range d.Blobs() {
		if b.Digest() == digest {
			return b
		}
	}
	return nil
}
