package rest

import (
	"net/http"
	"slices"

	"github.com/tandemdb/tandem/internal/couch"
	"github.com/tandemdb/tandem/internal/document"
)

// revisionRoutes are those about revisions that clients have made.
func revisionRoutes() []route {
	return []route{
		{method: "POST", pattern: "/{ks}/_revs_diff", needs: reads, do: postRevsDiff, paced: true},
	}
}

// comparedAtOnce is how many documents are compared in one read of the database.
const comparedAtOnce = 500

// postRevsDiff says which revisions of a client the collection lacks.
func postRevsDiff(c *call) error {
	coll, err := c.trees()
	if err != nil {
		return err
	}
	asked, err := c.readAsked()
	if err != nil {
		return err
	}
	text := []byte{}
	for some := range slices.Chunk(asked, comparedAtOnce) {
		err := c.admitted(func() error {
			missing, err := coll.Missing(c.r.Context(), some)
			for _, m := range missing {
				text = appendMissing(text, m)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return c.send(http.StatusOK, document.Enclose(text, 0, '{', '}'))
}

// appendMissing appends a comma, and what the collection lacks of a document.
func appendMissing(dst []byte, m couch.Missing) []byte {
	dst = append(appendString(append(dst, ','), m.ID), `:{"missing":`...)
	dst = appendStrings(dst, m.Revs)
	if len(m.Ancestors) > 0 {
		dst = appendStrings(append(dst, `,"possible_ancestors":`...), m.Ancestors)
	}
	return append(dst, '}')
}

// appendStrings appends a JSON array of strings.
func appendStrings(dst []byte, texts []string) []byte {
	open := len(dst)
	for _, text := range texts {
		dst = appendString(append(dst, ','), text)
	}
	return document.Enclose(dst, open, '[', ']')
}

// readAsked reads the body of _revs_diff.
func (c *call) readAsked() (asked []couch.Asked, err error) {
	text, err := c.readJSON(c.h.cfg.Limits.DocumentBytes)
	if err != nil {
		return nil, err
	}
	given, _, err := document.Compact(text)
	if err != nil {
		return nil, err
	}
	for id, revs := range document.Value(given).Members() {
		one := couch.Asked{ID: string(id.Text())}
		for rev := range revs.Items() {
			if rev.Kind() != document.String {
				return nil, errAsked
			}
			one.Revs = append(one.Revs, string(rev.Text()))
		}
		switch {
		case revs.Kind() != document.Array:
			return nil, errAsked
		case len(one.Revs) > maxRevisions:
			return nil, refuse(http.StatusBadRequest, "the request names %d revisions of %.250s, more than %d", len(one.Revs), one.ID, maxRevisions)
		}
		asked = append(asked, one)
	}
	return asked, nil
}

var errAsked = refuse(http.StatusBadRequest, `the body does not fit: want {"ID": ["revision", …], …}`)
