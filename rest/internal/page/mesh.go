package page

import (
	"cmp"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// meshView is what the view of meshes shows.
type meshView struct {
	Meshes  []databaseMesh
	Invited *invitation // just made
	Problem *Problem
}

// databaseMesh is the mesh that a database is a member of.
type databaseMesh struct {
	Database    string           `json:"-"`
	Group       string           `json:"group"`
	ID          string           `json:"id"`
	Name        string           `json:"name"`
	Addresses   []string         `json:"addresses"`
	Status      string           `json:"status"`
	MayInvite   bool             `json:"may_invite"`
	Wrong       uint64           `json:"wrong_codes"`
	Warning     string           `json:"warning"` // of the member's certificate
	Error       *taskFailed      `json:"error"`
	Members     []meshMember     `json:"members"`
	Troubles    []meshTrouble    `json:"troubles"`
	Invitations []invitationItem `json:"invitations"`
}

type meshMember struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Online    bool      `json:"online"`
	Neighbor  bool      `json:"neighbor"`
	Dialled   bool      `json:"dialled"`
	Status    string    `json:"status"`
	Neighbors []string  `json:"neighbors"`
	LastSeen  time.Time `json:"last_seen"`
	Trouble   string    `json:"trouble"`
	Read      uint64    `json:"docs_read"`
	Written   uint64    `json:"docs_written"`
	Pending   uint64    `json:"pending"`
	Sent      uint64    `json:"bytes_sent"`
	Received  uint64    `json:"bytes_received"`
}

// Label is what people call the member: its name, or the beginning of its ID.
func (m meshMember) Label() string { return cmp.Or(m.Name, shortID(m.ID)) }

// Short is the beginning of its ID.
func (m meshMember) Short() string { return shortID(m.ID) }

// Short is the beginning of the ID of this member.
func (m *databaseMesh) Short() string { return shortID(m.ID) }

func shortID(id string) string { return id[:min(len(id), 11)] }

// State is its state in the words of the view, for the template state.
func (m meshMember) State() string {
	switch {
	case m.Neighbor:
		return m.Status
	case m.Online:
		return "By others"
	}
	return "Offline"
}

type meshTrouble struct {
	Address string `json:"address"`
	Reason  string `json:"reason"`
}

type invitationItem struct {
	ID        string    `json:"id"`
	State     string    `json:"state"`
	Created   time.Time `json:"created"`
	MayInvite bool      `json:"may_invite"`
	Name      string    `json:"name"`
}

// Pending reports whether a device may still join by it.
func (i invitationItem) Pending() bool { return i.State == "new" || i.State == "open" }

// invitation is a code that is shown once.
type invitation struct {
	Database string `json:"-"`
	Code     string `json:"code"`
	URI      string `json:"uri"`
}

func showMesh(l *look) (any, error) {
	if !l.Admin {
		return nil, &Problem{Status: http.StatusForbidden, Reason: "this view needs the role admin"}
	}
	v := new(meshView)
	return v, v.read(l)
}

// read adds the meshes of all databases that are in one.
func (v *meshView) read(l *look) error {
	var names []string
	if err := l.get(&names, "/_all_dbs"); err != nil {
		return err
	}
	for _, name := range names {
		m := databaseMesh{Database: name}
		err := l.get(&m, "/%s/_mesh", name)
		if isStatus(err, http.StatusNotImplemented) {
			continue
		}
		if err != nil {
			return err
		}
		slices.SortStableFunc(m.Members, compareMembers)
		slices.Reverse(m.Invitations) // the newest first
		v.Meshes = append(v.Meshes, m)
	}
	return nil
}

// compareMembers puts neighbours first, then those online.
func compareMembers(a, b meshMember) int {
	rank := func(m meshMember) int {
		switch {
		case m.Neighbor:
			return 0
		case m.Online:
			return 1
		}
		return 2
	}
	return cmp.Or(rank(a)-rank(b), cmp.Compare(a.Label(), b.Label()), cmp.Compare(a.ID, b.ID))
}

// changeMesh makes a code for a device, or ends one.
func changeMesh(l *look) (string, error) {
	db := l.form.Get("db")
	path := "/" + segment(db) + "/_mesh/_invitations"
	if id := l.form.Get("cancel"); id != "" {
		return "/_tandem/mesh", l.send(nil, Request{Method: http.MethodDelete, Path: path + "/" + url.PathEscape(id)})
	}
	body, err := json.Marshal(map[string]bool{"may_invite": l.form.Get("may_invite") != ""})
	if err != nil {
		return "", err
	}
	v := &meshView{Invited: &invitation{Database: db}}
	if err := l.send(v.Invited, Request{Method: http.MethodPost, Path: path, Body: body}); err != nil {
		v.Invited, v.Problem = nil, problemOf(err)
	}
	if err := v.read(l); err != nil {
		return "", err
	}
	return "", &redo{v, v.Problem}
}
