package page

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// replicationView is what the view of replications shows.
type replicationView struct {
	Replications []replicationRow
	Databases    []string
	Form         replicationForm
	Test         *connectionTest
	Problem      *Problem
}

// connectionTest says whether a peer lets a replication in.
type connectionTest struct {
	OK          bool        `json:"ok"`
	Fingerprint string      `json:"fingerprint"`
	Error       *taskFailed `json:"error"`
}

// replicationForm is what was typed to begin a replication. The password is not shown again.
type replicationForm struct {
	Database, Direction, Peer string
	Collections               string
	Continuous                bool
	User                      string
	Fingerprint               string
	Trust                     bool
	Conflicts                 string
}

// Retry says when the replication tries again.
func (r replicationRow) Retry() string {
	if r.NextRetry == 0 {
		return ""
	}
	return "tries again in " + ageText(r.NextRetry-time.Now().Unix())
}

func showReplications(l *look) (any, error) {
	v, err := l.replications()
	if err != nil {
		return nil, err
	}
	v.Form = replicationForm{
		Direction: "both", Continuous: true, Peer: l.form.Get("peer"), Fingerprint: l.form.Get("fingerprint"),
		Database: l.form.Get("db"),
	}
	return v, nil
}

func (l *look) replications() (*replicationView, error) {
	v := new(replicationView)
	if err := l.get(&v.Replications, "/_replicate"); err != nil && !isStatus(err, http.StatusForbidden) {
		return nil, err
	}
	return v, l.get(&v.Databases, "/_all_dbs")
}

// changeReplication begins a replication, or starts, stops, resets or forgets one.
func changeReplication(l *look) (string, error) {
	const here = "/_tandem/replications"
	path := "/_replicate/" + url.PathEscape(l.form.Get("n"))
	switch do := l.form.Get("do"); do {
	case "start", "stop", "reset", "retry":
		return here, l.send(nil, Request{Method: http.MethodPost, Path: path + "/" + do, Body: []byte("{}")})
	case "forget":
		return here, l.send(nil, Request{Method: http.MethodDelete, Path: path})
	}
	var test *connectionTest
	var err error
	if l.form.Get("do") == "test" || l.r.URL.Query().Get("part") == "test" {
		test = new(connectionTest)
		err = l.request(test, "/_replicate/_test")
	} else if err = l.request(nil, "/_replicate"); err == nil {
		return here, nil
	}
	v, failed := l.replications()
	if failed != nil {
		return "", failed
	}
	v.Form = l.replicationForm()
	if v.Test = test; err != nil {
		v.Test, v.Problem = nil, problemOf(err)
	}
	return "", &redo{v, v.Problem}
}

func (l *look) replicationForm() replicationForm {
	get := l.form.Get
	return replicationForm{
		Database: get("database"), Direction: get("direction"), Peer: strings.TrimSpace(get("peer")), Collections: get("collections"),
		Continuous: get("continuous") != "", User: get("user"), Fingerprint: strings.TrimSpace(get("fingerprint")),
		Trust: get("trust") != "", Conflicts: get("conflicts"),
	}
}

// request sends the form as a replication.
func (l *look) request(to any, path string) error {
	f := l.replicationForm()
	wanted := map[string]any{
		"continuous": f.Continuous, "bidirectional": f.Direction == "both", "trust_on_first_use": f.Trust,
		"source": f.Database, "target": f.Peer,
	}
	if f.Direction == "pull" {
		wanted["source"], wanted["target"] = f.Peer, f.Database
	}
	if f.Fingerprint != "" {
		wanted["pinned_fingerprint"] = strings.ReplaceAll(f.Fingerprint, " ", "")
	}
	if f.Conflicts != "" {
		wanted["conflicts"] = f.Conflicts
	}
	if names := strings.FieldsFunc(f.Collections, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' }); len(names) > 0 {
		wanted["collections"] = names
	}
	if f.User != "" {
		wanted["auth"] = map[string]string{"user": f.User, "password": l.form.Get("password")}
	}
	body, err := json.Marshal(wanted)
	if err != nil {
		return err
	}
	return l.send(to, Request{Method: http.MethodPost, Path: path, Body: body})
}
