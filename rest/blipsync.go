package rest

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/tandemdb/tandem"
)

func syncRoutes() []route {
	return []route{
		{method: "GET", pattern: "/{db}/_blipsync", needs: login, do: getSync, lasting: true},
	}
}

// sessionProtocol is the beginning of the item of Sec-WebSocket-Protocol that has a one-time session:
// a page cannot send other headers with a WebSocket.
const sessionProtocol = "SyncGatewaySession_"

// getSync hands a WebSocket to the listener, which knows the user then, and what he may do.
func getSync(c *call) error {
	if c.h.cfg.Sync == nil {
		return refuse(http.StatusNotImplemented, "this server does not sync on its HTTP port")
	}
	if err := c.checkSyncOrigin(); err != nil {
		return err
	}
	r := c.r.Clone(c.r.Context())
	if c.who.name != "" {
		r = r.WithContext(tandem.ContextWithUser(r.Context(), c.who.name))
	}
	withoutSession(r.Header)
	r.Header.Del("Origin")        // was checked
	r.Header.Del("Authorization") // so was this
	r.Header.Del("Cookie")
	r.URL = &url.URL{Path: "/" + c.db.Name() + syncSuffix}
	c.h.cfg.Sync.Handler().ServeHTTP(c.w, r)
	return nil
}

const syncSuffix = "/_blipsync"

// checkSyncOrigin refuses pages of other sites: a browser sends their WebSockets with its cookies. Other
// clients send no Origin.
func (c *call) checkSyncOrigin() error {
	given := c.r.Header.Get("Origin")
	if given == "" {
		return nil
	}
	if u, err := url.Parse(given); err == nil && strings.EqualFold(u.Host, c.r.Host) && (u.Scheme == "https") == c.secure() {
		return nil
	}
	return refuse(http.StatusForbidden, "pages of %.200s may not sync here", given)
}

// secure reports whether the request came by TLS.
func (c *call) secure() bool { return c.r.TLS != nil }

// withoutSession removes the items with sessions from the protocols that a client offers.
func withoutSession(header http.Header) {
	const name = "Sec-Websocket-Protocol"
	var kept []string
	for _, line := range header.Values(name) {
		for item := range strings.SplitSeq(line, ",") {
			if item = strings.TrimSpace(item); !strings.HasPrefix(item, sessionProtocol) {
				kept = append(kept, item)
			}
		}
	}
	header.Del(name)
	if len(kept) > 0 {
		header.Set(name, strings.Join(kept, ", "))
	}
}
