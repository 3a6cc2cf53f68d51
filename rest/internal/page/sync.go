package page

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// syncState is why a document is in sync with each peer, or not, what it was, and how long it stays.
type syncState struct {
	KS, ID  string
	Peers   []explanation
	History []pastRevision
	Expires time.Time        // zero for never
	Set     bool             // the expiry was just set
	Pushes  []replicationRow // that push the collection
	Pushed  string           // how many documents were just pushed, "0" or "1"; "" if none was to be
	Problem *Problem
}

type explanation struct {
	Peer     string `json:"peer"`
	State    string `json:"state"`
	Reason   string `json:"reason"`
	Revision string `json:"revision"`
	Remote   string `json:"remoteRevision"`
}

// pastRevision is a known revision of a document.
type pastRevision struct {
	Revision string          `json:"revision"`
	Role     string          `json:"role"`
	Time     time.Time       `json:"time"`
	Source   string          `json:"source"`
	Own      bool            `json:"own"`
	Deleted  bool            `json:"deleted"`
	Body     json.RawMessage `json:"body"`
	Peers    []string        `json:"peers"`
}

// Author says who has written the revision.
func (p pastRevision) Author() string {
	switch {
	case p.Own:
		return "this database"
	case p.Source != "":
		return "database " + p.Source
	}
	return "not noted in revision trees"
}

// Text shows the body, "" where it is not kept.
func (p pastRevision) Text() string {
	switch {
	case p.Deleted:
		return "(deleted)"
	case len(p.Body) > partShown:
		return string(p.Body[:partShown]) + "…"
	case p.Body == nil:
		return ""
	}
	return pretty(p.Body)
}

// historyMost bounds the history of a document: it has the bodies that are kept.
const historyMost = 64 << 20

func showSync(l *look) (any, error) {
	s := &syncState{KS: l.vars["ks"], ID: l.vars["id"], Set: l.form.Has("set"), Pushed: l.form.Get("pushed")}
	return s, l.addSync(s)
}

func (l *look) addSync(s *syncState) error {
	id := url.PathEscape(s.ID)
	if err := l.send(&s.History, Request{Path: "/" + s.KS + "/_history/" + id, Most: historyMost}); err != nil {
		return err
	}
	if err := l.send(&s.Peers, Request{Path: "/" + s.KS + "/_explain/" + id}); err != nil {
		return err
	}
	var expiry struct {
		At time.Time `json:"_exp"`
	}
	err := l.send(&expiry, Request{Path: "/" + s.KS + "/_expiry/" + id})
	if isStatus(err, http.StatusNotFound) { // a deleted document has none
		err = nil
	}
	s.Expires = expiry.At
	if err == nil {
		err = l.addPushes(s)
	}
	return err
}

// addPushes finds the replications that push the collection.
func (l *look) addPushes(s *syncState) error {
	if !l.Replicates {
		return nil
	}
	var all []replicationRow
	if err := l.get(&all, "/_replicate"); err != nil {
		return err
	}
	database, collection := splitKS(s.KS)
	for _, r := range all {
		local, _, pushes := r.sides()
		if of, _ := splitKS(local); pushes && of == database && slices.Contains(r.Collections, collection) {
			s.Pushes = append(s.Pushes, r)
		}
	}
	return nil
}

// splitKS returns the database of a keyspace, and its collection as scope.name.
func splitKS(ks string) (database, collection string) {
	parts := strings.Split(ks, ".")
	for i := range parts {
		if text, err := url.PathUnescape(parts[i]); err == nil {
			parts[i] = text
		}
	}
	switch len(parts) {
	case 1:
		return parts[0], "_default._default"
	case 2:
		return parts[0], "_default." + parts[1]
	}
	return parts[0], parts[1] + "." + parts[2]
}

// Deleted reports whether the document is deleted.
func (s *syncState) Deleted() bool { return len(s.History) > 0 && s.History[0].Deleted }

// Elsewhere reports whether a peer is known to have the current revision.
func (s *syncState) Elsewhere() bool { return len(s.History) > 0 && len(s.History[0].Peers) > 0 }

// expiryUnits are the lengths of the units that the form has.
var expiryUnits = map[string]time.Duration{"minutes": time.Minute, "hours": time.Hour, "days": 24 * time.Hour}

// expiryMost bounds the number of units, so that every time has a year of four digits.
const expiryMost = 100_000

// changeSync pushes the document at once, or sets when it is purged.
func changeSync(l *look) (string, error) {
	s := &syncState{KS: l.vars["ks"], ID: l.vars["id"]}
	if l.form.Get("do") == "push" {
		return l.pushNow(s)
	}
	return l.setExpiry(s)
}

// pushNow pushes the document to the peer of a replication.
func (l *look) pushNow(s *syncState) (string, error) {
	_, collection := splitKS(s.KS)
	body, _ := json.Marshal(map[string]string{"collection": collection, "id": s.ID}) // strings have a form
	var result struct {
		Written uint64      `json:"docs_written"`
		Error   *taskFailed `json:"error"`
	}
	err := l.send(&result, Request{Method: http.MethodPost, Path: "/_replicate/" + url.PathEscape(l.form.Get("n")) + "/push", Body: body})
	if err != nil {
		return "", l.syncAgain(s, problemOf(err))
	}
	if result.Error != nil {
		return "", l.syncAgain(s, &Problem{Status: http.StatusBadGateway, Reason: result.Error.Reason, Hint: result.Error.Hint})
	}
	return s.path() + "?pushed=" + strconv.FormatUint(result.Written, 10), nil
}

func (s *syncState) path() string { return "/_tandem/sync/" + s.KS + "/" + shownID(s.ID) }

// setExpiry sets when the document is purged.
func (l *look) setExpiry(s *syncState) (string, error) {
	body := []byte(`{"_exp":null}`)
	if l.form.Get("do") != "never" {
		n, err := strconv.Atoi(l.form.Get("in"))
		unit := expiryUnits[l.form.Get("unit")]
		if err != nil || n < 1 || n > expiryMost || unit == 0 {
			return "", l.syncAgain(s, &Problem{Status: http.StatusBadRequest, Reason: "this is no time from now", Hint: "write a number from 1 to 100000"})
		}
		body, _ = json.Marshal(map[string]time.Time{"_exp": time.Now().UTC().Add(time.Duration(n) * unit).Truncate(time.Second)})
	}
	id := url.PathEscape(s.ID)
	if err := l.send(nil, Request{Method: http.MethodPut, Path: "/" + s.KS + "/_expiry/" + id, Body: body}); err != nil {
		return "", l.syncAgain(s, problemOf(err))
	}
	return s.path() + "?set", nil
}

// syncAgain shows the view with a problem.
func (l *look) syncAgain(s *syncState, p *Problem) error {
	if err := l.addSync(s); err != nil {
		return err
	}
	s.Problem = p
	return &redo{s, p}
}
