package tandem_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/internal/mesh/joining"
)

// checkRefused checks that a code is refused, and for which reason.
func checkRefused(t testing.TB, d *joiner, code, at, why string) {
	t.Helper()
	_, err := d.join(t.Context(), code, at)
	if !errors.Is(err, tandem.ErrForbidden) || !strings.Contains(err.Error(), why) || tandem.HintOf(err) == "" {
		t.Errorf("got %v, want it refused: %s", err, why)
	}
	if groups, err := tandem.PeerGroups(t.Context(), d.db); err != nil || len(groups) > 0 {
		t.Errorf("a refused device is in groups %q, %v", groups, err)
	}
	if labels, err := d.store.Labels(); err != nil || len(labels) > 0 {
		t.Errorf("a refused device has keys %q, %v", labels, err)
	}
}

func TestCodesThatHaveEndedAreTold(t *testing.T) {
	one, two, three := newJoiner(t, "one"), newJoiner(t, "two"), newJoiner(t, "three")
	g := one.found(t, testGroup)
	m := one.run(t, g)
	at := m.Addresses()[0]
	used := invite(t, g, tandem.InvitationOptions{})
	if _, err := two.join(t.Context(), used.Code(), at); err != nil {
		t.Fatal(err)
	}
	checkRefused(t, three, used.Code(), at, "another device has used")
	checkRefused(t, three, joining.NewCode().Text(), at, "does not know this code")
	cancelled := invite(t, g, tandem.InvitationOptions{})
	check(t, g.CancelInvitation(t.Context(), cancelled.ID()))
	checkRefused(t, three, cancelled.Code(), at, "has cancelled the code")
	check(t, g.CancelInvitation(t.Context(), used.ID())) // it stays used
	checkRefused(t, three, used.Code(), at, "another device has used")
	if err := g.CancelInvitation(t.Context(), "nobody"); !errors.Is(err, tandem.ErrNotFound) {
		t.Errorf("got %v for an unknown invitation", err)
	}
	// Codes end with the run that answers.
	open := invite(t, g, tandem.InvitationOptions{})
	m.Stop()
	check(t, m.Start())
	invite(t, g, tandem.InvitationOptions{}) // so that the new run has looked
	checkRefused(t, three, open.Code(), m.Addresses()[0], "has expired")
	all, err := g.Invitations(t.Context())
	check(t, err)
	var states []string
	for _, i := range all {
		states = append(states, string(i.State))
	}
	slices.Sort(states)
	if want := "cancelled expired open used"; strings.Join(states, " ") != want {
		t.Errorf("the invitations are %q, want %q", states, want)
	}
	if s := m.Status(); s.WrongProofs != 0 {
		t.Errorf("%d wrong proofs are counted since the start, want none", s.WrongProofs)
	}
}

// The grant is lost on the way: the same device has the same one again, another one does not.
func TestALostGrantIsFetchedAgain(t *testing.T) {
	one := newJoiner(t, "one")
	g := one.found(t, testGroup)
	m := one.run(t, g)
	at := m.Addresses()[0]
	text := invite(t, g, tandem.InvitationOptions{}).Code()
	code, _, err := joining.ParseCode(text)
	check(t, err)
	id, err := tandem.CreateIdentity(nil, tandem.TLSIdentityOptions{CommonName: "two"})
	check(t, err)
	ask := func(own tls.Certificate) *joining.Grant {
		t.Helper()
		tcp, err := net.Dial("tcp", at)
		check(t, err)
		grant, err := joining.Ask(t.Context(), tcp, own, code, "two")
		check(t, err)
		return grant
	}
	first, second := ask(id.TLSCertificate()), ask(id.TLSCertificate())
	if first.Ended != "" || second.Ended != "" || string(first.Chain[0]) != string(second.Chain[0]) {
		t.Errorf("got %q and %q, and certificates of %d and %d bytes", first.Ended, second.Ended, len(first.Chain[0]), len(second.Chain[0]))
	}
	checkRefused(t, newJoiner(t, "three"), text, at, "another device has used")
	members, err := g.Members(t.Context())
	check(t, err)
	if len(members) != 2 {
		t.Errorf("there are %d members, want 2", len(members))
	}
}

// Two devices with the code at once: one joins.
func TestACodeIsForOneDevice(t *testing.T) {
	one := newJoiner(t, "one")
	g := one.found(t, testGroup)
	at := one.run(t, g).Addresses()[0]
	code := invite(t, g, tandem.InvitationOptions{}).Code()
	var all sync.WaitGroup
	var mu sync.Mutex
	joined := 0
	for range 4 {
		d := newJoiner(t, "d")
		all.Go(func() {
			_, err := d.join(t.Context(), code, at)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				joined++
			} else if !errors.Is(err, tandem.ErrForbidden) {
				t.Errorf("got %v", err)
			}
		})
	}
	all.Wait()
	if joined != 1 {
		t.Errorf("%d devices have joined by one code", joined)
	}
}

// While others send rubbish, who has the code joins; the rubbish is counted and ends nothing.
func TestRubbishDoesNotKeepTheRightDeviceOut(t *testing.T) {
	one, two := newJoiner(t, "one"), newJoiner(t, "two")
	g := one.found(t, testGroup)
	m := one.run(t, g)
	at := m.Addresses()[0]
	code := invite(t, g, tandem.InvitationOptions{}).Code()
	rubbish, err := tandem.CreateIdentity(nil, tandem.TLSIdentityOptions{CommonName: "x"})
	check(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			for ctx.Err() == nil {
				tcp, err := net.Dial("tcp", at)
				if err != nil {
					return
				}
				if i == 0 {
					_, _ = tcp.Write([]byte(strings.Repeat("rubbish ", 100)))
					_ = tcp.Close()
					continue
				}
				_, _ = joining.Ask(ctx, tcp, rubbish.TLSCertificate(), joining.NewCode(), "x")
			}
		})
	}
	eventually(t, func() bool { return m.Status().WrongProofs > 50 })
	_, err = two.join(t.Context(), code, at)
	cancel()
	all.Wait()
	check(t, err)
}

// An inviter's members belong, until it is removed: those whom it has invited before stay, later ones
// are refused. It cannot make inviters.
func TestARemovedInviterInvitesInVain(t *testing.T) {
	one, two, three, four := newJoiner(t, "one"), newJoiner(t, "two"), newJoiner(t, "three"), newJoiner(t, "four")
	g1 := one.found(t, testGroup)
	m1 := one.run(t, g1)
	at1 := m1.Addresses()[0]
	g2, err := two.join(t.Context(), invite(t, g1, tandem.InvitationOptions{MayInvite: true}).Code(), at1)
	check(t, err)
	m2 := two.run(t, g2, at1)
	at2 := m2.Addresses()[0]
	if !g2.MayInvite() || g2.Founded() {
		t.Errorf("the second may invite: %t, has the group's key: %t", g2.MayInvite(), g2.Founded())
	}
	if _, err := g2.Invite(t.Context(), tandem.InvitationOptions{MayInvite: true}); !errors.Is(err, tandem.ErrForbidden) {
		t.Errorf("an inviter makes inviters: %v", err)
	}
	g3 := three.enter(t, g2, at2)
	if _, err := g3.Invite(t.Context(), tandem.InvitationOptions{}); !errors.Is(err, tandem.ErrForbidden) || tandem.HintOf(err) == "" {
		t.Errorf("a plain member invites: %v", err)
	}
	m3 := three.run(t, g3, at1)
	save(t, m1.coll, "milk", `{}`)
	waitSame(t, 1, m1, m2, m3)
	eventually(t, func() bool {
		all, err := g1.Members(t.Context())
		check(t, err)
		return len(all) == 3
	})

	m2.Stop()
	check(t, g1.Remove(t.Context(), g2.PeerID(), tandem.RemoveOptions{IssuedAfter: time.Now().Add(time.Hour)}))
	eventually(t, func() bool { return removedTo(t, g3, g2.PeerID()) }) // so that nobody tells it
	// It does not know, and its clock is right: what it signs from now on is later.
	g2.SetClock(func() time.Time { return time.Now().Add(time.Minute) })
	check(t, m2.Start())
	g4 := four.enter(t, g2, m2.Addresses()[0])
	m4 := four.run(t, g4, at1)
	save(t, m1.coll, "bread", `{}`)
	waitSame(t, 2, m1, m3)
	eventually(t, func() bool { return len(m4.Troubles()) > 0 })
	for _, n := range m1.Neighbors() {
		if n.ID != g3.PeerID() {
			t.Errorf("%s is a neighbour of the first", n.ID)
		}
	}
	if m4.count(t) > 1 {
		t.Error("the fourth has documents of the group from after the removal")
	}
	// Without a time, those whom it has invited before go, too, and are told.
	check(t, g1.Remove(t.Context(), g2.PeerID(), tandem.RemoveOptions{}))
	eventually(t, func() bool { return len(m1.Neighbors()) == 0 && removedTo(t, g1, g3.PeerID()) })
	m3.Stop()
	for _, record := range g1.Records() {
		check(t, g3.Hear(t.Context(), record))
	}
	wantError(t, "start a member whose inviter was removed", m3.Start(), tandem.ErrForbidden)
}

// The joiner's clock stands in 1970, from the inviter's view.
func TestAJoinerWithAWrongClock(t *testing.T) {
	one, two := newJoiner(t, "one"), newJoiner(t, "two")
	g := one.found(t, testGroup)
	const years = 56 * 365 * 24 * time.Hour
	g.SetClock(func() time.Time { return time.Now().Add(years) })
	// The group is of that time, too.
	check(t, g.Leave(t.Context()))
	g = one.foundAt(t, testGroup, func() time.Time { return time.Now().Add(years) })
	m := one.run(t, g)
	at := m.Addresses()[0]
	joined, err := tandem.JoinPeerGroup(t.Context(), two.db, invite(t, g, tandem.InvitationOptions{}).Code(), tandem.JoinOptions{
		PeerGroupOptions: two.options(), Peers: []string{at}, DisableDiscovery: true,
	})
	check(t, err)
	if off := joined.ClockOff + years; off.Abs() > time.Hour {
		t.Errorf("the clock is said to be off by %v", joined.ClockOff)
	}
	m2 := two.run(t, joined.PeerGroup)
	save(t, m.coll, "milk", `{}`)
	waitSame(t, 1, m, m2)
	m2.Close()
	again := two.open(t)
	m2 = two.run(t, again)
	save(t, m2.coll, "bread", `{}`)
	waitSame(t, 2, m, m2)
}

// foundAt makes a group at another time.
func (d *joiner) foundAt(t testing.TB, name string, clock func() time.Time) *tandem.PeerGroup {
	t.Helper()
	g, err := tandem.CreatePeerGroupAt(t.Context(), d.db, name, d.options(), clock)
	check(t, err)
	return g
}

// A member whose certificate is old gets a new one from the inviter that it meets; its ID stays.
func TestCertificatesAreRenewedOverTheMesh(t *testing.T) {
	one, two := newJoiner(t, "one"), newJoiner(t, "two")
	g1 := one.found(t, testGroup)
	m1 := one.run(t, g1)
	g2 := two.enter(t, g1, m1.Addresses()[0])
	before1, before2, id := g1.Identity().Expiration(), g2.Identity().Expiration(), g2.PeerID()
	m1.Stop()
	later := func() time.Time { return time.Now().AddDate(0, 0, 300) }
	g1.SetClock(later)
	g2.SetClock(later)
	check(t, m1.Start())
	m2 := two.run(t, g2, m1.Addresses()[0])
	eventually(t, func() bool {
		return g1.Identity().Expiration().After(before1.AddDate(0, 9, 0)) && g2.Identity().Expiration().After(before2.AddDate(0, 9, 0))
	})
	if g2.PeerID() != id || g2.MayInvite() {
		t.Errorf("the renewed member is %s, may invite %t", g2.PeerID(), g2.MayInvite())
	}
	m2.Close()
	again := two.open(t)
	again.SetClock(later)
	if !again.Identity().Expiration().Equal(g2.Identity().Expiration()) {
		t.Error("the new certificate is not kept")
	}
	save(t, m1.coll, "milk", `{}`)
	waitSame(t, 1, m1, two.run(t, again, m1.Addresses()[0]))
}

// A removal reaches members that were not there, before any document of theirs goes on.
func TestARemovalReachesWhoComesLater(t *testing.T) {
	one, two, three := newJoiner(t, "one"), newJoiner(t, "two"), newJoiner(t, "three")
	g1 := one.found(t, testGroup)
	m1 := one.run(t, g1)
	at := m1.Addresses()[0]
	g2 := two.enter(t, g1, at)
	g3 := three.enter(t, g1, at)
	check(t, g1.Remove(t.Context(), g3.PeerID(), tandem.RemoveOptions{})) // nobody else runs
	check(t, g1.Remove(t.Context(), g3.PeerID(), tandem.RemoveOptions{})) // again
	m2 := two.run(t, g2, at)
	knows := func(g *tandem.PeerGroup) bool {
		all, err := g.Members(t.Context())
		check(t, err)
		return slices.ContainsFunc(all, func(m tandem.MemberInfo) bool { return m.ID == g3.PeerID() && !m.Removed.IsZero() })
	}
	eventually(t, func() bool { return knows(g2) })
	m1.Stop()
	m3 := three.run(t, g3, m2.Addresses()[0])
	eventually(t, func() bool { return len(m3.Troubles()) > 0 })
	if len(m2.Neighbors()) > 0 {
		t.Error("the removed one is a neighbour")
	}
	if err := g1.Remove(t.Context(), g1.PeerID(), tandem.RemoveOptions{}); !errors.Is(err, tandem.ErrInvalid) {
		t.Errorf("a member removes itself: %v", err)
	}
}

// One process runs the member, another one invites and removes.
func TestAServiceAnswersForAnotherProcess(t *testing.T) {
	one, two := newJoiner(t, "one"), newJoiner(t, "two")
	m := one.run(t, one.found(t, testGroup))
	beside := *one
	beside.db = openAt(t, one.db.Path(), tandem.Options{})
	g := beside.open(t)
	g2 := two.enter(t, g, m.Addresses()[0])
	m2 := two.run(t, g2)
	save(t, m2.coll, "milk", `{}`)
	waitSame(t, 1, m, m2)
	check(t, g.Remove(t.Context(), g2.PeerID(), tandem.RemoveOptions{}))
	eventually(t, func() bool { return len(m.Neighbors()) == 0 })
	m.Stop()
	i, err := g.Invite(t.Context(), tandem.InvitationOptions{})
	check(t, err)
	if answered, err := g.AwaitAnswering(t.Context(), i); answered || err != nil {
		t.Errorf("answered %t, %v, while no member runs", answered, err)
	}
}

func TestGroupsThatCannotBe(t *testing.T) {
	one := newJoiner(t, "one")
	for _, name := range []string{"", strings.Repeat("x", 201), "\xff"} {
		if _, err := tandem.CreatePeerGroup(t.Context(), one.db, name, one.options()); !errors.Is(err, tandem.ErrInvalid) {
			t.Errorf("a group %q is made: %v", name, err)
		}
	}
	long := strings.Repeat("ü", 100)
	g := one.found(t, long)
	if _, err := tandem.CreatePeerGroup(t.Context(), one.db, long, one.options()); !errors.Is(err, tandem.ErrInvalid) {
		t.Errorf("a group is made twice: %v", err)
	}
	if _, err := tandem.OpenPeerGroup(t.Context(), one.db, "other", one.options()); !errors.Is(err, tandem.ErrNotFound) {
		t.Errorf("got %v for a group that is not there", err)
	}
	// The key is missing where it is needed.
	o := one.options()
	o.Identities = tandem.MemoryIdentityStore()
	if _, err := tandem.OpenPeerGroup(t.Context(), one.db, long, o); !errors.Is(err, tandem.ErrCrypto) || tandem.HintOf(err) == "" {
		t.Errorf("got %v without the member's key", err)
	}
	check(t, tandem.DeleteIdentity(one.store, g.AuthorityLabel()))
	again, err := tandem.OpenPeerGroup(t.Context(), one.db, long, one.options())
	check(t, err)
	if _, err := again.Invite(t.Context(), tandem.InvitationOptions{}); !errors.Is(err, tandem.ErrForbidden) {
		t.Errorf("got %v without the group's key", err)
	}
	// A database is in one group of a name.
	two := newJoiner(t, "two")
	other := two.found(t, long)
	m := two.run(t, other)
	if _, err := one.join(t.Context(), invite(t, other, tandem.InvitationOptions{}).Code(), m.Addresses()[0]); !errors.Is(err, tandem.ErrInvalid) {
		t.Errorf("got %v for two groups of one name", err)
	}
	for _, code := range []string{"", "x", joining.NewCode().Text() + "0"} {
		if _, err := one.join(t.Context(), code, "127.0.0.1:1"); !errors.Is(err, tandem.ErrInvalid) {
			t.Errorf("got %v for the code %q", err, code)
		}
	}
}

// A copy of the files has no key; what was copied with a key is a twin, and disturbs nobody else.
func TestACopyIsNoMember(t *testing.T) {
	inFolders(t, "files")
	one := newJoiner(t, "one")
	one.found(t, testGroup)
	copied := filepath.Join(t.TempDir(), "copy")
	check(t, one.db.Copy(t.Context(), copied))
	if _, err := tandem.OpenPeerGroup(t.Context(), openAt(t, copied, tandem.Options{}), testGroup, one.options()); !errors.Is(err, tandem.ErrCrypto) {
		t.Errorf("a copy is a member: %v", err)
	}
	a := newGroupOwner(t)
	all := startMembers(t, a, 3)
	twin := memberConfig(t, a, "twin", all[0].Addresses()[0])
	twin.Identity = all[1].Config().Identity
	startMember(t, twin)
	save(t, all[2].coll, "milk", `{}`)
	waitSame(t, 1, all[0], all[2])
}
