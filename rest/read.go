package rest

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/internal/couch"
)

// detail says what an answer tells of a document besides its content.
type detail struct {
	history, conflicts, expiry, attachments, latest bool
}

// details reads the parameters revs, conflicts and show_exp.
func (c *call) details() (d detail, err error) {
	for name, flag := range map[string]*bool{
		"revs": &d.history, "conflicts": &d.conflicts, "show_exp": &d.expiry, "latest": &d.latest,
	} {
		if *flag, err = c.flag(name); err != nil {
			return d, err
		}
	}
	d.attachments, err = c.bare("attachments")
	return d, err
}

func getDocument(c *call) error {
	id, err := docID(c.vars[0])
	if err != nil {
		return err
	}
	if c.has("open_revs") {
		return getOpenRevisions(c, id)
	}
	wanted, err := c.details()
	if err != nil {
		return err
	}
	v, err := c.read(id, c.revision())
	if err != nil {
		return err
	}
	c.audit(auditRead, "document", id)
	c.setTag(v.rev)
	if matches(c.r.Header.Get("If-None-Match"), v.rev) {
		c.w.WriteHeader(http.StatusNotModified)
		return nil
	}
	more, err := c.more(v, wanted)
	if err != nil {
		return err
	}
	v.attachments = wanted.attachments
	return c.send(http.StatusOK, v.append(nil, more...))
}

// read returns the latest revision of a document, or a kept one if rev is not "". A tombstone is found
// only by its revision.
func (c *call) read(id, rev string) (v shown, err error) {
	ctx := c.r.Context()
	err = c.admitted(func() error {
		d, err := newest(ctx, c.coll, id)
		switch {
		case err != nil:
			return err
		case d == nil:
			return notFound("missing")
		case rev == d.RevisionID() || rev == "" && !d.Deleted():
			v = shownOf(d)
			return nil
		case rev == "":
			return notFound("deleted")
		}
		v, err = c.kept(ctx, id, rev)
		return err
	})
	return v, err
}

// kept returns an earlier or conflicting revision whose body the database keeps.
func (c *call) kept(ctx context.Context, id, rev string) (shown, error) {
	all, err := c.coll.History(ctx, id)
	if err != nil {
		return shown{}, err
	}
	for _, r := range all {
		if r.ID == rev && (r.Body != nil || r.Deleted) {
			return shown{id: id, rev: rev, deleted: r.Deleted, body: r.Body}, nil
		}
	}
	return c.ended(ctx, id, rev)
}

// ended returns the tombstone that ends a branch which has lost a conflict.
func (c *call) ended(ctx context.Context, id, rev string) (shown, error) {
	if !c.hasTrees() {
		return shown{}, notFound("missing")
	}
	coll, err := c.trees()
	if err != nil {
		return shown{}, err
	}
	found, err := coll.Revisions(ctx, []couch.Wanted{{ID: id, Rev: rev}}, false)
	if err != nil || !found[0].Found {
		return shown{}, cmp.Or(err, notFound("missing"))
	}
	return shown{id: id, rev: rev, deleted: found[0].Deleted, body: found[0].Body}, nil
}

// notFound answers 404 with a reason that clients of CouchDB know.
func notFound(reason string) error { return tandem.ErrNotFound.Says("%s", reason) }

// admitted reads when few others do: see [readsPerProcessor].
func (c *call) admitted(read func() error) error {
	select {
	case c.h.reading <- struct{}{}:
	case <-c.r.Context().Done():
		return c.r.Context().Err()
	}
	defer func() { <-c.h.reading }()
	return read()
}

// more returns the members that the details ask for.
func (c *call) more(v shown, wanted detail) (members [][]byte, err error) {
	if wanted.history || wanted.conflicts {
		all, err := c.coll.History(c.r.Context(), v.id)
		if err != nil {
			return nil, err
		}
		if wanted.history {
			members = appendRevisions(members, v.rev, all)
		}
		if wanted.conflicts {
			members = appendConflicts(members, all)
		}
	}
	if wanted.expiry {
		at, err := c.coll.Expiration(c.r.Context(), v.id)
		if err != nil {
			return nil, err
		}
		if !at.IsZero() {
			members = append(members, []byte(`"_exp":"`+at.UTC().Format(time.RFC3339)+`"`))
		}
	}
	return members, nil
}

// appendRevisions appends _revisions, which revision trees have: the generation of a revision, and the
// digests of it and its ancestors.
func appendRevisions(members [][]byte, rev string, all []tandem.Revision) [][]byte {
	generation, digest, isTree := cutTree(rev)
	if !isTree {
		return members
	}
	ids := []string{digest}
	next := generation
	for _, r := range all {
		older, digest, isTree := cutTree(r.ID)
		if isTree && r.Role == tandem.RevisionAncestor && older == next-1 {
			ids = append(ids, digest)
			next = older
		}
	}
	text, err := json.Marshal(struct {
		Start uint64   `json:"start"`
		IDs   []string `json:"ids"`
	}{generation, ids})
	if err != nil {
		return members // strings always have a form
	}
	return append(members, append([]byte(`"_revisions":`), text...))
}

// cutTree splits the ID of a tree revision.
func cutTree(rev string) (generation uint64, digest string, ok bool) {
	number, digest, ok := strings.Cut(rev, "-")
	generation, err := strconv.ParseUint(number, 10, 63)
	return generation, digest, ok && err == nil && !isVersion(rev)
}

func appendConflicts(members [][]byte, all []tandem.Revision) [][]byte {
	var conflicts []byte
	for _, r := range all {
		if r.Role == tandem.RevisionConflict {
			conflicts = appendString(append(conflicts, ','), r.ID)
		}
	}
	if conflicts == nil {
		return members
	}
	return append(members, slices.Concat([]byte(`"_conflicts":[`), conflicts[1:], []byte("]")))
}
