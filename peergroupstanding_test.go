package tandem_test

import (
	"crypto/x509"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/internal/mesh/group"
)

// labelOf returns the label of a member's key in its device's store.
func labelOf(t testing.TB, d *joiner, g *tandem.PeerGroup) string {
	t.Helper()
	labels, err := d.store.Labels()
	check(t, err)
	for _, label := range labels {
		if id, err := d.store.Load(label); err == nil && id.Leaf().Equal(g.Identity().Leaf()) {
			return label
		}
	}
	t.Fatalf("no key of the member is among %q", labels)
	return ""
}

// The founder's own certificate was signed by an inviter whose key is stolen: the founder stays when that
// one is removed. It renews its certificate itself, alone or not.
func TestTheFounderGoesWithNobody(t *testing.T) {
	one := newJoiner(t, "one")
	g := one.found(t, testGroup)
	thief := newInviter(t, signerIn(t, one, g.AuthorityLabel()), time.Now())
	label := labelOf(t, one, g)
	own := signerIn(t, one, label)
	chain, err := group.Issue(thief, own.Key.Public(), group.Member{Group: testGroup, Now: time.Now()})
	check(t, err)
	captured, err := tandem.IdentityFromKeyAndCerts(own.Key, chain)
	check(t, err)
	former, err := one.store.Load(label)
	check(t, err)
	check(t, one.store.Save(label, captured, former))
	g = one.open(t)
	if !g.Identity().Leaf().Equal(chain[0]) {
		t.Fatal("the founder does not have the thief's certificate")
	}
	m := one.run(t, g)
	check(t, m.TakeRenewed(chain))
	check(t, g.Remove(t.Context(), tandem.PeerIDOf(thief.Chain[0]), tandem.RemoveOptions{}))
	eventually(t, func() bool { return !g.Identity().Leaf().Equal(chain[0]) })
	if s := m.Status(); s.Removed || s.Err != nil {
		t.Errorf("the founder is removed: %t, %v", s.Removed, s.Err)
	}
	if removedTo(t, g, g.PeerID()) {
		t.Error("the founder is shown as removed")
	}
	invite(t, g, tandem.InvitationOptions{})
	m.Stop()
	before := g.Identity().Expiration()
	later := time.Now().AddDate(0, 0, 300)
	g.SetClock(func() time.Time { return later })
	check(t, m.Start())
	if !g.Identity().Expiration().After(before.AddDate(0, 9, 0)) {
		t.Error("a founder that is alone does not renew its certificate")
	}
	check(t, m.TakeRenewed(chain))
	if g.Identity().Leaf().Equal(chain[0]) {
		t.Error("the founder takes another's certificate")
	}
}

// A member whose renewed certificate goes with an inviter has the one before, while that is valid.
func TestAMemberHasItsFormerCertificate(t *testing.T) {
	one, two := newJoiner(t, "one"), newJoiner(t, "two")
	g1 := one.found(t, testGroup)
	own := signerIn(t, one, g1.AuthorityLabel())
	m1 := one.run(t, g1)
	g2 := two.enter(t, g1, m1.Addresses()[0])
	m1.Stop()
	later := time.Now().AddDate(0, 0, 300)
	clock := func() time.Time { return later }
	g2.SetClock(clock)
	first, m2 := g2.Identity().Leaf(), two.run(t, g2)
	thief := newInviter(t, own, later)
	take := func(chain []*x509.Certificate) {
		t.Helper()
		m2.AskToRenew()
		check(t, m2.TakeRenewed(chain))
		if !g2.Identity().Leaf().Equal(chain[0]) {
			t.Fatal("the certificate is not taken")
		}
	}
	short := handMade(t, thief, first.PublicKey, false, later.AddDate(0, 0, -200), 270*24*time.Hour)
	take(append([]*x509.Certificate{short}, thief.Chain...))
	chain, err := g2.RenewedBy(thief) // of its own, so that nothing else is left
	check(t, err)
	take(chain)
	m2.Stop()
	again := two.open(t)
	again.SetClock(clock)
	m2 = two.run(t, again)
	r, err := group.Remove(own, testGroup, group.Target{Key: group.KeyOf(thief.Chain[0])}, later)
	check(t, err)
	check(t, again.Hear(t.Context(), r.Text()))
	eventually(t, func() bool { return again.Identity().Leaf().Equal(first) })
	if s := m2.Status(); s.Removed {
		t.Errorf("the member is removed: %v", s.Err)
	}
	m2.Stop()
	check(t, m2.Start())
	m2.Stop()
	// The group's key removes the member itself, whatever certificate it has.
	r, err = group.Remove(own, testGroup, group.Target{Key: group.KeyOf(first)}, later)
	check(t, err)
	check(t, again.Hear(t.Context(), r.Text()))
	wantError(t, "start a removed member", m2.Start(), tandem.ErrForbidden)
}

// An inviter removes whom it has invited, and not those whose certificates it has renewed: they have
// others. It says so.
func TestRenewingGivesNoRightToRemove(t *testing.T) {
	one, two, three := newJoiner(t, "one"), newJoiner(t, "two"), newJoiner(t, "three")
	g1 := one.found(t, testGroup)
	m1 := one.run(t, g1)
	g3 := three.enter(t, g1, m1.Addresses()[0])
	m1.Stop()
	g1.SetClock(func() time.Time { return time.Now().AddDate(0, 0, 30) }) // the inviter's certificate ends later
	check(t, m1.Start())
	g2, err := two.join(t.Context(), invite(t, g1, tandem.InvitationOptions{MayInvite: true}).Code(), m1.Addresses()[0])
	check(t, err)
	m1.Stop()
	later := time.Now().AddDate(0, 0, 300)
	for _, g := range []*tandem.PeerGroup{g2, g3} {
		g.SetClock(func() time.Time { return later })
	}
	before := g3.Identity().Leaf()
	m2 := two.run(t, g2)
	m3 := three.run(t, g3, m2.Addresses()[0])
	eventually(t, func() bool { return !g3.Identity().Leaf().Equal(before) })
	err = g2.Remove(t.Context(), g3.PeerID(), tandem.RemoveOptions{})
	if !errors.Is(err, tandem.ErrForbidden) || !strings.Contains(tandem.HintOf(err), "the group") {
		t.Errorf("an inviter removes whom it has not invited: %v", err)
	}
	// One that it has invited it does remove, unless another inviter has invited the same key anew.
	four := newJoiner(t, "four")
	g4 := four.enter(t, g2, m2.Addresses()[0])
	other := newInviter(t, signerIn(t, one, g1.AuthorityLabel()), time.Now())
	anew, err := group.Issue(other, g4.Identity().Leaf().PublicKey, group.Member{Group: testGroup, Now: later})
	check(t, err)
	check(t, g2.NoteMember(t.Context(), anew))
	err = g2.Remove(t.Context(), g4.PeerID(), tandem.RemoveOptions{})
	if !errors.Is(err, tandem.ErrForbidden) || !strings.Contains(err.Error(), "anew") || removedTo(t, g2, g4.PeerID()) {
		t.Errorf("a removal that does not count: %v", err)
	}
	check(t, g2.NoteMember(t.Context(), g4.Identity().Certificates()))
	check(t, g2.Remove(t.Context(), g4.PeerID(), tandem.RemoveOptions{}))
	if !removedTo(t, g2, g4.PeerID()) {
		t.Error("the removed one is shown as a member")
	}
	m3.Stop()
}

// A member that runs while another process leaves the group is none any more, and brings nothing back.
func TestLeavingEndsARunningMember(t *testing.T) {
	one, two := newJoiner(t, "one"), newJoiner(t, "two")
	g1 := one.found(t, testGroup)
	m1 := one.run(t, g1)
	g2 := two.enter(t, g1, m1.Addresses()[0])
	m2 := two.run(t, g2)
	save(t, m1.coll, "milk", `{}`)
	waitSame(t, 1, m1, m2)
	r, err := group.Remove(signerIn(t, one, g1.AuthorityLabel()), testGroup, group.Target{Key: group.Key{1}}, time.Now())
	check(t, err)
	beside := *two
	beside.db = openAt(t, two.db.Path(), tandem.Options{})
	other := beside.open(t)
	check(t, other.Leave(t.Context()))
	eventually(t, func() bool { s := m2.Status(); return s.Removed && s.Neighbors == 0 })
	wantError(t, "the status after leaving", m2.Status().Err, tandem.ErrNotFound)
	wantError(t, "hear a record after leaving", g2.Hear(t.Context(), r.Text()), tandem.ErrNotFound)
	wantError(t, "rename after leaving", g2.Rename(t.Context(), "x"), tandem.ErrNotFound)
	if _, err := g2.Invite(t.Context(), tandem.InvitationOptions{}); err == nil {
		t.Error("who has left invites")
	}
	made := two.found(t, testGroup)
	wantError(t, "leave another group of the name", g2.Leave(t.Context()), tandem.ErrNotFound)
	m2.Stop()
	wantError(t, "start after leaving", m2.Start(), tandem.ErrNotFound)
	again := two.open(t)
	all, err := again.Members(t.Context())
	check(t, err)
	if len(all) != 1 || all[0].ID != made.PeerID() || !made.Founded() {
		t.Errorf("the new group has %d members", len(all))
	}
}

// What an earlier group of the same name has left in the database is no part of the next one.
func TestAGroupBeginsEmpty(t *testing.T) {
	one, other := newJoiner(t, "one"), newJoiner(t, "other")
	foreign := other.found(t, testGroup)
	r, err := group.Remove(signerIn(t, other, foreign.AuthorityLabel()), testGroup, group.Target{Key: group.Key{1}}, time.Now())
	check(t, err)
	check(t, tandem.LeaveBehind(t.Context(), one.db, testGroup, r, foreign.Identity().Certificates()))
	one.found(t, testGroup)
	check(t, tandem.LeaveBehind(t.Context(), one.db, testGroup, r, nil)) // a process of the time before
	g := one.open(t)
	all, err := g.Members(t.Context())
	check(t, err)
	if len(all) != 1 || len(g.Records()) > 0 {
		t.Errorf("the new group has %d members and %d records", len(all), len(g.Records()))
	}
}

// A record that removes more stays, whoever writes a weaker one, and when the device joins again.
func TestAWeakerRecordTakesNoPlace(t *testing.T) {
	one, two := newJoiner(t, "one"), newJoiner(t, "two")
	g1 := one.found(t, testGroup)
	own := signerIn(t, one, g1.AuthorityLabel())
	now := time.Now()
	record := func(after, at time.Time) []byte {
		t.Helper()
		r, err := group.Remove(own, testGroup, group.Target{Key: group.Key{1}, IssuedAfter: after}, at)
		check(t, err)
		return r.Text()
	}
	strong, weak := record(time.Time{}, now), record(now.Add(-time.Hour), now)
	m1 := one.run(t, g1)
	g2 := two.enter(t, g1, m1.Addresses()[0])
	late := two.open(t)
	check(t, g2.Hear(t.Context(), strong))
	check(t, late.Hear(t.Context(), weak))
	kept := func(what string) {
		t.Helper()
		g := two.open(t)
		if all := g.Records(); len(all) != 1 || !slices.Equal(all[0], strong) {
			t.Errorf("%s: %d records are kept, the first one %s", what, len(all), all)
		}
	}
	kept("another process writes")
	check(t, g1.Hear(t.Context(), weak))
	check(t, g2.Rename(t.Context(), "till 2"))
	joined := two.enter(t, g1, m1.Addresses()[0])
	kept("the device joins again")
	if joined.DeviceName() != "till 2" {
		t.Errorf("who joins again is called %q, want as it was renamed", joined.DeviceName())
	}
	// The same one with other times is neither written nor passed on.
	before, err := g1.Changes(t.Context())
	check(t, err)
	for i := range 5 {
		check(t, g1.Hear(t.Context(), record(now.Add(-time.Hour), now.Add(-time.Duration(i)*time.Second))))
	}
	after, err := g1.Changes(t.Context())
	check(t, err)
	if after > before+1 { // the member that runs notes its neighbour
		t.Errorf("the group was changed %d times", after-before)
	}
}

// A member is listed by the name that it gives itself, and by the one that it was invited by.
func TestTheInvitedNameStays(t *testing.T) {
	one, two := newJoiner(t, "one"), newJoiner(t, "two")
	g1 := one.found(t, testGroup)
	m1 := one.run(t, g1)
	g2 := two.enter(t, g1, m1.Addresses()[0])
	check(t, g2.Rename(t.Context(), "one"))
	two.name = "" // it says what it was renamed to
	two.run(t, g2, m1.Addresses()[0])
	eventually(t, func() bool {
		all, err := g1.Members(t.Context())
		check(t, err)
		return slices.ContainsFunc(all, func(m tandem.MemberInfo) bool {
			return m.ID == g2.PeerID() && m.Name == "one" && m.InvitedAs == "two"
		})
	})
}
