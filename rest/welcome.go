package rest

import (
	"net/http"

	"github.com/tandemdb/tandem"
)

func serverRoutes() []route {
	return []route{
		{method: "GET", pattern: "/", needs: login, do: getWelcome},
		{method: "GET", pattern: "/_ping", needs: nothing, do: getPing},
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

// getAllDatabases names the databases of which the caller may read something.
func getAllDatabases(c *call) error {
	names := []string{}
	for _, name := range c.h.names {
		if c.readsSome(c.h.served[name]) {
			names = append(names, name)
		}
	}
	return c.answer(http.StatusOK, names)
}
