package rest

import (
	"bufio"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
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
	c.serveSync(answer, r)
	switch {
	case answer.status == http.StatusInternalServerError: // Sync Gateway's status for protocols that it does not know
		return refuse(http.StatusBadRequest, "%s", strings.TrimSpace(string(answer.text)))
	case answer.status >= http.StatusBadRequest:
		return refuse(answer.status, "%s", strings.TrimSpace(string(answer.text)))
	}
	c.w.status = http.StatusSwitchingProtocols // for the log: the connection was taken over
	c.audit(auditSyncDisconnect)
	return nil
}

// serveSync lets a replicator sync until it leaves, or until its user is gone, logged out, or has fewer
// rights.
func (c *call) serveSync(answer *listenerAnswer, r *http.Request) {
	left, watched := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(watched)
		ticker := time.NewTicker(accessInterval)
		defer ticker.Stop()
		for before := c.who.user; ; {
			select {
			case <-left:
				return
			case <-ticker.C:
				if !c.mayGoOn() || before != nil && !c.who.user.Keeps(before) {
					answer.cut()
				}
			}
		}
	}()
	c.h.cfg.Sync.Handler().ServeHTTP(answer, r)
	close(left)
	<-watched
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

	mu   sync.Mutex // guards the following
	conn net.Conn   // nil until the listener has taken it over
}

// Hijack implements [http.Hijacker].
func (w *listenerAnswer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffered, err := http.NewResponseController(w.ResponseWriter).Hijack()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.conn = conn
	return conn, buffered, err
}

// cut ends the connection. Its client tries again, and is told then why it may not.
func (w *listenerAnswer) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.conn != nil {
		_ = w.conn.Close()
	}
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

// database returns the name of the database that the path names, "" if there is none.
func (c *call) database() string {
	if c.db == nil {
		return ""
	}
	return c.db.name
}
