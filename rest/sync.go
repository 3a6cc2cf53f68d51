package rest

import (
	"net/http"
	"net/url"
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
		s := c.h.sessions.spend(id, c.db.name, r.Header.Get("Origin"), localPort(r), time.Now())
		if s == nil {
			return needsLogin("the one-time session is over")
		}
		if err := c.resume(s); err != nil {
			return err
		}
	} else if err := c.identify(); err != nil {
		return err
	}
	if !c.readsSome(c.db) {
		return c.noAccess(c.db.name)
	}
	r.Header.Del("Authorization")
	r.Header.Del("Cookie")
	r.URL = &url.URL{Path: "/" + c.db.Database.Name() + "/_blipsync"}
	r = r.WithContext(tandem.ContextWithUser(r.Context(), c.who.name))
	c.w.status = http.StatusSwitchingProtocols // for the log: the connection is taken over
	c.h.cfg.Sync.Handler().ServeHTTP(c.w.ResponseWriter, r)
	return nil
}
