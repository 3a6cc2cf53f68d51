package rest

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/tandemdb/tandem"
)

func serverRoutes() []route {
	return []route{
		{method: "GET", pattern: "/", needs: login, do: getWelcome},
		{method: "GET", pattern: "/_ping", needs: nothing, do: getPing},
		{method: "GET", pattern: "/_ready", needs: nothing, do: getReady},
		{method: "GET", pattern: "/metrics", needs: admin, do: getMetrics},
		{method: "GET", pattern: "/_all_dbs", needs: login, do: getAllDatabases},
	}
}

func getWelcome(c *call) error {
	type vendor struct {
		Name    string `json:"name"`
		Version string `json:"version"`
	}
	return c.answer(http.StatusOK, struct {
		CouchDB string `json:"couchdb"` // which clients of CouchDB look for
		Vendor  vendor `json:"vendor"`
		Version string `json:"version"`
		UUID    string `json:"uuid"`
	}{"Welcome", vendor{"Tandem", tandem.Version}, serverName, c.h.uuid})
}

func getPing(c *call) error {
	c.w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, err := c.w.Write([]byte("ok"))
	return err
}

// readyTime bounds the answer of a database that is ready.
const readyTime = 3 * time.Second

// getReady says whether new clients may come: the storage of all databases answers, and nobody has called Leave.
func getReady(c *call) error {
	if c.h.leaving.Load() {
		return refuse(http.StatusServiceUnavailable, "the server is leaving")
	}
	ctx, cancel := context.WithTimeout(c.r.Context(), readyTime)
	defer cancel()
	for _, name := range c.h.names {
		if _, err := c.h.served[name].DefaultCollection(ctx); err != nil {
			c.log(slog.LevelWarn, "a database does not answer", "database", name, "error", err)
			return refuse(http.StatusServiceUnavailable, "a database does not answer")
		}
	}
	return getPing(c)
}

func getMetrics(c *call) error {
	if c.h.cfg.Metrics == nil {
		return refuse(http.StatusNotFound, "this server has no metrics")
	}
	c.h.cfg.Metrics.ServeHTTP(c.w, c.r)
	return nil
}

// getAllDatabases names the databases of which the caller may read something.
func getAllDatabases(c *call) error {
	c.audit(auditReadAllDatabases)
	names := []string{}
	for _, name := range c.h.names {
		if c.readsSome(c.h.served[name]) {
			names = append(names, name)
		}
	}
	return c.answer(http.StatusOK, names)
}
