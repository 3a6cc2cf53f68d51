package page

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
)

// document is the editor of a document.
type document struct {
	KS, ID   string
	New      bool
	Gone     bool // somebody has deleted it while it was edited
	Revision string
	Text     string // as it is shown, or was typed
	Base     string // as it was when the editing began
	Size     int
	TooLarge bool
	Blobs    []blobRow
	Saved    bool
	Changed  bool // since the revision that the editor began with
	Drafts   bool // the browser may keep what is typed
	Problem  *Problem
	Merge    *merge // when somebody else has saved meanwhile
}

// drafts reports whether the browser may keep what is typed: its files are not encrypted as a database may be.
func (l *look) drafts() bool {
	var info struct {
		Encrypted *bool `json:"encrypted"`
	}
	database, _, _ := strings.Cut(l.vars["ks"], ".")
	return l.get(&info, "/"+database) == nil && info.Encrypted != nil && !*info.Encrypted
}

type blobRow struct {
	Name, Type, URL string
	Length          uint64
	IsImage         bool
}

// The bounds of the editor.
const (
	documentMost = 24 << 20
	editMost     = 1 << 20 // a larger document is shown in part
	partShown    = 64 << 10
)

// ownMembers are those that the server puts before the document's own.
var ownMembers = []string{"_id", "_rev", "_cv"}

func showNew(l *look) (any, error) {
	return &document{KS: l.vars["ks"], ID: l.form.Get("id"), New: true, Text: "{\n  \n}", Drafts: l.drafts()}, nil
}

func showDocument(l *look) (any, error) {
	d, err := l.document()
	if isStatus(err, http.StatusNotFound) {
		return nil, &Problem{
			Status: http.StatusNotFound, Reason: "there is no document with this ID in " + l.vars["ks"],
			Hint: "it may have been deleted, here or on a peer: search for it in the list of the collection",
		}
	}
	if err != nil {
		return nil, err
	}
	d.Saved = l.form.Has("saved")
	d.Changed = l.form.Get("rev") != d.Revision
	return d, nil
}

// document reads the document that the path names.
func (l *look) document() (*document, error) {
	d := &document{KS: l.vars["ks"], ID: l.vars["id"], Drafts: l.drafts()}
	answer := l.Ask(Request{Path: d.path(), Most: documentMost})
	if p := answer.Problem(); p != nil {
		return nil, p
	}
	if answer.Header.Get("Content-Type") != "application/json" {
		return nil, &Problem{Status: http.StatusNotFound, Reason: "this is no document"}
	}
	all := membersOf(answer.Body)
	_ = json.Unmarshal(valueOf(all, "_rev"), &d.Revision) // the server has written it
	text := objectOf(without(all, ownMembers...))
	d.Size = len(text)
	if d.TooLarge = len(text) > editMost; d.TooLarge {
		d.Text = string(bytes.ToValidUTF8(text[:partShown], nil))
		return d, nil
	}
	d.Text = pretty(text)
	d.Base = d.Text
	d.Blobs = blobsOf(d, text)
	return d, nil
}

func (d *document) path() string { return "/" + d.KS + "/" + url.PathEscape(d.ID) }

// blobsOf lists the blobs at the top of a document.
func blobsOf(d *document, text []byte) (all []blobRow) {
	for _, m := range membersOf(text) {
		var blob struct {
			Kind   string `json:"@type"`
			Type   string `json:"content_type"`
			Length uint64 `json:"length"`
		}
		if json.Unmarshal(m.Value, &blob) != nil || blob.Kind != "blob" {
			continue
		}
		all = append(all, blobRow{
			Name: m.Key, Type: blob.Type, Length: blob.Length,
			IsImage: shownTypes[blob.Type],
			URL:     "/_tandem/blob/" + d.KS + "/" + url.PathEscape(d.ID) + "/" + url.PathEscape(m.Key),
		})
	}
	return all
}

// changeDocument saves or deletes a document, or looks at choices of a merge.
func changeDocument(l *look) (string, error) {
	d := &document{
		KS: l.vars["ks"], ID: l.vars["id"], Revision: l.form.Get("rev"), Text: l.form.Get("text"), Base: l.form.Get("base"),
		Drafts: l.drafts(),
	}
	switch l.form.Get("do") {
	case "delete":
		err := l.send(nil, Request{Method: http.MethodDelete, Path: d.path(), Match: d.Revision})
		if isStatus(err, http.StatusConflict) {
			err = &Problem{Status: http.StatusConflict, Reason: "somebody has changed the document meanwhile", Hint: "look at it again, then delete it"}
		}
		return "/_tandem/docs/" + d.KS, err
	case "choose":
		return "", l.choose(d)
	default:
		return l.save(d)
	}
}

// save saves what was typed. If somebody else has saved meanwhile, nothing typed is lost: both versions
// are shown for a choice.
func (l *look) save(d *document) (string, error) {
	err := l.put(d)
	switch {
	case err == nil:
		return "/_tandem/docs/" + d.KS + "/" + shownID(d.ID) + "?saved", nil
	case isStatus(err, http.StatusConflict):
		return "", l.meet(d)
	}
	d.Problem = problemOf(err)
	return "", &redo{d, d.Problem}
}

// put sends the text of the editor.
func (l *look) put(d *document) error {
	text, err := compact(d.Text)
	if err != nil {
		return err
	}
	return l.send(nil, Request{Method: http.MethodPut, Path: d.path(), Body: text, Match: d.Revision})
}

// meet compares what was typed with what is stored now.
func (l *look) meet(d *document) error {
	now, err := l.document()
	if isStatus(err, http.StatusNotFound) {
		return gone(d)
	}
	if err != nil {
		return err
	}
	if now.TooLarge {
		return tooLargeToCompare(d)
	}
	d.Revision = now.Revision
	d.Problem = &Problem{Status: http.StatusConflict, Reason: "somebody has changed the document while you were editing it"}
	m := mergeOf([]byte(d.Text), []byte(d.Base), []byte(now.Text))
	m.MineName, m.TheirsName = "Yours", "Stored now"
	d.Merge = &m
	return &redo{d, d.Problem}
}

// gone keeps what was typed into a document that is deleted now: there is nothing to compare it with.
func gone(d *document) error {
	d.Gone, d.Revision, d.Base = true, "", ""
	d.Problem = &Problem{
		Status: http.StatusConflict, Reason: "somebody has deleted the document while you were editing it",
		Hint: "nothing that you typed is lost: save to bring the document back with your text, or leave it",
	}
	return &redo{d, d.Problem}
}

// tooLargeToCompare keeps what was typed, and the revision that it cannot replace.
func tooLargeToCompare(d *document) error {
	d.Problem = &Problem{
		Status: http.StatusConflict, Reason: "somebody has changed the document, and it is too large now to be compared here",
		Hint: "copy your text, and use REST or the command to bring both together",
	}
	return &redo{d, d.Problem}
}

// choose shows the result of the choices of a form.
func (l *look) choose(d *document) error {
	now, err := l.document()
	if isStatus(err, http.StatusNotFound) {
		return gone(d)
	}
	if err != nil {
		return err
	}
	if now.TooLarge {
		return tooLargeToCompare(d)
	}
	d.Revision = now.Revision
	m := mergeOf([]byte(l.form.Get("mine")), []byte(d.Base), []byte(now.Text))
	m.MineName, m.TheirsName = "Yours", "Stored now"
	m.pick(l.form)
	d.Text, d.Merge = m.Result, &m
	return &redo{d, nil}
}

// saveNew creates a document. An ID that exists is a problem, with what was typed kept.
func saveNew(l *look) (string, error) {
	d := &document{KS: l.vars["ks"], ID: l.form.Get("id"), New: true, Text: l.form.Get("text")}
	text, err := compact(d.Text)
	if err != nil {
		d.Problem = problemOf(err)
		return "", &redo{d, d.Problem}
	}
	r := Request{Method: http.MethodPut, Path: d.path(), Body: text}
	if d.ID == "" {
		r = Request{Method: http.MethodPost, Path: "/" + d.KS, Body: text}
	}
	var saved struct {
		ID string `json:"id"`
	}
	err = l.send(&saved, r)
	if isStatus(err, http.StatusConflict) {
		err = &Problem{Status: http.StatusConflict, Reason: "there is a document with this ID already", Hint: "choose another ID"}
	}
	if err != nil {
		d.Problem = problemOf(err)
		return "", &redo{d, d.Problem}
	}
	return "/_tandem/docs/" + d.KS + "/" + shownID(saved.ID) + "?saved", nil
}
