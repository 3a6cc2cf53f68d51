package page

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// conflictList is the answer of GET /{db}/_conflicts.
type conflictList struct {
	Open    []conflict        `json:"open"`
	Settled []settledConflict `json:"settled"`
}

type conflict struct {
	KS     string          `json:"ks"`
	ID     string          `json:"id"`
	Remote string          `json:"remote"`
	Local  side            `json:"local"`
	Theirs side            `json:"theirs"`
	Base   json.RawMessage `json:"base"`
}

type side struct {
	Revision string          `json:"rev"`
	Deleted  bool            `json:"deleted"`
	Body     json.RawMessage `json:"body"`
}

// Text shows the body.
func (s side) Text() string {
	if s.Deleted {
		return "(deleted)"
	}
	return pretty(s.Body)
}

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

// Loser is the side that did not win.
func (s settledConflict) Loser() side {
	if s.Winner == "remote" {
		return s.Local
	}
	return s.Theirs
}

// conflictView is what the view of conflicts shows: all conflicts, or one of them.
type conflictView struct {
	Databases []databaseConflicts
	One       *oneConflict
	Problem   *Problem
}

type databaseConflicts struct {
	Name string
	conflictList
}

// oneConflict is an open conflict to decide on.
type oneConflict struct {
	conflict
	Database       string
	Merge          merge
	Previous, Next string // links to the conflicts beside it
}

// conflictsMost bounds the conflicts of a database: they have all bodies.
const conflictsMost = 40 << 20

func showConflicts(l *look) (any, error) {
	v := new(conflictView)
	if err := v.read(l); err != nil {
		return nil, err
	}
	if ks, id := l.form.Get("ks"), l.form.Get("id"); ks != "" {
		v.choose(ks, id, l.form.Get("remote"))
	}
	return v, nil
}

func (v *conflictView) read(l *look) error {
	all, err := l.databases()
	if err != nil {
		return err
	}
	for _, d := range all {
		entry := databaseConflicts{Name: d.Name}
		path := "/" + segment(d.Name) + "/_conflicts"
		if err := l.send(&entry.conflictList, Request{Path: path, Most: conflictsMost}); err != nil {
			return err
		}
		v.Databases = append(v.Databases, entry)
	}
	return nil
}

// choose shows one of the open conflicts.
func (v *conflictView) choose(ks, id, remote string) {
	var before string
	for _, d := range v.Databases {
		for _, c := range d.Open {
			switch {
			case v.One == nil && c.KS == ks && c.ID == id && (remote == "" || c.Remote == remote):
				v.One = &oneConflict{conflict: c, Database: d.Name, Previous: before}
			case v.One != nil && v.One.Next == "":
				v.One.Next = c.Link()
			}
			before = c.Link()
		}
	}
	if v.One == nil {
		v.Problem = &Problem{Reason: "this conflict is settled"}
		return
	}
	m := mergeOf(v.One.Local.object(), v.One.Base, v.One.Theirs.object())
	m.MineName, m.TheirsName = "Here", v.One.Remote
	v.One.Merge = m
}

// object is the body, an empty one where the document is deleted.
func (s side) object() []byte {
	if s.Body == nil {
		return []byte("{}")
	}
	return s.Body
}

// Link leads to the conflict.
func (c conflict) Link() string {
	return "/_tandem/conflicts?" + url.Values{"ks": {c.KS}, "id": {c.ID}, "remote": {c.Remote}}.Encode()
}

// Segment is the keyspace as a segment of a path.
func (c conflict) Segment() string { return segmentOf(c.KS) }

// Segment is the keyspace as a segment of a path.
func (s settledConflict) Segment() string { return segmentOf(s.KS) }

// segmentOf escapes a keyspace as REST names it in its answers: the name of the database may have dots.
func segmentOf(ks string) string {
	parts := strings.Split(ks, ".")
	if len(parts) < 3 {
		return url.PathEscape(ks)
	}
	return keyspaceOf(strings.Join(parts[:len(parts)-2], "."), strings.Join(parts[len(parts)-2:], "."))
}

// settleConflict settles an open conflict, or takes the other side of one that was settled.
func settleConflict(l *look) (string, error) {
	switch l.form.Get("do") {
	case "choose":
		return "", l.chooseConflict(nil)
	case "swap":
		return l.swap()
	}
	wanted := map[string]any{
		"remote": l.form.Get("remote"), "local_rev": l.form.Get("local"), "remote_rev": l.form.Get("theirs"),
	}
	switch take := l.form.Get("do"); take {
	case "local", "remote":
		wanted["take"] = take
	default:
		text, err := compact(l.form.Get("text"))
		if err != nil {
			return "", l.chooseConflict(problemOf(err))
		}
		wanted["body"] = json.RawMessage(text)
	}
	body, err := json.Marshal(wanted)
	if err != nil {
		return "", err
	}
	path := "/" + segment(l.form.Get("db")) + "/_conflicts/" + segmentOf(l.form.Get("ks")) + "/" + url.PathEscape(l.form.Get("id"))
	if err := l.send(nil, Request{Method: http.MethodPost, Path: path, Body: body}); err != nil {
		return "", l.chooseConflict(problemOf(err))
	}
	return "/_tandem/conflicts?settled=" + url.QueryEscape(l.form.Get("id")), nil
}

// chooseConflict shows a conflict once more with the choices of the form.
func (l *look) chooseConflict(problem *Problem) error {
	v := new(conflictView)
	if err := v.read(l); err != nil {
		return err
	}
	v.choose(l.form.Get("ks"), l.form.Get("id"), l.form.Get("remote"))
	if v.One != nil {
		v.One.Merge.pick(l.form)
		if problem != nil { // with the text as it was typed
			v.One.Merge.Result = l.form.Get("text")
		}
	}
	if problem != nil {
		v.Problem = problem
	}
	return &redo{v, problem}
}

// swap saves the side of a settled conflict that did not win, as a new revision of what won, if nobody has
// changed it since.
func (l *look) swap() (string, error) {
	v := new(conflictView)
	if err := v.read(l); err != nil {
		return "", err
	}
	number, _ := strconv.ParseInt(l.form.Get("number"), 10, 64) // 0 is the number of none
	for _, d := range v.Databases {
		for _, s := range d.Settled {
			if d.Name == l.form.Get("db") && s.Number == number {
				return l.restore(s)
			}
		}
	}
	return "", &Problem{Status: http.StatusNotFound, Reason: "the log has no such conflict any more"}
}

func (l *look) restore(s settledConflict) (string, error) {
	r := Request{Path: "/" + s.Segment() + "/" + url.PathEscape(s.ID), Match: s.Rev}
	if loser := s.Loser(); loser.Deleted {
		r.Method = http.MethodDelete
	} else {
		r.Method, r.Body = http.MethodPut, loser.Body
	}
	err := l.send(nil, r)
	if isStatus(err, http.StatusConflict) {
		return "", &Problem{
			Status: http.StatusConflict, Reason: "the document was changed after the conflict",
			Hint: "copy what you need from the other side, and edit the document",
		}
	}
	if s.Loser().Deleted {
		return "/_tandem/conflicts", err
	}
	return "/_tandem/docs/" + s.Segment() + "/" + shownID(s.ID) + "?saved", err
}
