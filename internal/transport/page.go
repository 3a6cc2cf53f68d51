package transport

import (
	"html"
	"net/http"
	"strings"
)

// pageFor returns a page for a person who opens the listener's URL in a browser. The page is the
// same at every path and needs no password, so it tells nothing that an outsider may not know.
func pageFor(r *http.Request, secure bool) *refusal {
	get := r.Method == http.MethodGet || r.Method == http.MethodHead
	if !get || r.Header.Get("Upgrade") != "" || !strings.Contains(r.Header.Get("Accept"), "text/html") {
		return nil
	}
	scheme := "ws"
	if secure {
		scheme = "wss"
	}
	no := refuse(http.StatusUpgradeRequired, "a browser was shown how to connect")
	no.header = "Upgrade: websocket\r\nContent-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n" +
		"X-Content-Type-Options: nosniff"
	no.page = strings.ReplaceAll(page, "{URL}", html.EscapeString(scheme+"://"+r.Host+"/DATABASE"))
	return no
}

// page stands here without html/template: every program with a template keeps all exported methods of
// all its types, and so would every program that uses Tandem.
const page = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Tandem</title>
<h1>A Tandem listener</h1>
<p>Databases sync with this port. There are no pages here.</p>
<p>To sync a database with one that is shared here, write its name in place of DATABASE:</p>
<pre>tandem sync COPY {URL}</pre>
<p>In a Couchbase Lite app, the endpoint of the replicator is <code>{URL}</code>.</p>
</html>
`
