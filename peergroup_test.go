package tandem_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/internal/testsize"
)

// joiner is a database with an identity store of its own, as on a device.
type joiner struct {
	db    *tandem.Database
	store tandem.TLSIdentityStore
	name  string
}

func newJoiner(t testing.TB, name string) *joiner {
	t.Helper()
	return &joiner{openAt(t, filepath.Join(t.TempDir(), name), tandem.Options{}), tandem.MemoryIdentityStore(), name}
}

func (d *joiner) options() tandem.PeerGroupOptions {
	return tandem.PeerGroupOptions{Identities: d.store, DeviceName: d.name}
}

// found makes a group.
func (d *joiner) found(t testing.TB, name string) *tandem.PeerGroup {
	t.Helper()
	g, err := tandem.CreatePeerGroup(t.Context(), d.db, name, d.options())
	check(t, err)
	return g
}

// join joins by a code at an address.
func (d *joiner) join(ctx context.Context, code, address string) (*tandem.PeerGroup, error) {
	g, err := tandem.JoinPeerGroup(ctx, d.db, code, tandem.JoinOptions{
		PeerGroupOptions: d.options(), Peers: []string{address}, DisableDiscovery: true,
	})
	if err != nil {
		return nil, err
	}
	return g.PeerGroup, nil
}

// enter joins by a code of a member of a group, which runs at an address.
func (d *joiner) enter(t testing.TB, inviter *tandem.PeerGroup, address string) *tandem.PeerGroup {
	t.Helper()
	g, err := d.join(t.Context(), invite(t, inviter, tandem.InvitationOptions{}).Code(), address)
	check(t, err)
	return g
}

// open finds the membership in the database.
func (d *joiner) open(t testing.TB) *tandem.PeerGroup {
	t.Helper()
	g, err := tandem.OpenPeerGroup(t.Context(), d.db, testGroup, d.options())
	check(t, err)
	return g
}

// run starts a member of a group.
func (d *joiner) run(t testing.TB, g *tandem.PeerGroup, peers ...string) *member {
	t.Helper()
	return startMember(t, tandem.MultipeerReplicatorConfiguration{
		Group: g, Name: d.name, Peers: peers, NetworkInterface: "127.0.0.1", DisableDiscovery: true,
		Collections: []tandem.MultipeerCollectionConfiguration{{Collection: defaultIn(t, d.db)}},
	})
}

// invite makes a code for which a running member answers.
func invite(t testing.TB, g *tandem.PeerGroup, o tandem.InvitationOptions) *tandem.Invitation {
	t.Helper()
	i, err := g.Invite(t.Context(), o)
	check(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), testsize.Patience)
	defer cancel()
	if answered, err := g.AwaitAnswering(ctx, i); err != nil || !answered {
		t.Fatalf("answered %t, %v", answered, err)
	}
	return i
}

// TestADeviceJoinsByACode and has the documents of the others; one that is removed is out.
func TestADeviceJoinsByACode(t *testing.T) {
	one, two, three := newJoiner(t, "one"), newJoiner(t, "two"), newJoiner(t, "three")
	g1 := one.found(t, testGroup)
	m1 := one.run(t, g1)
	at := m1.Addresses()[0]
	g2 := two.enter(t, g1, at)
	m2 := two.run(t, g2)
	save(t, m1.coll, "milk", `{"litres":2}`)
	waitSame(t, 1, m1, m2)
	g3 := three.enter(t, g1, at)
	m3 := three.run(t, g3)
	save(t, m3.coll, "bread", `{"loaves":1}`)
	waitSame(t, 2, m1, m2, m3)

	check(t, g1.Remove(t.Context(), g3.PeerID(), tandem.RemoveOptions{}))
	out := testsize.Eventually(testsize.Patience, func() bool {
		time.Sleep(10 * time.Millisecond)
		return len(m3.Neighbors()) == 0 && len(m1.Neighbors()) == 1 && len(m2.Neighbors()) == 1
	})
	if !out {
		t.Errorf("the removed device still has %d neighbours, the others %d and %d", len(m3.Neighbors()), len(m1.Neighbors()), len(m2.Neighbors()))
	}
	save(t, m1.coll, "tea", `{}`)
	waitSame(t, 3, m1, m2)
	if n := m3.count(t); n != 2 {
		t.Errorf("the removed device has %d documents, want 2", n)
	}
}
