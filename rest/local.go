package rest

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/internal/couch"
	"github.com/tandemdb/tandem/internal/document"
)

// localRoutes are those of local documents, which are not replicated: PouchDB keeps its checkpoints in
// them. Who only reads may write them too, since he could not go on where he has left otherwise.
func localRoutes() []route {
	const one = "/{ks}/_local/{rest...}"
	return []route{
		{method: "GET", pattern: one, needs: reads, do: getLocal, paced: true},
		{method: "PUT", pattern: one, needs: reads, do: putLocal, paced: true},
		{method: "DELETE", pattern: one, needs: reads, do: deleteLocal, paced: true},
	}
}

// trees returns the collection as clients with revision trees use it. Of a database whose own edits get version
// vectors it answers 501.
func (c *call) trees() (couch.Collection, error) {
	if c.db.Versioning() != tandem.RevTrees {
		what := "has version vectors"
		if c.db.Versioning() == tandem.BothGenerations {
			what = "serves both generations of Couchbase Lite"
		}
		return couch.Collection{}, tandem.ErrUnsupported.
			Says("the database %.200s %s, and PouchDB and CouchDB sync with revision trees alone", c.db.name, what).
			Try("make a database with revision trees for it: tandem create --versioning rev-trees")
	}
	return c.coll.Couch(couch.Pass{}), nil
}

// hasTrees reports whether clients with revision trees of their own can sync with the database.
func (c *call) hasTrees() bool { return c.db.Versioning() == tandem.RevTrees }

const localPrefix = "_local/"

// localDocument returns the collection, and the ID of the local document that the path names.
func (c *call) localDocument() (couch.Collection, string, error) {
	coll, err := c.trees()
	if err != nil {
		return coll, "", err
	}
	id, err := url.PathUnescape(c.vars[0])
	if err != nil {
		return coll, "", refuse(http.StatusBadRequest, "the path has a malformed escape")
	}
	return coll, id, nil
}

func getLocal(c *call) error {
	coll, id, err := c.localDocument()
	if err != nil {
		return err
	}
	rev, body, err := coll.Local(c.r.Context(), id)
	switch {
	case err != nil:
		return err
	case body == nil:
		return notFound("missing")
	}
	return c.send(http.StatusOK, shown{id: localPrefix + id, rev: rev, body: body}.append(nil))
}

// putLocal stores a local document. It is on the disk when the answer leaves, and so is all that a
// checkpoint in it may vouch for.
func putLocal(c *call) error {
	coll, id, err := c.localDocument()
	if err != nil {
		return err
	}
	body, rev, err := c.readLocal(id)
	if err != nil {
		return err
	}
	if rev, err = coll.SetLocal(c.r.Context(), id, rev, body); err != nil {
		return err
	}
	return c.send(http.StatusCreated, appendResult(nil, localPrefix+id, rev))
}

// readLocal reads a body without the members that begin with an underscore, and the revision it replaces.
func (c *call) readLocal(id string) (body []byte, rev string, err error) {
	text, err := c.readJSON(maxRequest)
	if err != nil {
		return nil, "", err
	}
	body, _, err = document.Compact(text)
	if err != nil {
		return nil, "", err
	}
	inBody := ""
	for key, value := range document.Value(body).Members() {
		switch name := string(key.Text()); {
		case name == "_rev":
			if inBody, err = textOf(name, value); err != nil {
				return nil, "", err
			}
		case name == "_id":
			if is, err := textOf(name, value); err != nil || is != localPrefix+id {
				return nil, "", refuse(http.StatusBadRequest, "the path has another ID than the body's _id")
			}
		case strings.HasPrefix(name, "_"):
			return nil, "", refuse(http.StatusBadRequest, "the member %.60s is reserved, as all names that begin with an underscore", name)
		}
	}
	for _, name := range []string{"_id", "_rev"} {
		body = document.SetMember(body, name, nil)
	}
	rev, err = c.localRevision(inBody)
	return body, rev, err
}

// localRevision returns the revision that the request replaces, "" for none.
func (c *call) localRevision(inBody string) (string, error) {
	given := c.revision()
	if given != "" && inBody != "" && given != inBody {
		return "", refuse(http.StatusBadRequest, "the request gives two revisions, %.80s and %.80s", given, inBody)
	}
	return given + strings.TrimPrefix(inBody, given), nil
}

func deleteLocal(c *call) error {
	coll, id, err := c.localDocument()
	if err != nil {
		return err
	}
	if c.revision() == "" {
		_, body, err := coll.Local(c.r.Context(), id)
		switch {
		case err != nil:
			return err
		case body == nil:
			return notFound("missing")
		}
		return tandem.ErrConflict.Says("the request names no revision of the local document").Try("give it by ?rev=")
	}
	if _, err := coll.SetLocal(c.r.Context(), id, c.revision(), nil); err != nil {
		return err
	}
	return c.send(http.StatusOK, appendResult(nil, localPrefix+id, "0-0"))
}
