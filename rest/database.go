package rest

import (
	"net/http"
	"strings"

	"github.com/tandemdb/tandem"
)

func databaseRoutes() []route {
	return []route{
		{method: "GET", pattern: "/{ks}", needs: decides, do: getKeyspace},
	}
}

// getKeyspace describes a database, if the path names no collection, or a collection.
func getKeyspace(c *call) error {
	if !strings.Contains(split(sentPath(c.r.URL))[0], ".") {
		return getDatabase(c)
	}
	if c.coll == nil || !c.mayRead(c.db, c.ks.scope, c.ks.collection) {
		return c.noAccess(c.ks.String())
	}
	state, err := stateOf(c, c.coll)
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, struct {
		Database   string `json:"db_name"`
		UUID       string `json:"db_uuid"`
		Scope      string `json:"scope_name"`
		Collection string `json:"collection_name"`
		collectionState
		Committed uint64 `json:"committed_update_seq"`
		Started   string `json:"instance_start_time"` // which clients of CouchDB look for
	}{c.db.name, c.db.UUID(), c.ks.scope, c.ks.collection, state, state.Sequence, "0"})
}

type collectionState struct {
	Documents uint64 `json:"doc_count"`
	Sequence  uint64 `json:"update_seq"`
}

func stateOf(c *call, coll *tandem.Collection) (s collectionState, err error) {
	if s.Documents, err = coll.Count(c.r.Context()); err != nil {
		return s, err
	}
	s.Sequence, err = coll.LastSequence(c.r.Context())
	return s, err
}

func getDatabase(c *call) error {
	all, err := c.db.Collections(c.r.Context())
	if err != nil {
		return err
	}
	shown := map[string]collectionState{}
	for _, coll := range all {
		if !c.mayRead(c.db, coll.Scope(), coll.Name()) {
			continue
		}
		if shown[coll.FullName()], err = stateOf(c, coll); err != nil {
			return err
		}
	}
	if len(shown) == 0 {
		return c.noAccess(c.db.name)
	}
	return c.answer(http.StatusOK, struct {
		Database    string                     `json:"db_name"`
		UUID        string                     `json:"db_uuid"`
		Collections map[string]collectionState `json:"collections"`
		Encrypted   bool                       `json:"encrypted"`
		Versioning  tandem.Versioning          `json:"versioning"`
	}{c.db.name, c.db.UUID(), shown, c.db.IsEncrypted(), c.db.Versioning()})
}
