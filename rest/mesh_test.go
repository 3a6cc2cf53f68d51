package rest_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/rest"
)

// startMember starts a member of a group on a database.
func startMember(t testing.TB, db *tandem.Database, g *tandem.PeerGroup, name string, peers ...string) *tandem.MultipeerReplicator {
	t.Helper()
	coll, err := db.DefaultCollection(t.Context())
	check(t, err)
	m, err := tandem.NewMultipeerReplicator(tandem.MultipeerReplicatorConfiguration{
		Group: g, Name: name, Peers: peers, NetworkInterface: "127.0.0.1", DisableDiscovery: true,
		Collections: []tandem.MultipeerCollectionConfiguration{{Collection: coll}},
	})
	check(t, err)
	check(t, m.Start())
	t.Cleanup(m.Stop)
	return m
}

// serveMesh serves shop as the first member of a mesh.
func serveMesh(t testing.TB, change func(cfg *rest.Configuration)) (*server, *tandem.MultipeerReplicator) {
	t.Helper()
	var member *tandem.MultipeerReplicator
	s := serve(t, func(cfg *rest.Configuration) {
		db := cfg.Databases[0].Database
		g, err := tandem.CreatePeerGroup(t.Context(), db, "tills", tandem.PeerGroupOptions{Identities: tandem.MemoryIdentityStore(), DeviceName: "till one"})
		check(t, err)
		member = startMember(t, db, g, "till one")
		cfg.Databases[0].Mesh, cfg.Limits.RequestsPerSecond = member, -1
		if change != nil {
			change(cfg)
		}
	})
	return s, member
}

func TestAMeshIsShownAndDevicesAreInvited(t *testing.T) {
	s, member := serveMesh(t, nil)
	s.want(s.do("GET /shop/_mesh", "", "As: ann"), 200, `{"group":"tills","id":"*","name":"till one","addresses":["`+
		member.Addresses()[0]+`"],"status":"Offline","may_invite":true,"docs_read":0,"docs_written":0,"pending":0,"bytes_sent":0,"bytes_received":0,"members":[]}`)

	var made struct{ ID, Code, URI string }
	got := s.want(s.do("POST /shop/_mesh/_invitations", `{"may_invite":true}`, "As: ann"), 201, "")
	check(t, json.Unmarshal([]byte(got.body), &made))
	if !strings.HasPrefix(made.URI, "tandem-join:") && !strings.Contains(made.URI, member.Addresses()[0]) {
		t.Errorf("the URI is %s", made.URI)
	}
	if got := s.do("GET /shop/_mesh", "", "As: ann"); strings.Contains(got.body, made.Code) {
		t.Error("the code is shown again")
	}
	theirs := open(t, "theirs", tandem.Options{})
	joined, err := tandem.JoinPeerGroup(t.Context(), theirs, made.Code, tandem.JoinOptions{
		PeerGroupOptions: tandem.PeerGroupOptions{Identities: tandem.MemoryIdentityStore(), DeviceName: "till two"},
		Peers:            member.Addresses(), DisableDiscovery: true,
	})
	check(t, err)
	other := startMember(t, theirs, joined.PeerGroup, "till two", member.Addresses()...)
	s.want(s.do("PUT /shop/a", `{"n":1}`), 201, "")
	var mesh struct {
		Members []struct {
			ID, Name, Status string
			Online, Neighbor bool
			Written          int `json:"docs_written"`
		}
		Invitations []struct{ State, Name string }
	}
	eventually(t, "the new member with a document", func() bool {
		got := s.want(s.do("GET /shop/_mesh", "", "As: ann"), 200, "")
		check(t, json.Unmarshal([]byte(got.body), &mesh))
		return len(mesh.Members) == 1 && mesh.Members[0].Neighbor && mesh.Members[0].Name != "" && mesh.Members[0].Written == 1
	})
	if m := mesh.Members[0]; m.ID != other.PeerID().String() || m.Name != "till two" || !m.Online {
		t.Errorf("the member is %+v", m)
	}
	if len(mesh.Invitations) != 1 || mesh.Invitations[0].State != "used" || mesh.Invitations[0].Name != "till two" {
		t.Errorf("the invitations are %+v", mesh.Invitations)
	}
}

func TestAnInvitationIsCancelled(t *testing.T) {
	s, _ := serveMesh(t, nil)
	var made struct{ ID string }
	check(t, json.Unmarshal([]byte(s.want(s.do("POST /shop/_mesh/_invitations", "", "As: ann"), 201, "").body), &made))
	s.want(s.do("DELETE /shop/_mesh/_invitations/"+made.ID, "", "As: bob"), 403, "")
	s.want(s.do("DELETE /shop/_mesh/_invitations/"+made.ID, "", "As: ann"), 200, "")
	if got := s.do("GET /shop/_mesh", "", "As: ann"); !strings.Contains(got.body, `"cancelled"`) {
		t.Errorf("the mesh is %s", got.body)
	}
	s.want(s.do("DELETE /shop/_mesh/_invitations/none", "", "As: ann"), 404, "")
	s.want(s.do("GET /other/_mesh", "", "As: ann"), 501, "")
}
