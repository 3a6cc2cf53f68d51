package tandem_test

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/internal/testsize"
)

// await waits until a condition holds.
func await(t testing.TB, what string, holds func() bool) {
	t.Helper()
	if !testsize.Eventually(testsize.Patience, func() bool {
		time.Sleep(5 * time.Millisecond)
		return holds()
	}) {
		t.Fatalf("not in time: %s", what)
	}
}

// TestMeshGoesOnWhoeverDials lets the other one dial after each pause, and counts what crosses the link: nothing but
// what is new.
func TestMeshGoesOnWhoeverDials(t *testing.T) {
	const documents = 100
	a := newGroupOwner(t)
	first := memberConfig(t, a, "first")
	second := memberConfig(t, a, "second")
	for i := range documents {
		save(t, first.Collections[0].Collection, fmt.Sprintf("first-%d", i), `{"n":1}`)
		save(t, second.Collections[0].Collection, fmt.Sprintf("second-%d", i), `{"n":1}`)
	}
	total := 2 * documents
	for round := range 4 {
		listens, dials := first, second
		if round%2 == 1 {
			listens, dials = second, first
		}
		host := startMember(t, listens)
		dials.Peers = host.Addresses()
		guest := startMember(t, dials)
		save(t, host.coll, fmt.Sprintf("host-%d", round), `{"n":2}`)
		save(t, guest.coll, fmt.Sprintf("guest-%d", round), `{"n":2}`)
		total += 2
		waitSame(t, total, host, guest)
		check(t, guest.Wait(t.Context()))
		check(t, host.Wait(t.Context()))
		if n := guest.Neighbors()[0]; !n.Dialled {
			t.Fatalf("round %d: the member that knows the address has not dialled", round)
		}
		push := guest.Status().Progress.Push
		pull := guest.Status().Progress.Pull
		t.Logf("round %d: proposed %d, offered %d", round, push.Total, pull.Total)
		if round > 0 && push.Total+pull.Total > 20 {
			t.Errorf("round %d: %d documents were proposed and %d offered, want those that are new", round, push.Total, pull.Total)
		}
		guest.Close() // it has saved the checkpoint when it has ended
		host.Close()
	}
}

// TestMeshHealsAfterAPause parts two pairs, which edit the same documents, and lets them meet again.
func TestMeshHealsAfterAPause(t *testing.T) {
	for _, versioning := range []tandem.Versioning{tandem.VersionVectors, tandem.RevTrees} {
		t.Run(string(versioning), func(t *testing.T) { meetAgain(t, tandem.Options{Versioning: versioning}) })
	}
}

func meetAgain(t *testing.T, o tandem.Options) {
	a := newGroupOwner(t)
	all := []*member{startMember(t, memberConfigIn(t, a, "m0", o))}
	for i := range 3 {
		all = append(all, startMember(t, memberConfigIn(t, a, fmt.Sprintf("m%d", i+1), o, all[0].Addresses()[0])))
	}
	save(t, all[0].coll, "same", `{"n":0}`)
	save(t, all[0].coll, "gone", `{"n":0}`)
	waitSame(t, 2, all...)
	all[2].Pause()
	all[3].Pause()
	if s := all[2].Status(); !s.Paused || s.Activity != tandem.Stopped || all[2].Port() != 0 {
		t.Errorf("a paused member: %+v", s)
	}
	save(t, all[0].coll, "same", `{"n":1}`)
	save(t, all[2].coll, "same", `{"n":2}`)
	save(t, all[3].coll, "same", `{"n":3}`)
	check(t, all[1].coll.Delete(t.Context(), mustDocument(t, all[1].coll, "gone")))
	save(t, all[3].coll, "new", `{"n":4}`)
	check(t, all[3].Resume())
	check(t, all[2].Resume())
	waitSame(t, 2, all...)
	await(t, "all have the same revision", func() bool {
		for _, m := range all[1:] {
			if mustDocument(t, m.coll, "same").RevisionID() != mustDocument(t, all[0].coll, "same").RevisionID() {
				return false
			}
		}
		return true
	})
	wantSameContents(t, all...)
}

func mustDocument(t testing.TB, c *tandem.Collection, id string) *tandem.Document {
	t.Helper()
	d, err := c.Document(t.Context(), id)
	check(t, err)
	return d
}

// TestMeshCutsOffAMemberThatIsNotAdmittedAnyMore lets the function of one member change its mind.
func TestMeshCutsOffAMemberThatIsNotAdmittedAnyMore(t *testing.T) {
	a := newGroupOwner(t)
	var stolen atomic.Bool
	keep := memberConfig(t, a, "keep")
	thief := memberConfig(t, a, "thief")
	bad := tandem.PeerIDOf(thief.Identity.Leaf())
	keep.Authenticator = tandem.MultipeerCertificateAuthenticator(func(peer tandem.PeerID, _ []*x509.Certificate) bool {
		return peer != bad || !stolen.Load()
	})
	thief.Authenticator = tandem.MultipeerCertificateAuthenticator(func(tandem.PeerID, []*x509.Certificate) bool { return true })
	host := startMember(t, keep)
	thief.Peers = host.Addresses()
	guest := startMember(t, thief)
	save(t, host.coll, "before", `{"n":1}`)
	waitSame(t, 1, host, guest)
	stolen.Store(true)
	await(t, "the link ends", func() bool { return host.Status().Neighbors == 0 })
	save(t, host.coll, "secret", `{"n":2}`)
	await(t, "the thief is refused", func() bool { return guest.Peers()[0].Trouble != "" })
	if n := guest.count(t); n != 1 {
		t.Errorf("a member that is not admitted has %d documents, want 1", n)
	}
}

// TestMeshRefusesStrangers starts members of another group and of another authority, which know the address.
func TestMeshRefusesStrangers(t *testing.T) {
	a, other := newGroupOwner(t), newGroupOwner(t)
	host := startMember(t, memberConfig(t, a, "host"))
	save(t, host.coll, "secret", `{"n":1}`)
	baker := memberConfig(t, a, "baker", host.Addresses()...)
	baker.PeerGroupID, baker.Identity = "com.example.bakers", a.identity("baker", "com.example.bakers")
	rogue := memberConfig(t, other, "rogue", host.Addresses()...)
	both := memberConfig(t, a, "both", host.Addresses()...) // its authenticator admits everybody
	both.Identity = other.identity("both", testGroup)
	both.Authenticator = tandem.AnyOfAuthority(a.root(), other.root())
	for _, cfg := range []tandem.MultipeerReplicatorConfiguration{baker, rogue, both} {
		m := startMember(t, cfg)
		await(t, cfg.Name+" is told why", func() bool { return len(m.Troubles()) == 1 })
		t.Logf("%s: %v", cfg.Name, m.Troubles())
		if m.count(t) != 0 || host.Status().Neighbors != 0 {
			t.Errorf("%s has %d documents, the host %d neighbours; want none", cfg.Name, m.count(t), host.Status().Neighbors)
		}
	}
	cfg := memberConfig(t, a, "wrong")
	cfg.Identity = other.identity("wrong", testGroup)
	m, err := tandem.NewMultipeerReplicator(cfg)
	check(t, err)
	wantError(t, "start with the identity of another authority", m.Start(), tandem.ErrCertUntrusted)
}

// TestMeshFetchesABlobOnce lets members fetch a blob that several neighbours offer.
func TestMeshFetchesABlobOnce(t *testing.T) {
	const size = 300_000
	a := newGroupOwner(t)
	all := startMembers(t, a, 4)
	waitLinked(t, all)
	d := newDocument(t, "photo", `{"of":"bread"}`)
	check(t, d.SetBlob("picture", tandem.NewBlob("image/png", bytes.Repeat([]byte("picture"), size/7))))
	check(t, all[0].coll.Save(t.Context(), d))
	waitSame(t, 1, all...)
	for i, m := range all[1:] {
		await(t, "the counts are complete", func() bool { return m.Status().Activity == tandem.Idle })
		if got := m.Status().Progress.BlobBytes; got != size/7*7 {
			t.Errorf("member %d received %d bytes of blobs, want %d", i+1, got, size/7*7)
		}
		content, err := mustDocument(t, m.coll, "photo").Blob("picture").Content()
		check(t, err)
		if len(content) != size/7*7 {
			t.Errorf("member %d has a blob of %d bytes", i+1, len(content))
		}
	}
}
