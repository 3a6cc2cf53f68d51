package rest

import (
	"bytes"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"strings"
)

// appName is where the files of an app are: /app/.
const appName = "app"

// staticRoutes are those of an app's files, none without such.
func staticRoutes(files fs.FS) []route {
	if files == nil {
		return nil
	}
	serve := func(c *call) error { return c.serveStatic(files) }
	return []route{
		{method: "GET", pattern: "/" + appName, needs: nothing, do: serve},
		{method: "GET", pattern: "/" + appName + "/{rest...}", needs: nothing, do: serve},
	}
}

// serveStatic answers with a file of an app, that of a folder being its index.html. A folder is not listed.
func (c *call) serveStatic(files fs.FS) error {
	if sentPath(c.r.URL) == "/"+appName { // relative links need the slash
		c.w.Header().Set("Location", "/"+appName+"/")
		c.w.WriteHeader(http.StatusPermanentRedirect)
		return nil
	}
	name := "."
	if len(c.vars) > 0 {
		text, err := url.PathUnescape(c.vars[0])
		if err != nil {
			return refuse(http.StatusBadRequest, "the path has a malformed escape")
		}
		name = path.Clean(strings.TrimSuffix(text, "/"))
	}
	if !fs.ValidPath(name) || strings.Contains("/"+name, "/.") && name != "." {
		return errNoFile
	}
	content, info, err := openStatic(files, name)
	if err != nil { // there is none, or it leads out of the folder
		return errNoFile
	}
	defer content.Close()
	c.w.Header().Set("Cache-Control", "no-cache")
	seeker, ok := content.(io.ReadSeeker)
	if !ok {
		text, err := io.ReadAll(content)
		if err != nil {
			return err
		}
		seeker = bytes.NewReader(text)
	}
	http.ServeContent(c.w, c.r, info.Name(), info.ModTime(), seeker)
	return nil
}

var errNoFile = refuse(http.StatusNotFound, "the app has no such file")

// openStatic opens a file, or the index.html of a folder.
func openStatic(files fs.FS, name string) (fs.File, fs.FileInfo, error) {
	file, err := files.Open(name)
	if err != nil {
		return nil, nil, err
	}
	info, err := file.Stat()
	if err == nil && info.IsDir() {
		_ = file.Close() // nothing was written
		if file, err = files.Open(path.Join(name, "index.html")); err != nil {
			return nil, nil, err
		}
		info, err = file.Stat()
	}
	if err == nil && !info.Mode().IsRegular() {
		err = fs.ErrNotExist
	}
	if err != nil {
		_ = file.Close() // as above
		return nil, nil, err
	}
	return file, info, nil
}
