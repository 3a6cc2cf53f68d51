package page

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"mime"
	"net/http"
	"path"
	"strings"
	"sync"
)

//go:embed static
var staticFiles embed.FS

// staticPrefix begins the paths of files that never change: the digest of their bytes follows.
const staticPrefix = "static/"

// IsStatic reports whether a path is that of a file, which everybody may have.
func IsStatic(path string) bool { return strings.HasPrefix(path, staticPrefix) }

// file is a file as it is sent.
type file struct {
	path   string // with the digest
	plain  []byte
	zipped []byte
	kind   string
}

// files returns the files by their names.
var files = sync.OnceValue(func() map[string]file {
	all := map[string]file{}
	for _, name := range []string{"page.css", "page.js", "icon.svg", "vendor/htmx-4.0.1.min.js"} {
		text, err := staticFiles.ReadFile(staticPrefix + name)
		if err != nil {
			panic(err) // the program was built without it
		}
		sum := sha256.Sum256(text)
		base := path.Base(name)
		all[base] = file{
			path: staticPrefix + hex.EncodeToString(sum[:6]) + "/" + base, plain: text, zipped: zipped(text),
			kind: mime.TypeByExtension(path.Ext(name)),
		}
	}
	return all
})

func zipped(text []byte) []byte {
	var zip bytes.Buffer
	w, _ := gzip.NewWriterLevel(&zip, gzip.BestCompression) // the level exists
	_, _ = w.Write(text)
	_ = w.Close() // a buffer takes everything
	return zip.Bytes()
}

// staticURL returns the URL of a file.
func staticURL(name string) string { return "/_tandem/" + files()[name].path }

func serveStatic(w http.ResponseWriter, r *http.Request, name string) {
	f, ok := files()[path.Base(name)]
	if !ok || f.path != name {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", f.kind)
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	if acceptsGzip(r) {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(f.zipped) // the client may be gone
		return
	}
	_, _ = w.Write(f.plain)
}

func acceptsGzip(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept-Encoding"), "gzip")
}

// write sends HTML, zipped if that is worth it.
func write(w http.ResponseWriter, r *http.Request, status int, html []byte) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Add("Vary", "Accept-Encoding")
	if len(html) < 1<<10 || !acceptsGzip(r) {
		w.WriteHeader(status)
		_, _ = w.Write(html) // the client may be gone
		return
	}
	w.Header().Set("Content-Encoding", "gzip")
	w.WriteHeader(status)
	zip := gzip.NewWriter(w)
	_, _ = zip.Write(html)
	_ = zip.Close()
}
