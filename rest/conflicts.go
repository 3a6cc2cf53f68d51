package rest

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tandemdb/tandem"
)

func conflictRoutes() []route {
	return []route{
		{method: "GET", pattern: "/{db}/_conflicts", needs: readsSome, do: getConflicts},
		{method: "POST", pattern: "/{db}/_conflicts/{ks}/{doc}", needs: writes, do: postConflict},
	}
}

// side is the revision of one side of a conflict.
type side struct {
	Revision string          `json:"rev"`
	Deleted  bool            `json:"deleted,omitempty"`
	Body     json.RawMessage `json:"body,omitempty"`
}

func sideOf(d *tandem.Document) side {
	if d.Deleted() {
		return side{Revision: d.RevisionID(), Deleted: true}
	}
	return side{Revision: d.RevisionID(), Body: d.Body()}
}

// openConflict is a conflict that nobody has settled yet.
type openConflict struct {
	KS     string          `json:"ks"`
	ID     string          `json:"id"`
	Remote string          `json:"remote"`
	Local  side            `json:"local"`
	Theirs side            `json:"theirs"`
	Base   json.RawMessage `json:"base,omitempty"`
}

// settledConflict is a conflict of the log.
type settledConflict struct {
	KS     string    `json:"ks"`
	ID     string    `json:"id"`
	Remote string    `json:"remote"`
	Number int64     `json:"number"`
	Time   time.Time `json:"time"`
	Winner string    `json:"winner"`
	Why    string    `json:"why"`
	Rev    string    `json:"rev"`
	Local  side      `json:"local"`
	Theirs side      `json:"theirs"`
}

// The bounds of one list of conflicts.
const (
	defaultConflicts = 100
	maxConflicts     = 1000
	maxConflictBytes = 32 << 20 // of bodies
)

// conflictList is an answer under construction.
type conflictList struct {
	Open    []openConflict    `json:"open"`
	Settled []settledConflict `json:"settled,omitempty"`

	limit uint64
	bytes int
}

// full reports whether a list of n conflicts has reached its limit.
func (l *conflictList) full(n int) bool {
	return uint64(n) >= l.limit || l.bytes >= maxConflictBytes
}

// getConflicts lists the conflicts of the collections that the caller may read: they show bodies.
func getConflicts(c *call) error {
	onlyOpen, err := c.flag("open")
	if err != nil {
		return err
	}
	list := conflictList{Open: []openConflict{}}
	if list.limit, err = c.number("limit", defaultConflicts); err != nil {
		return err
	}
	list.limit = min(list.limit, maxConflicts)
	all, err := c.db.Collections(c.r.Context())
	if err != nil {
		return err
	}
	for _, coll := range all {
		if c.mayRead(c.db, coll.Scope(), coll.Name()) {
			if err := list.addOpen(c.r.Context(), c.db.name, coll); err != nil {
				return err
			}
		}
	}
	if !onlyOpen {
		if err := list.addSettled(c); err != nil {
			return err
		}
	}
	return c.answer(http.StatusOK, list)
}

func (l *conflictList) addOpen(ctx context.Context, database string, coll *tandem.Collection) error {
	for conflict, err := range coll.Conflicts(ctx) {
		if err != nil {
			return err
		}
		if l.full(len(l.Open)) {
			break
		}
		open := openConflict{
			KS: database + "." + coll.FullName(), ID: conflict.DocumentID, Remote: conflict.Peer,
			Local: sideOf(conflict.Local), Theirs: sideOf(conflict.Remote), Base: conflict.BaseBody,
		}
		l.bytes += len(open.Local.Body) + len(open.Theirs.Body) + len(open.Base)
		l.Open = append(l.Open, open)
	}
	return nil
}

func (l *conflictList) addSettled(c *call) error {
	for done, err := range c.db.ResolvedConflicts(c.r.Context(), nil, "") {
		if err != nil {
			return err
		}
		if !c.mayRead(c.db, done.Scope, done.Collection) {
			continue
		}
		if l.full(len(l.Settled)) {
			break
		}
		l.bytes += len(done.Local.Body) + len(done.RemoteSide.Body)
		l.Settled = append(l.Settled, settledConflict{
			KS: c.db.name + "." + done.Scope + "." + done.Collection, ID: done.DocumentID, Remote: done.Remote, Number: done.Number,
			Time: done.Time.UTC(), Winner: done.Winner.String(), Why: done.Why, Rev: done.RevisionID,
			Local:  side{done.Local.RevisionID, done.Local.Deleted, done.Local.Body},
			Theirs: side{done.RemoteSide.RevisionID, done.RemoteSide.Deleted, done.RemoteSide.Body},
		})
	}
	return nil
}

// resolution is the body of a request that settles a conflict.
type resolution struct {
	Remote    string          `json:"remote"` // may be left out if there is one
	Take      string          `json:"take"`
	Body      json.RawMessage `json:"body"`
	LocalRev  string          `json:"local_rev"`
	RemoteRev string          `json:"remote_rev"`
}

func postConflict(c *call) error {
	var wanted resolution
	if err := c.decodeExactly(&wanted, c.h.cfg.Limits.DocumentBytes, "the body is no resolution"); err != nil {
		return err
	}
	if (wanted.Take != "") == (len(wanted.Body) > 0) || wanted.Take != "" && wanted.Take != "local" && wanted.Take != "remote" {
		return refuse(http.StatusBadRequest, `give either "take": "local" or "remote", or "body"`)
	}
	if segment, _, _ := strings.Cut(split(sentPath(c.r.URL))[0], "."); c.db.name != pathName(segment) {
		return refuse(http.StatusBadRequest, "the keyspace is of another database")
	}
	if len(wanted.Body) > 0 && (wanted.LocalRev == "" || wanted.RemoteRev == "") {
		return refuse(http.StatusBadRequest, "a body needs local_rev and remote_rev, the revisions that it was made from")
	}
	open, err := c.openConflict(wanted)
	if err != nil {
		return err
	}
	result, err := wanted.result(open)
	if err != nil {
		return err
	}
	if err := c.checkMerged(open, result); err != nil {
		return err
	}
	saved, err := c.coll.Resolve(c.r.Context(), open, result)
	if errors.Is(err, tandem.ErrNotFound) {
		return refuse(http.StatusConflict, "the conflict is over")
	}
	if err != nil {
		return err
	}
	c.w.Header().Set("ETag", `"`+saved.RevisionID()+`"`)
	return c.answer(http.StatusOK, struct {
		OK  bool   `json:"ok"`
		ID  string `json:"id"`
		Rev string `json:"rev"`
	}{true, c.vars[0], saved.RevisionID()})
}

// checkMerged checks the blobs that neither side has.
func (c *call) checkMerged(open *tandem.OpenConflict, result *tandem.Document) error {
	rights, links := linkRights{c: c}, linksOf(result.Body())
	if err := links.checkInline(); err != nil {
		return err
	}
	return rights.checkLinks(open.DocumentID, links, open.Local.Body(), open.Remote.Body())
}

// openConflict finds the conflict of the document that the path names. If one side has another
// revision than the request says, the answer is 409: the caller has seen an earlier conflict.
func (c *call) openConflict(wanted resolution) (*tandem.OpenConflict, error) {
	open, err := c.conflictWith(wanted.Remote)
	if errors.Is(err, tandem.ErrNotFound) {
		return nil, refuse(http.StatusNotFound, "the document has no open conflict")
	}
	if err != nil {
		return nil, err
	}
	for _, rev := range [][2]string{{wanted.LocalRev, open.Local.RevisionID()}, {wanted.RemoteRev, open.Remote.RevisionID()}} {
		if rev[0] != "" && rev[0] != rev[1] {
			return nil, refuse(http.StatusConflict, "one side has changed: its revision is %s now", rev[1]).try("look at the conflict again")
		}
	}
	return open, nil
}

// conflictWith returns the conflict of the document with a peer, or with the first if peer is "".
func (c *call) conflictWith(peer string) (*tandem.OpenConflict, error) {
	id := c.vars[0]
	first, err := c.coll.Conflict(c.r.Context(), id)
	if err != nil || peer == "" || first.Peer == peer {
		return first, err
	}
	for open, err := range c.coll.Conflicts(c.r.Context()) {
		if err != nil || open.DocumentID == id && open.Peer == peer {
			return open, err
		}
		if open.DocumentID > id {
			break
		}
	}
	return nil, tandem.ErrNotFound
}

// pathName returns the text of an escaped segment.
func pathName(segment string) string {
	name, _ := url.PathUnescape(segment) // it was unescaped before
	return name
}

// result returns the document that replaces both sides.
func (wanted resolution) result(open *tandem.OpenConflict) (*tandem.Document, error) {
	switch wanted.Take {
	case "local":
		return open.Local, nil
	case "remote":
		return open.Remote, nil
	}
	return tandem.NewDocumentWithBody(open.DocumentID, wanted.Body)
}
