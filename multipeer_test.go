package tandem_test

import (
	"context"
	"crypto/x509"
	"fmt"
	"net/url"
	"path/filepath"
	"testing"
	"time"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/internal/testsize"
)

const testGroup = "com.example.tills"

// groupOwner signs the identities of a group.
type groupOwner struct {
	t      testing.TB
	issuer *tandem.TLSIdentity
}

func newGroupOwner(t testing.TB) *groupOwner {
	t.Helper()
	id, err := tandem.CreateIdentity(nil, tandem.TLSIdentityOptions{CommonName: "authority", Usage: tandem.IssuerUsage})
	check(t, err)
	return &groupOwner{t, id}
}

// identity signs an identity that names groups.
func (a *groupOwner) identity(name string, groups ...string) *tandem.TLSIdentity {
	a.t.Helper()
	var uris []*url.URL
	for _, group := range groups {
		uris = append(uris, tandem.PeerGroupURI(group))
	}
	id, err := tandem.CreateIdentity(nil, tandem.TLSIdentityOptions{CommonName: name, Issuer: a.issuer, URIs: uris})
	check(a.t, err)
	return id
}

func (a *groupOwner) root() *x509.Certificate { return a.issuer.Leaf() }

// memberConfig is the configuration of a member on the loopback interface, with the default collection of a new
// database.
func memberConfig(t testing.TB, a *groupOwner, name string, peers ...string) tandem.MultipeerReplicatorConfiguration {
	t.Helper()
	return memberConfigIn(t, a, name, tandem.Options{}, peers...)
}

// memberConfigIn is memberConfig with options for the database.
func memberConfigIn(
	t testing.TB, a *groupOwner, name string, o tandem.Options, peers ...string,
) tandem.MultipeerReplicatorConfiguration {
	t.Helper()
	coll := defaultIn(t, openAt(t, filepath.Join(t.TempDir(), name), o))
	return tandem.MultipeerReplicatorConfiguration{
		PeerGroupID: testGroup, Identity: a.identity(name, testGroup), Authenticator: tandem.MultipeerRoots(a.root()),
		Collections: []tandem.MultipeerCollectionConfiguration{{Collection: coll}},
		Name:        name, Peers: peers, NetworkInterface: "127.0.0.1", DisableDiscovery: true,
	}
}

// member is a member of a mesh with its collection.
type member struct {
	*tandem.MultipeerReplicator
	coll *tandem.Collection
}

func startMember(t testing.TB, cfg tandem.MultipeerReplicatorConfiguration) *member {
	t.Helper()
	m, err := tandem.NewMultipeerReplicator(cfg)
	check(t, err)
	check(t, m.Start())
	t.Cleanup(m.Close)
	return &member{m, cfg.Collections[0].Collection}
}

// startMembers starts n members. Each later member knows only the address of the first.
func startMembers(t testing.TB, a *groupOwner, n int) []*member {
	t.Helper()
	all := []*member{startMember(t, memberConfig(t, a, "m0"))}
	for i := 1; i < n; i++ {
		all = append(all, startMember(t, memberConfig(t, a, fmt.Sprintf("m%d", i), all[0].Addresses()[0])))
	}
	return all
}

// count returns the number of documents that a member has.
func (m *member) count(t testing.TB) uint64 {
	t.Helper()
	n, err := m.coll.Count(context.Background())
	check(t, err)
	return n
}

// waitSame waits until all members have the same documents, as many as are wanted.
func waitSame(t testing.TB, want int, all ...*member) {
	t.Helper()
	ok := testsize.Eventually(testsize.Patience, func() bool {
		for _, m := range all {
			if m.count(t) != uint64(want) {
				time.Sleep(10 * time.Millisecond)
				return false
			}
		}
		return true
	})
	if !ok {
		for i, m := range all {
			t.Logf("member %d: %d documents, %+v, %v", i, m.count(t), m.Status(), m.Troubles())
			for _, p := range m.Peers() {
				t.Logf("  %s online %t neighbour %t: %s, %v", p.Name, p.Online, p.Neighbor, p.Trouble, p.Status.Err)
			}
		}
		t.Fatalf("not all members have %d documents", want)
	}
}

// TestTwoMembersByHand lets two members sync that know one address.
func TestTwoMembersByHand(t *testing.T) {
	a := newGroupOwner(t)
	all := startMembers(t, a, 2)
	save(t, all[0].coll, "milk", `{"litres":2}`)
	save(t, all[1].coll, "bread", `{"loaves":1}`)
	waitSame(t, 2, all...)
	check(t, all[0].Wait(t.Context()))
	testsize.Eventually(testsize.Patience, func() bool { return all[0].Neighbors()[0].Name != "" })
	if n := all[0].Neighbors(); len(n) != 1 || n[0].ID != all[1].PeerID() || n[0].Name != "m1" || n[0].Dialled {
		t.Errorf("neighbours of the first: %+v, want the second, which has dialled", n)
	}
}

// Who waits while all are in sync, and so has nothing to be told of, is not kept waiting.
func TestWaitingInSyncEnds(t *testing.T) {
	testsize.Bubble(t, func(t *testing.T) {
		all := airMembers(t, newAirwaves(), 2, func(int, *tandem.MultipeerReplicatorConfiguration) {})
		for _, m := range all {
			check(t, m.Start())
		}
		for range 20 {
			time.Sleep(10 * time.Second)
			begun := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			if err := all[0].Wait(ctx); err != nil || time.Since(begun) > 10*time.Second {
				t.Errorf("waited %v: %v", time.Since(begun), err)
			}
			cancel()
		}
	})
}
