package rest

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/tandemdb/tandem/internal/document"
)

// lifeRoutes are about what a document was, and how long it stays.
func lifeRoutes() []route {
	return []route{
		{method: "GET", pattern: "/{ks}/_history/{doc}", needs: reads, do: getHistory},
		{method: "GET", pattern: "/{ks}/_expiry/{doc}", needs: reads, do: getExpiry},
		{method: "PUT", pattern: "/{ks}/_expiry/{doc}", needs: writes, do: putExpiry},
	}
}

// getHistory lists the known revisions of a document, the current one first.
func getHistory(c *call) error {
	id, err := docID(c.vars[0])
	if err != nil {
		return err
	}
	all, err := c.coll.History(c.r.Context(), id)
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, all)
}

// documentExpiry is when a document is purged, null for never.
type documentExpiry struct {
	At *time.Time `json:"_exp"`
}

func getExpiry(c *call) error {
	id, err := docID(c.vars[0])
	if err != nil {
		return err
	}
	return c.answerExpiry(id)
}

func (c *call) answerExpiry(id string) error {
	at, err := c.coll.Expiration(c.r.Context(), id)
	if err != nil {
		return err
	}
	var shown documentExpiry
	if at = at.UTC(); !at.IsZero() {
		shown.At = &at
	}
	return c.answer(http.StatusOK, shown)
}

// putExpiry sets when a document is purged. It is no edit: the document keeps its revision.
func putExpiry(c *call) error {
	id, err := docID(c.vars[0])
	if err != nil {
		return err
	}
	var wanted struct {
		At json.RawMessage `json:"_exp"`
	}
	if err := c.decode(&wanted); err != nil {
		return err
	}
	if wanted.At == nil {
		return refuse(http.StatusBadRequest, "the body has no member _exp").try(`send {"_exp": "2030-12-31T23:59:59Z"}, seconds from now, or null for never`)
	}
	exp, err := parseExpiry(document.Value(wanted.At))
	if err != nil {
		return err
	}
	if err := c.coll.SetExpiration(c.r.Context(), id, exp.at); err != nil {
		return err
	}
	return c.answerExpiry(id)
}
