package browser_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/tandemdb/tandem"
)

// mesh makes the shop a member of a mesh of five. One of the members has gone.
func (w *world) mesh() {
	w.t.Helper()
	store := tandem.MemoryIdentityStore()
	group, err := tandem.CreatePeerGroup(w.t.Context(), w.shop, "tills", tandem.PeerGroupOptions{Identities: store, DeviceName: "counter"})
	check(w.t, err)
	w.member = w.startMember(w.coll, group, "counter")
	for i, name := range []string{"kitchen", "bar <i>", "\u05d4\u05de\u05d8\u05d1\u05d7", "a tablet with a name that is quite long"} {
		db, coll := openDatabase(w.t, fmt.Sprintf("member%d", i))
		code, err := group.Invite(w.t.Context(), tandem.InvitationOptions{})
		check(w.t, err)
		_, err = group.AwaitAnswering(w.t.Context(), code)
		check(w.t, err)
		joined, err := tandem.JoinPeerGroup(w.t.Context(), db, code.Code(), tandem.JoinOptions{
			PeerGroupOptions: tandem.PeerGroupOptions{Identities: store, DeviceName: name},
			Peers:            w.member.Addresses(), DisableDiscovery: true,
		})
		check(w.t, err)
		other := w.startMember(coll, joined.PeerGroup, name, w.member.Addresses()...)
		w.becomes("member "+name, func() bool { return len(w.member.Neighbors()) > 0 && w.member.Status().Online == i+1 })
		if i == 3 {
			other.Stop()
			w.becomes("a member that has gone", func() bool { return w.member.Status().Online == i })
		}
	}
}

func (w *world) startMember(coll *tandem.Collection, group *tandem.PeerGroup, name string, peers ...string) *tandem.MultipeerReplicator {
	w.t.Helper()
	m, err := tandem.NewMultipeerReplicator(tandem.MultipeerReplicatorConfiguration{
		Group: group, Name: name, Peers: peers, NetworkInterface: "127.0.0.1", DisableDiscovery: true,
		Collections: []tandem.MultipeerCollectionConfiguration{{Collection: coll}},
	})
	check(w.t, err)
	check(w.t, m.Start())
	w.t.Cleanup(m.Stop)
	return m
}

// becomes waits until ok is true.
func (w *world) becomes(what string, ok func() bool) {
	w.t.Helper()
	ticker, over := time.NewTicker(20*time.Millisecond), time.After(patience)
	defer ticker.Stop()
	for !ok() {
		select {
		case <-ticker.C:
		case <-over:
			w.t.Fatalf("%s has not come true", what)
		}
	}
}

// identities has one that expires soon.
func (w *world) identities() tandem.TLSIdentityStore {
	w.t.Helper()
	store := tandem.MemoryIdentityStore()
	for label, days := range map[string]int{"box": 300, "till": 9} {
		_, err := tandem.CreateIdentity(store, tandem.TLSIdentityOptions{
			Label: label, CommonName: label, Expires: time.Now().AddDate(0, 0, days),
		})
		check(w.t, err)
	}
	return store
}

func TestADeviceIsInvitedToTheMesh(t *testing.T) {
	w := newWorld(t)
	b := w.open(browserOf(t), looks["light-360"])
	axe := axeScript(t)
	b.visit(w.url, "mesh")
	b.waitFor(`document.querySelector(".graph").getAttribute("aria-label").startsWith("tills: 5 members")`)
	b.run(chromedp.Click("button[value=invite]"), chromedp.WaitVisible(".card .fingerprint"))
	b.picture("invitation-light-360")
	b.checkAccess(axe, "an invitation")
	if code := value[string](b, `document.querySelector(".card code").innerText`); !strings.HasPrefix(code, "tandem mesh join shop ") {
		t.Errorf("the code is shown as %q", code)
	}
	b.run(chromedp.Click("button[name=cancel]"))
	b.waitFor(`document.querySelector("main").innerText.includes(": cancelled")`)
}
