package rest

import (
	"maps"
	"net/http"
	"slices"

	"github.com/tandemdb/tandem/internal/couch"
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
	type lacking struct {
		Missing   []string `json:"missing"`
		Ancestors []string `json:"possible_ancestors,omitempty"`
	}
	all := map[string]lacking{}
	for some := range slices.Chunk(asked, comparedAtOnce) {
		err := c.admitted(func() error {
			missing, err := coll.Missing(c.r.Context(), some)
			for _, m := range missing {
				all[m.ID] = lacking{m.Revs, m.Ancestors}
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return c.answer(http.StatusOK, all)
}

// readAsked reads the body of _revs_diff.
func (c *call) readAsked() (asked []couch.Asked, err error) {
	text, err := c.readJSON(c.h.cfg.Limits.DocumentBytes)
	if err != nil {
		return nil, err
	}
	var given map[string][]string
	if err := unmarshal(text, &given); err != nil || given == nil {
		return nil, refuse(http.StatusBadRequest, `the body does not fit: want {"ID": ["revision", …], …}`)
	}
	for _, id := range slices.Sorted(maps.Keys(given)) {
		if len(given[id]) > maxRevisions {
			return nil, refuse(http.StatusBadRequest, "the request names %d revisions of %.250s, more than %d", len(given[id]), id, maxRevisions)
		}
		asked = append(asked, couch.Asked{ID: id, Revs: given[id]})
	}
	return asked, nil
}
