package tandem_test

import (
	"crypto"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/internal/mesh/group"
	"github.com/tandemdb/tandem/internal/mesh/joining"
)

// signerIn returns who signs with a key of a device's store.
func signerIn(t testing.TB, d *joiner, label string) group.Signer {
	t.Helper()
	id, err := d.store.Load(label)
	check(t, err)
	return group.Signer{Key: id.TLSCertificate().PrivateKey.(crypto.Signer), Chain: id.Certificates()}
}

// removedTo reports whether a group shows a member as removed.
func removedTo(t testing.TB, g *tandem.PeerGroup, id tandem.PeerID) bool {
	t.Helper()
	all, err := g.Members(t.Context())
	check(t, err)
	return slices.ContainsFunc(all, func(m tandem.MemberInfo) bool { return m.ID == id && !m.Removed.IsZero() })
}

// A hostile inviter removes keys that are not of its members: these join, run and are shown as before.
func TestAnInvitersRecordsCountForItsOwnMembersOnly(t *testing.T) {
	one, two := newJoiner(t, "one"), newJoiner(t, "two")
	g := one.found(t, testGroup)
	m := one.run(t, g)
	at := m.Addresses()[0]
	bad, err := two.join(t.Context(), invite(t, g, tandem.InvitationOptions{MayInvite: true}).Code(), at)
	check(t, err)
	labels, err := two.store.Labels()
	check(t, err)
	hostile := signerIn(t, two, labels[0])
	id, err := tandem.CreateIdentity(nil, tandem.TLSIdentityOptions{CommonName: "three"})
	check(t, err)
	for _, victim := range []*tandem.TLSIdentity{g.Identity(), id} {
		witness, err := group.Issue(hostile, victim.Leaf().PublicKey, group.Member{Group: testGroup, Now: time.Now()})
		check(t, err)
		r, err := group.Remove(hostile, testGroup, group.Target{Key: group.KeyOf(victim.Leaf()), Certificate: witness[0]}, time.Now())
		check(t, err)
		check(t, g.Hear(t.Context(), r.Text()))
		check(t, bad.Hear(t.Context(), r.Text()))
	}
	if removedTo(t, g, g.PeerID()) {
		t.Error("the first member is shown as removed")
	}
	code, _, err := joining.ParseCode(invite(t, g, tandem.InvitationOptions{}).Code())
	check(t, err)
	tcp, err := net.Dial("tcp", at)
	check(t, err)
	grant, err := joining.Ask(t.Context(), tcp, id.TLSCertificate(), code, "three")
	check(t, err)
	if grant.Ended != "" {
		t.Errorf("the third does not join: %s", grant.Ended)
	}
	m.Stop()
	check(t, m.Start())
}
