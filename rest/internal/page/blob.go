package page

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// blobPrefix begins the paths of blobs of documents.
const blobPrefix = "blob/"

// shownTypes are those that a browser shows as a picture, and never runs.
var shownTypes = map[string]bool{"image/png": true, "image/jpeg": true, "image/gif": true, "image/webp": true, "image/avif": true}

// serveBlob has REST answer with a blob. All but pictures are for saving, as bytes of no type: a script
// among them must not become one of the page's own.
func serveBlob(w http.ResponseWriter, r *http.Request, v Visit) {
	path := strings.TrimPrefix(v.Path, blobPrefix)
	if !isBlobOfDocument(path) {
		http.NotFound(w, r)
		return
	}
	header := w.Header()
	header.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	v.Pass(Request{Path: "/" + path + "?content=true"}, func(header http.Header) {
		if !shownTypes[header.Get("Content-Type")] {
			header.Set("Content-Type", "application/octet-stream")
			header.Set("Content-Disposition", "attachment")
		}
	})
}

// isBlobOfDocument reports whether a path is KEYSPACE/DOCUMENT/PROPERTY, and none of the other endpoints.
func isBlobOfDocument(path string) bool {
	segments := strings.Split(path, "/")
	return len(segments) == 3 && !slices.ContainsFunc(segments, func(segment string) bool {
		name, err := url.PathUnescape(segment)
		return err != nil || name == "" || name[0] == '_' || name == "." || name == ".."
	})
}
