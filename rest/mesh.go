package rest

import (
	"cmp"
	"context"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/tandemdb/tandem"
)

func meshRoutes() []route {
	return []route{
		{method: "GET", pattern: "/{db}/_mesh", needs: admin, do: getMesh},
		{method: "POST", pattern: "/{db}/_mesh/_invitations", needs: admin, do: postInvitation},
		{method: "DELETE", pattern: "/{db}/_mesh/_invitations/{id}", needs: admin, do: deleteInvitation},
	}
}

// meshCounts count documents and bytes since the member has started.
type meshCounts struct {
	Read     uint64 `json:"docs_read"`
	Written  uint64 `json:"docs_written"`
	Pending  uint64 `json:"pending"`
	Sent     uint64 `json:"bytes_sent"`
	Received uint64 `json:"bytes_received"`
}

func meshCountsOf(p tandem.ReplicatorProgress) meshCounts {
	push, pull := p.Push, p.Pull
	return meshCounts{
		Read: pull.Documents, Written: push.Documents, Sent: p.BytesSent, Received: p.BytesReceived,
		Pending: push.Total - min(push.Completed, push.Total) + pull.Total - min(pull.Completed, pull.Total),
	}
}

// meshState is a member of a mesh: this one, with what it knows of the others.
type meshState struct {
	Group     string     `json:"group"`
	ID        string     `json:"id"`
	Name      string     `json:"name,omitempty"`
	Addresses []string   `json:"addresses"`
	Status    string     `json:"status"`
	MayInvite bool       `json:"may_invite"`
	Wrong     uint64     `json:"wrong_codes,omitempty"` // devices that have tried to join with a wrong code
	Warning   string     `json:"warning,omitempty"`     // of this member's certificate
	Error     *taskError `json:"error,omitempty"`
	meshCounts
	Members     []meshMember     `json:"members"`
	Troubles    []meshTrouble    `json:"troubles,omitempty"`
	Invitations []meshInvitation `json:"invitations,omitempty"`
}

type meshMember struct {
	ID        string     `json:"id"`
	Name      string     `json:"name,omitempty"`
	Online    bool       `json:"online"`
	Neighbor  bool       `json:"neighbor"`
	Dialled   bool       `json:"dialled"`
	Status    string     `json:"status"`
	Addresses []string   `json:"addresses"`
	Neighbors []string   `json:"neighbors"`
	LastSeen  *time.Time `json:"last_seen,omitempty"`
	Trouble   string     `json:"trouble,omitempty"`
	meshCounts
}

// meshTrouble is an address of the configuration at which there is no member.
type meshTrouble struct {
	Address string `json:"address"`
	Reason  string `json:"reason"`
}

type meshInvitation struct {
	ID        string    `json:"id"`
	State     string    `json:"state"`
	Created   time.Time `json:"created"`
	MayInvite bool      `json:"may_invite"`
	Name      string    `json:"name,omitempty"` // of the device that has joined
}

// member returns the member that keeps the database in sync with a mesh.
func (c *call) member() (*tandem.MultipeerReplicator, error) {
	m := c.db.options.Mesh
	if m == nil {
		return nil, refuse(http.StatusNotImplemented, "this server runs no member of a mesh for %.300s", c.db.name).
			try("start tandem serve with --mesh")
	}
	return m, nil
}

// getMesh shows the mesh as this member sees it.
func getMesh(c *call) error {
	m, err := c.member()
	if err != nil {
		return err
	}
	cfg, s := m.Config(), m.Status()
	shown := meshState{
		Group: cfg.PeerGroupID, ID: m.PeerID().String(), Name: cfg.Name, Addresses: orEmpty(m.Addresses()), Status: statusText(s.Activity),
		Wrong: s.WrongProofs, Warning: s.Warning, Error: errorOfTask(s.Err), meshCounts: meshCountsOf(s.Progress), Members: []meshMember{},
	}
	for _, p := range m.Peers() {
		shown.Members = append(shown.Members, memberOf(p))
	}
	troubles := m.Troubles()
	for _, address := range slices.Sorted(maps.Keys(troubles)) {
		shown.Troubles = append(shown.Troubles, meshTrouble{address, troubles[address]})
	}
	if g := cfg.Group; g != nil {
		shown.Name = cmp.Or(cfg.Name, g.DeviceName())
		shown.Group, shown.MayInvite = g.Name(), g.MayInvite()
		list, err := g.Invitations(c.r.Context())
		if err != nil {
			return err
		}
		for _, i := range list {
			shown.Invitations = append(shown.Invitations, meshInvitation{i.ID, string(i.State), i.Created.UTC(), i.MayInvite, i.Name})
		}
	}
	return c.answer(http.StatusOK, shown)
}

func memberOf(p tandem.PeerInfo) meshMember {
	m := meshMember{
		ID: p.ID.String(), Name: p.Name, Online: p.Online, Neighbor: p.Neighbor, Dialled: p.Dialled,
		Status: statusText(p.Status.Activity), Addresses: orEmpty(p.Addresses), Neighbors: []string{}, Trouble: p.Trouble,
		meshCounts: meshCountsOf(p.Status.Progress),
	}
	for _, id := range p.Neighbors {
		m.Neighbors = append(m.Neighbors, id.String())
	}
	if at := p.LastSeen.UTC(); !at.IsZero() {
		m.LastSeen = &at
	}
	return m
}

// group returns the group of the member, in which devices join by codes.
func (c *call) group() (*tandem.PeerGroup, *tandem.MultipeerReplicator, error) {
	m, err := c.member()
	if err != nil {
		return nil, nil, err
	}
	g := m.Config().Group
	if g == nil {
		return nil, nil, refuse(http.StatusNotImplemented, "devices join this group by certificates of its authority, and not by codes")
	}
	return g, m, nil
}

// postInvitation makes a code by which one device joins. It is shown this once.
func postInvitation(c *call) error {
	g, m, err := c.group()
	if err != nil {
		return err
	}
	var wanted struct {
		MayInvite bool `json:"may_invite"`
	}
	if err := c.decode(&wanted); err != nil {
		return err
	}
	i, err := g.Invite(c.r.Context(), tandem.InvitationOptions{MayInvite: wanted.MayInvite})
	if err != nil {
		return err
	}
	if err := c.awaitAnswering(g, i); err != nil {
		return err
	}
	return c.answer(http.StatusCreated, struct {
		ID   string `json:"id"`
		Code string `json:"code"`
		URI  string `json:"uri"`
		Life int    `json:"expires_secs"`
	}{i.ID(), i.Code(), i.URI(m.Addresses()), int(tandem.InvitationLife / time.Second)})
}

// answeringTime bounds the wait for the member to answer for a code.
const answeringTime = 5 * time.Second

// awaitAnswering waits until the member answers for a code, so that it works when it is shown.
func (c *call) awaitAnswering(g *tandem.PeerGroup, i *tandem.Invitation) error {
	ctx, cancel := context.WithTimeout(c.r.Context(), answeringTime)
	defer cancel()
	switch answered, err := g.AwaitAnswering(ctx, i); {
	case err != nil:
		return err
	case !answered:
		return refuse(http.StatusServiceUnavailable, "the member of the mesh does not answer for the code").
			try("look at the state of the mesh, and make another code when the member runs")
	}
	return nil
}

// deleteInvitation ends a code that was not used yet.
func deleteInvitation(c *call) error {
	g, _, err := c.group()
	if err != nil {
		return err
	}
	if err := g.CancelInvitation(c.r.Context(), c.vars[0]); err != nil {
		return err
	}
	return c.answer(http.StatusOK, okAnswer)
}
