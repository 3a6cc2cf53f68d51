package rest

import "github.com/tandemdb/tandem"

// missingRoutes are endpoints that clients of CouchDB and Sync Gateway know, and that do not exist.
func missingRoutes() []route {
	var all []route
	for _, path := range []string{
		"/{ks}/_find", "/{ks}/_index", "/{ks}/_design/{rest...}", "/{ks}/_view/{rest...}",
		"/{ks}/_ensure_full_commit", "/{ks}/_security", "/{ks}/_design_docs", "/{ks}/_local_docs",
	} {
		for _, method := range []string{"GET", "POST", "PUT", "DELETE"} {
			all = append(all, route{method: method, pattern: path, needs: decides, do: notThere})
		}
	}
	return all
}

func notThere(c *call) error {
	if c.coll == nil || !c.mayRead(c.db, c.ks.scope, c.ks.collection) {
		return c.noAccess(c.ks.String())
	}
	return tandem.ErrUnsupported.Says("this server has no such endpoint of CouchDB")
}
