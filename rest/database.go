package rest

import (
	"net/http"
	"strings"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/internal/users"
)

func databaseRoutes() []route {
	return []route{
		{method: "GET", pattern: "/{ks}", needs: decides, do: getKeyspace, paced: true},
		{method: "PUT", pattern: "/{ks}", needs: decides, do: putKeyspace},
		{method: "DELETE", pattern: "/{ks}", needs: admin, do: deleteKeyspace},
	}
}

// getKeyspace describes a database, if the path names no collection, or a collection.
func getKeyspace(c *call) error {
	if !c.namesCollection() {
		return getDatabase(c)
	}
	if c.coll == nil || !c.mayRead(c.db, c.ks.scope, c.ks.collection) {
		return c.noAccess(c.ks.String())
	}
	state, err := stateOf(c, c.coll)
	if err != nil {
		return err
	}
	c.audit(auditReadDatabase)
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

// namesCollection reports whether the keyspace of the path has more than the name of a database.
func (c *call) namesCollection() bool {
	return strings.Contains(split(sentPath(c.r.URL))[0], ".")
}

// putKeyspace creates a collection, as in CouchDB, if there is no body, and otherwise a document.
func putKeyspace(c *call) error {
	if c.r.ContentLength != 0 {
		if err := c.mayWrite(); err != nil {
			return err
		}
		c.needs = writes // the later checks of the request ask for this right
		return postDocument(c)
	}
	if err := c.checkRole(admin); err != nil {
		return err
	}
	if c.coll != nil {
		return refuse(http.StatusPreconditionFailed, "the collection %s exists already", c.ks)
	}
	if _, err := c.db.CreateCollection(c.r.Context(), c.ks.scope, c.ks.collection); err != nil {
		return err
	}
	c.audit(auditAdmin, "created", c.ks.String())
	return c.answer(http.StatusCreated, done{true})
}

// done is the answer to what has worked.
type done struct {
	OK bool `json:"ok"`
}

// mayWrite checks what a route that writes needs.
func (c *call) mayWrite() error {
	switch {
	case c.coll == nil || c.rights(c.ks)&users.Write == 0:
		return c.noAccess(c.ks.String())
	case !c.db.options.ClientWrites:
		return errReadOnly
	}
	return nil
}

// deleteKeyspace removes a collection with its documents. The path has to name it in full.
func deleteKeyspace(c *call) error {
	if strings.Count(split(sentPath(c.r.URL))[0], ".") != 2 {
		return refuse(http.StatusBadRequest, "a collection is deleted by its full name, %s", c.ks)
	}
	if err := c.db.DeleteCollection(c.r.Context(), c.ks.scope, c.ks.collection); err != nil {
		return err
	}
	c.db.forget(c.coll)
	c.audit(auditAdmin, "deleted", c.ks.String())
	return c.answer(http.StatusOK, done{true})
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
	c.audit(auditReadDatabase)
	own := shown[tandem.DefaultName+"."+tandem.DefaultName]
	return c.answer(http.StatusOK, struct {
		Database        string                     `json:"db_name"`
		UUID            string                     `json:"db_uuid"`
		Collections     map[string]collectionState `json:"collections"`
		Encrypted       bool                       `json:"encrypted"`
		Versioning      tandem.Versioning          `json:"versioning"`
		collectionState                            // of the default collection
		Committed       uint64                     `json:"committed_update_seq"`
		Started         string                     `json:"instance_start_time"` // which clients of CouchDB look for
	}{c.db.name, c.db.UUID(), shown, c.db.IsEncrypted(), c.db.Versioning(), own, own.Sequence, "0"})
}
