package rest

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/internal/couch"
)

// maxRevisions bounds the revisions of one document that a request names.
const maxRevisions = 1000

// getOpenRevisions answers the revisions that ?open_revs= names: all that no other has followed, or those
// of a list.
func getOpenRevisions(c *call, id string) error {
	wanted, err := c.details()
	if err != nil {
		return err
	}
	revs, err := c.openRevisions(id)
	if err != nil {
		return err
	}
	out := c.revisions(http.StatusOK)
	if c.hasTrees() {
		return c.openTrees(out, id, revs, wanted)
	}
	for _, rev := range revs {
		v, err := c.read(id, rev)
		switch {
		case errors.Is(err, tandem.ErrNotFound):
			err = out.missing(id, rev)
		case err == nil:
			var more [][]byte
			if more, err = c.more(v, wanted); err == nil {
				err = out.found(v, more)
			}
		}
		if err != nil {
			return err
		}
	}
	return out.close()
}

// openTrees writes revisions of a document for a client with revision trees of its own.
func (c *call) openTrees(out revisionWriter, id string, revs []string, details detail) error {
	var wanted []couch.Wanted
	for _, rev := range revs {
		wanted = append(wanted, couch.Wanted{ID: id, Rev: rev})
	}
	err := c.eachRevision(wanted, details, func(i int, v shown, more [][]byte, err error) error {
		if errors.Is(err, tandem.ErrNotFound) {
			return out.missing(id, revs[i])
		}
		if err != nil {
			return err
		}
		return out.found(v, more)
	})
	if err != nil {
		return err
	}
	return out.close()
}

// openRevisions reads the parameter open_revs.
func (c *call) openRevisions(id string) (revs []string, err error) {
	if text := c.param("open_revs"); text != "all" {
		if json.Unmarshal([]byte(text), &revs) != nil || len(revs) > maxRevisions {
			return nil, refuse(http.StatusBadRequest, "open_revs is %.60q, want all, or a list of at most %d revisions", text, maxRevisions)
		}
		return revs, nil
	}
	all, err := c.coll.History(c.r.Context(), id)
	if err != nil {
		return nil, err
	}
	if coll, err := c.trees(); err == nil {
		if revs, err = coll.Leaves(c.r.Context(), id); err != nil {
			return nil, err
		}
	}
	for _, r := range all {
		if r.Role == tandem.RevisionConflict || r.Role == tandem.RevisionCurrent && !c.hasTrees() {
			revs = append(revs, r.ID)
		}
	}
	return revs, nil
}

// revisionWriter writes revisions of documents: as JSON, or as parts of multipart/mixed.
type revisionWriter interface {
	found(v shown, more [][]byte) error
	missing(id, rev string) error
	close() error
}

// revisions begins an answer of revisions, in the form that the client accepts.
func (c *call) revisions(status int) revisionWriter {
	if c.acceptsMultipart() {
		return newMultipart(c, status)
	}
	return &revisionList{stream: c.stream(status, jsonType, false), before: "["}
}

// acceptsMultipart reports whether the header Accept asks for multipart/mixed, and not for JSON before it.
func (c *call) acceptsMultipart() bool {
	accept := c.r.Header.Get("Accept")
	mixed := strings.Index(accept, "multipart/mixed")
	plain := strings.Index(accept, jsonType)
	return mixed >= 0 && (plain < 0 || mixed < plain)
}

// revisionList writes {"ok":…} and {"missing":…} as an array.
type revisionList struct {
	*stream
	before string
}

func (l *revisionList) found(v shown, more [][]byte) error {
	return l.item(slices.Concat([]byte(`{"ok":`), v.append(nil, more...), []byte("}")))
}

func (l *revisionList) missing(_, rev string) error {
	return l.item(append(appendString([]byte(`{"missing":`), rev), '}'))
}

func (l *revisionList) item(text []byte) error {
	_, err := l.Write(append([]byte(l.before), text...))
	l.before = ","
	return err
}

func (l *revisionList) close() error {
	end := "]\n"
	if l.before == "[" {
		end = "[]\n"
	}
	if _, err := l.Write([]byte(end)); err != nil {
		return err
	}
	return l.Close()
}
