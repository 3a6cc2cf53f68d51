package rest

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tandemdb/tandem"
)

func syncRoutes() []route {
	return []route{
		{method: "GET", pattern: "/{db}/_blipsync", needs: nothing, do: getSync, lasting: true},
	}
}

// getSync lets a replicator connect, such as one in a browser, which logs in by a one-time session.
func getSync(c *call) error {
	if c.h.cfg.Sync == nil {
		return refuse(http.StatusNotImplemented, "databases do not sync on this port")
	}
	r := c.r.Clone(c.r.Context())
	if id := takeOneTime(r); id != "" {
		s := c.h.sessions.spend(id, c.database(), r.Header.Get("Origin"), localPort(r), time.Now())
		if s == nil {
			return needsLogin("the one-time session is over")
		}
		if err := c.resume(s); err != nil {
			return err
		}
	} else if err := c.checkPage(); err != nil {
		return err
	} else if err := c.identify(); err != nil {
		return err
	}
	if c.db == nil || !c.readsSome(c.db) {
		return c.noAccess(pathName(split(sentPath(c.r.URL))[0]))
	}
	r.Header.Del("Authorization")
	r.Header.Del("Cookie")
	r.URL = &url.URL{Path: "/" + c.db.Database.Name() + "/_blipsync"}
	r = r.WithContext(tandem.ContextWithUser(r.Context(), c.who.name))
	answer := &listenerAnswer{ResponseWriter: c.w.ResponseWriter}
	c.audit(auditSyncConnect)
	c.h.cfg.Sync.Handler().ServeHTTP(answer, r)
	if answer.status >= http.StatusBadRequest {
		return refuse(answer.status, "%s", strings.TrimSpace(string(answer.text)))
	}
	c.w.status = http.StatusSwitchingProtocols // for the log: the connection was taken over
	c.audit(auditSyncDisconnect)
	return nil
}

// checkPage refuses the pages of sites that CORS lets in as all are: a browser adds its remembered login to
// a WebSocket, and that of a user counts only where an origin is named. One-time sessions are no such login.
func (c *call) checkPage() error {
	origin := c.r.Header.Get("Origin")
	allowed, credentials := c.h.cfg.CORS.allows(origin, false)
	page, err := url.Parse(origin)
	isOwn := err == nil && page.Host != "" && strings.EqualFold(page.Host, c.r.Host)
	if origin == "" || !allowed || credentials || isOwn { // the listener checks all others
		return nil
	}
	return refuse(http.StatusForbidden, "a page of another site may not use a remembered login").
		try("connect with a one-time session, or have the operator allow the page's origin (CORS)")
}

// listenerAnswer keeps a refusal of the listener, which is text, so that it is answered as all others.
type listenerAnswer struct {
	http.ResponseWriter
	status int
	text   []byte
}

// WriteHeader implements [http.ResponseWriter].
func (w *listenerAnswer) WriteHeader(status int) {
	if w.status = status; status < http.StatusBadRequest {
		w.ResponseWriter.WriteHeader(status)
	}
}

// Write implements [http.ResponseWriter].
func (w *listenerAnswer) Write(p []byte) (int, error) {
	if w.status < http.StatusBadRequest {
		return w.ResponseWriter.Write(p)
	}
	w.text = append(w.text, p...)
	return len(p), nil
}

// Unwrap is for [http.ResponseController], which takes over the connection.
func (w *listenerAnswer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// database returns the name of the database that the path names, "" if there is none.
func (c *call) database() string {
	if c.db == nil {
		return ""
	}
	return c.db.name
}
