package tandem_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"math/big"
	"net"
	"net/url"
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

// handMade is a certificate that the group's code would not issue. It is valid from a time on for a life.
func handMade(t testing.TB, by group.Signer, key crypto.PublicKey, authority bool, from time.Time, life time.Duration) *x509.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(7), NotBefore: from, NotAfter: from.Add(life), BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		URIs: []*url.URL{group.URI(testGroup)},
	}
	if authority {
		template.IsCA, template.KeyUsage = true, template.KeyUsage|x509.KeyUsageCertSign
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by.Chain[0], key, by.Key)
	check(t, err)
	cert, err := x509.ParseCertificate(der)
	check(t, err)
	return cert
}

// Renewal makes no inviter of whom another inviter has called one.
func TestRenewalGivesNoRights(t *testing.T) {
	one := newJoiner(t, "one")
	g := one.found(t, testGroup)
	own := signerIn(t, one, g.AuthorityLabel())
	key := g.Identity().Leaf().PublicKey
	inviter, err := group.Issue(own, own.Key.Public(), group.Member{Group: testGroup, MayInvite: true, Now: time.Now()})
	check(t, err)
	forger := newJoiner(t, "forger")
	other := signerIn(t, forger, forger.found(t, testGroup).AuthorityLabel())
	between, err := group.Issue(own, other.Key.Public(), group.Member{Group: testGroup, MayInvite: true, Now: time.Now()})
	check(t, err)
	forged := handMade(t, group.Signer{Key: other.Key, Chain: between}, key, true, time.Now().Add(-time.Hour), 24*time.Hour)
	renewed, err := g.Renewed(append([]*x509.Certificate{forged}, between...))
	check(t, err)
	if named, err := group.Named(renewed[0]); err != nil || len(named) != 1 || named[0].By != group.KeyOf(between[0]) {
		t.Errorf("the renewed certificate names %v as who has signed the one before (%v)", named, err)
	}
	for leaf, want := range map[*x509.Certificate]bool{inviter[0]: true, forged: false} {
		chain := append([]*x509.Certificate{leaf}, map[bool][]*x509.Certificate{true: own.Chain, false: between}[want]...)
		renewed, err := g.Renewed(chain)
		check(t, err)
		if group.MayInvite(renewed) != want {
			t.Errorf("of %v: the renewed certificate may invite: %t, want %t", leaf.Issuer, !want, want)
		}
	}
}

// After the time of a used and of a cancelled code the member writes no more than what is asked for.
func TestAMemberRestsAfterItsCodes(t *testing.T) {
	one, two := newJoiner(t, "one"), newJoiner(t, "two")
	g := one.found(t, testGroup)
	m := one.run(t, g)
	two.enter(t, g, m.Addresses()[0])
	cancelled := invite(t, g, tandem.InvitationOptions{})
	check(t, g.CancelInvitation(t.Context(), cancelled.ID()))
	changes := func() int64 {
		n, err := g.Changes(t.Context())
		check(t, err)
		return n
	}
	before := changes()
	m.EndCodes()
	for m.CodesTimed() > 0 {
		if n := changes(); n > before+10 {
			t.Fatalf("the group was changed %d times since its codes have ended", n-before)
		}
		time.Sleep(time.Millisecond)
	}
	before = changes()
	invite(t, g, tandem.InvitationOptions{})
	if n := changes() - before; n != 2 { // the code is made, and taken
		t.Errorf("the group was changed %d times by a new code, want 2", n)
	}
}

// A removal that cannot be written at first is written when it comes again, and counts after a restart.
func TestARemovalThatWasNotWrittenIsWrittenLater(t *testing.T) {
	one := newJoiner(t, "one")
	g := one.found(t, testGroup)
	own := signerIn(t, one, g.AuthorityLabel())
	told, asked := newJoiner(t, "told").found(t, testGroup).PeerID(), newJoiner(t, "asked").found(t, testGroup).PeerID()
	r, err := group.Remove(own, testGroup, group.Target{Key: group.Key(told)}, time.Now())
	check(t, err)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if g.Hear(ended, r.Text()) == nil {
		t.Error("a record is written after the end of the context")
	}
	check(t, one.db.InBatch(t.Context(), func(*tandem.Batch) error {
		wantError(t, "remove in a batch", g.Remove(t.Context(), asked, tandem.RemoveOptions{}), tandem.ErrInvalid)
		return nil
	}))
	if removedTo(t, g, told) || removedTo(t, g, asked) {
		t.Error("a record counts that is not written")
	}
	check(t, g.Hear(t.Context(), r.Text()))
	check(t, g.Remove(t.Context(), asked, tandem.RemoveOptions{}))
	again := one.open(t)
	if !removedTo(t, again, told) || !removedTo(t, again, asked) {
		t.Error("a removal is forgotten by a restart")
	}
}

// A certificate for which nobody has asked, one that is valid for long, and one without the right to invite
// in the place of one that has it, are not taken.
func TestOnlyADueRenewalIsTaken(t *testing.T) {
	for name, mayInvite := range map[string]bool{"a member": false, "an inviter": true} {
		t.Run(name, func(t *testing.T) {
			one, two := newJoiner(t, "one"), newJoiner(t, "two")
			g1 := one.found(t, testGroup)
			m1 := one.run(t, g1)
			g, err := two.join(t.Context(), invite(t, g1, tandem.InvitationOptions{MayInvite: mayInvite}).Code(), m1.Addresses()[0])
			check(t, err)
			m1.Stop()
			own, key := signerIn(t, one, g1.AuthorityLabel()), g.Identity().Leaf().PublicKey
			other := newInviter(t, own, time.Now())
			later := time.Now().AddDate(0, 0, 300)
			g.SetClock(func() time.Time { return later })
			m := two.run(t, g)
			take := func(chain []*x509.Certificate, want bool, what string) {
				t.Helper()
				check(t, m.TakeRenewed(chain))
				if taken := g.Identity().Leaf().Equal(chain[0]); taken != want {
					t.Errorf("%s: taken %t, want %t", what, taken, want)
				}
			}
			issue := func(by group.Signer, mayInvite bool) []*x509.Certificate {
				t.Helper()
				chain, err := group.Issue(by, key, group.Member{Group: testGroup, Now: later, MayInvite: mayInvite})
				check(t, err)
				return chain
			}
			take(issue(own, mayInvite), false, "nobody has asked")
			m.AskToRenew()
			long := handMade(t, own, key, mayInvite, later.Add(-time.Hour), 2*group.MemberLife)
			take(append([]*x509.Certificate{long}, own.Chain...), false, "for two years")
			take(issue(own, !mayInvite), false, "with other rights")
			if mayInvite {
				forged := handMade(t, other, key, true, later.Add(-time.Hour), 80*24*time.Hour)
				take(append([]*x509.Certificate{forged}, other.Chain...), false, "an authority of another inviter")
				take(issue(other, false), false, "of another inviter")
			}
			take(issue(own, mayInvite), true, "due")
			take(issue(own, mayInvite), false, "once more")
			if g.MayInvite() != mayInvite {
				t.Errorf("the renewed member may invite: %t", !mayInvite)
			}
		})
	}
}

// newInviter is who may invite, without a device.
func newInviter(t testing.TB, own group.Signer, now time.Time) group.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	chain, err := group.Issue(own, key.Public(), group.Member{Group: testGroup, MayInvite: true, Now: now})
	check(t, err)
	return group.Signer{Key: key, Chain: chain}
}
