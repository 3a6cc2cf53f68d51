package tandem_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"strings"
	"testing"
	"time"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/internal/mesh/group"
	"github.com/tandemdb/tandem/internal/testsize"
)

// newMember is the certificate of a new key.
func newMember(t testing.TB, by group.Signer, m group.Member) []*x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	m.Group = testGroup
	chain, err := group.Issue(by, key.Public(), m)
	check(t, err)
	return chain
}

// An inviter that makes members without end pushes out no others, and those whose certificates have long
// ended are forgotten.
func TestKnownMembersAreBounded(t *testing.T) {
	one := newJoiner(t, "one")
	g := one.found(t, testGroup)
	own, now := signerIn(t, one, g.AuthorityLabel()), time.Now()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	inviter, err := group.Issue(own, key.Public(), group.Member{Group: testGroup, MayInvite: true, Now: now})
	check(t, err)
	hostile := group.Signer{Key: key, Chain: inviter}
	friend := newMember(t, own, group.Member{Now: now})
	ended := append([]*x509.Certificate{handMade(t, own, newMember(t, own, group.Member{Now: now})[0].PublicKey, false, now, time.Hour)}, own.Chain...)
	noteAt := func(chain []*x509.Certificate, at time.Time) {
		t.Helper()
		g.SetClock(func() time.Time { return at })
		check(t, g.NoteMember(t.Context(), chain))
	}
	noteAt(ended, now)
	noteAt(friend, now.Add(-2*time.Minute))
	first := newMember(t, hostile, group.Member{Now: now})
	noteAt(first, now.Add(-time.Minute))
	for i := range tandem.MaxMembersOf {
		chain := newMember(t, hostile, group.Member{Now: now})
		switch i % 3 {
		case 0: // it pretends to be of the group's key
			chain[1], chain[2] = chain[2], chain[1]
		case 1:
			chain = chain[:2]
		}
		noteAt(chain, now)
	}
	g.SetClock(func() time.Time { return now.AddDate(0, 0, 40) })
	check(t, g.TidyMembers(t.Context()))
	all, err := g.Members(t.Context())
	check(t, err)
	left := make(map[tandem.PeerID]bool)
	for _, m := range all {
		left[m.ID] = true
	}
	if n := len(all); n != tandem.MaxMembersOf+2 { // those of the inviter, the friend and this one
		t.Errorf("%d members are kept, want %d", n, tandem.MaxMembersOf+2)
	}
	for what, c := range map[string]struct {
		chain []*x509.Certificate
		want  bool
	}{"a friend": {friend, true}, "one whose certificate has ended": {ended, false}, "the inviter's first": {first, false}} {
		if got := left[tandem.PeerIDOf(c.chain[0])]; got != c.want {
			t.Errorf("%s is kept %t, want %t", what, got, c.want)
		}
	}
	if !left[g.PeerID()] {
		t.Error("this member itself is forgotten")
	}
}

// A group with so many removals that no message holds them can still be joined.
func TestAGrantIsBounded(t *testing.T) {
	one := newJoiner(t, "one")
	g := one.found(t, testGroup)
	own, now := signerIn(t, one, g.AuthorityLabel()), time.Now()
	m := one.run(t, g)
	records := longRecords(t, own, now)
	for _, r := range records {
		check(t, g.Hear(t.Context(), r.Text()))
	}
	mine, err := group.Remove(own, testGroup, group.Target{Key: group.KeyOf(newMember(t, own, group.Member{Now: now})[0])}, now)
	check(t, err)
	check(t, g.Hear(t.Context(), mine.Text()))
	if count, size := m.Granted(); size > 2<<20 || size < 1<<20 || count > len(records) {
		t.Errorf("a joiner is sent %d records with %d bytes at once", count, size)
	}
	two := newJoiner(t, "two")
	ctx, cancel := context.WithTimeout(t.Context(), testsize.Patience)
	defer cancel()
	g2, err := two.join(ctx, invite(t, g, tandem.InvitationOptions{}).Code(), m.Addresses()[0])
	check(t, err)
	if !removedTo(t, g2, tandem.PeerID(mine.Member())) {
		t.Error("the joiner was not told of the removal by the group's key")
	}
}

// longRecords are those of inviters that make them as long as they may be.
func longRecords(t testing.TB, own group.Signer, now time.Time) (all []*group.Removal) {
	t.Helper()
	many := make([]group.Signing, group.MaxSignings)
	for i := range many {
		many[i].By[0] = byte(i)
	}
	for range 8 {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		check(t, err)
		chain, err := group.Issue(own, key.Public(), group.Member{
			Group: testGroup, Name: strings.Repeat("x", 64), MayInvite: true, Earlier: many, Now: now,
		})
		check(t, err)
		by := group.Signer{Key: key, Chain: chain}
		for range 64 {
			m := newMember(t, by, group.Member{Earlier: many, Now: now})
			r, err := group.Remove(by, testGroup, group.Target{Key: group.KeyOf(m[0]), Certificate: m[0]}, now)
			check(t, err)
			all = append(all, r)
		}
	}
	return all
}

// A member that no inviter has renewed is warned about a month ahead, by the group's time.
func TestTheEndOfACertificateIsToldAMonthAhead(t *testing.T) {
	one := newJoiner(t, "one")
	g := one.found(t, testGroup)
	m := one.run(t, g)
	if w := m.Status().Warning; w != "" || g.Warning() != "" {
		t.Errorf("a new member is warned: %q, %q", w, g.Warning())
	}
	g.SetClock(func() time.Time { return g.Identity().Expiration().AddDate(0, 0, -20).Add(-time.Hour) })
	if w := m.Status().Warning; !strings.HasPrefix(w, "expires in 20 days, at ") || g.Warning() != w {
		t.Errorf("twenty days before the end the member is told %q, the group %q", w, g.Warning())
	}
}
