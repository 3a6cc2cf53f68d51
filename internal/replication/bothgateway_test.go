package replication_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/replication"
	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/store"
)

// withGateway is a fleet whose database also replicates with a Sync Gateway 4.
type withGateway struct {
	*fleet
	gateway *gateway
}

func newWithGateway(t *testing.T) withGateway {
	return withGateway{newFleet(t, true), newGateway(t)}
}

// meetGateway has our database call the gateway. It fails the test if that shows an error or a conflict.
func (f withGateway) meetGateway() {
	f.t.Helper()
	l := f.gateway.meet(f.ours, func(active *replication.Active) { active.Protocol = replication.CBMobile4 })
	for _, event := range l.events.sorted() {
		if strings.Contains(event, "/") {
			f.t.Errorf("reported: %s", event)
		}
	}
	err := f.ours.db.View(f.t.Context(), func(tx *store.Tx) error {
		log, err := tx.ConflictLog(store.ConflictFilter{}, 100)
		for _, c := range log {
			f.t.Errorf("a conflict of %s: %s / %s", c.ID, c.Local.Rev, c.Theirs.Rev)
		}
		return err
	})
	if err != nil {
		f.t.Fatal(err)
	}
}

// meetEverybody syncs until all have met, and holds all to the same bodies. Then nothing may move any more.
func (f withGateway) meetEverybody() {
	f.t.Helper()
	for range 3 {
		f.meet(f.trees)
		f.meet(f.vects)
		f.meetGateway()
	}
	bodies, names := f.gateway.bodies, fmt.Sprint(f.ours.contents())
	f.meetAll()
	f.meetGateway()
	if f.gateway.bodies != bodies || fmt.Sprint(f.ours.contents()) != names {
		f.t.Errorf("a sync after the last sends the gateway %d bodies, and leaves us with %v, before %s",
			f.gateway.bodies-bodies, f.ours.contents(), names)
	}
	if got, want := f.gateway.contents(), f.ours.bodies(); !maps.Equal(got, want) {
		f.t.Errorf("the gateway has %v\nwe have %v", got, want)
	}
}

func clientTree(generation uint64, digit string) revision.ID {
	return revision.NewTree(generation, strings.Repeat(digit, 40))
}

func TestBothGenerationsAndAGateway(t *testing.T) {
	t.Parallel()
	f := newWithGateway(t)
	f.trees.put("third", `{"n":1}`)
	f.vects.put("fourth", `{"n":1}`)
	f.ours.put("ours", `{"n":1}`)
	f.gateway.put("there", revision.NewTree(1, strings.Repeat("0", 32)), `{"n":1}`)
	f.gateway.pushed("there3", `{"n":1}`, clientTree(1, "a"))
	f.meetEverybody()
	if got, want := f.gateway.docs["third"].tree, revision.ID(f.trees.revOf("third")); got != want {
		t.Errorf("the gateway names the third generation's document %s, want its own name %s", got, want)
	}
	ids := []string{"third", "fourth", "ours", "there", "there3"}
	for round := range 6 { // each edits each document, after each other
		byTree := make(map[string]revision.ID)
		for i, id := range ids {
			body := fmt.Sprintf(`{"round":%d}`, round)
			switch by := (round + i) % 4; by {
			case 0:
				f.trees.put(id, body)
			case 1:
				f.vects.put(id, body)
			case 2:
				f.ours.put(id, body)
			default:
				doc := f.gateway.docs[id]
				byTree[id] = clientTree(doc.tree.Generation()+1, "c")
				f.gateway.pushed(id, body, append([]revision.ID{byTree[id], doc.tree}, doc.trees...)...)
			}
		}
		f.meetEverybody()
		for id, tree := range byTree { // the name that a client has given is the name everywhere
			if got := f.trees.revOf(id); got != string(tree) {
				t.Errorf("%s: the third generation has %s, want the revision %s of the gateway's client", id, got, tree)
			}
		}
	}
	f.trees.delete("fourth")
	f.vects.delete("third")
	f.meetEverybody()
}

// A gateway refuses the encoded name of a tree revision for a document that it lacks. One that has seen versions goes
// there as a copy, which the other side's next edits, and ours, descend from.
func TestATreeRevisionAboveVersionsReachesAGateway(t *testing.T) {
	t.Parallel()
	f := newWithGateway(t)
	f.vects.put("d", `{"n":1}`)
	f.meetAll()
	f.trees.put("d", `{"n":2}`)
	f.meetAll()
	pushOnly := func(active *replication.Active) {
		active.Protocol, active.Collections[0].Pull = replication.CBMobile4, false
	}
	f.gateway.meet(f.ours, pushOnly)
	copied := f.gateway.docs["d"].rev
	if copied.ID.Source() != "Tandem+Tree+Revision+g" || !copied.Contains(revision.ID(f.trees.revOf("d")).Encoded()) {
		t.Fatalf("the gateway has %s %s, want a copy of the tree revision", copied.ID, copied.History)
	}
	f.meetAll()
	f.vects.put("d", `{"n":3}`)
	f.meetAll()
	f.gateway.meet(f.ours, pushOnly)
	if got := f.gateway.contents()["d"]; got != `{"n":3}` {
		t.Errorf("of an edit of the copy, which we alone push, the gateway has %s", got)
	}
	for n, by := range []*peer{f.vects, f.trees, f.ours} {
		by.put("d", fmt.Sprintf(`{"n":%d}`, n+3))
		f.meetEverybody()
	}
	// the gateway loses the document, and does not say so before it has the revision
	f.trees.put("d", `{"n":9}`)
	f.meetAll()
	delete(f.gateway.docs, "d")
	f.meetEverybody()
}

// A client of the gateway and one of ours have the same tree revision. The gateway's version of it is but a stamp.
func TestAStampIsNoOtherRevision(t *testing.T) {
	t.Parallel()
	f := newWithGateway(t)
	f.trees.put("d", `{"n":1}`)
	f.trees.put("e", `{"n":1}`)
	f.gateway.pushed("d", `{"n":1}`, revision.ID(f.trees.revOf("d")))
	f.gateway.pushed("e", `{"n":1}`, revision.ID(f.trees.revOf("e")))
	f.meet(f.trees)
	f.vects.put("other", `{}`)
	f.trees.put("e", `{"n":2}`)
	f.meet(f.trees)
	f.meetEverybody()
	if got := f.ours.bodies()["e"]; got != `{"n":2}` {
		t.Errorf("the edit is %s", got)
	}
}

// The upgrade of a database that has synced with a gateway over the third protocol loses no edit.
func TestServingBothLosesNoEditAtAGateway(t *testing.T) {
	for name, resolver := range map[string]replication.Resolver{"by rules": nil, "remote": remoteWins} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, g := newPeer(t, store.RevTrees), newGateway(t)
			for _, id := range []string{"edited", "edited-twice", "deleted", "same"} {
				a.put(id, `{"v":0}`)
			}
			g.meet(a)
			g.upgrade()
			a.put("edited", `{"v":1}`)
			a.put("edited-twice", `{"v":1}`)
			a.put("edited-twice", `{"v":2}`)
			a.delete("deleted")
			if err := a.db.ServeBoth(t.Context()); err != nil {
				t.Fatal(err)
			}
			a.put("after", `{"v":3}`)
			want := map[string]string{"edited": `{"v":1}`, "edited-twice": `{"v":2}`, "deleted": "-", "same": `{"v":0}`, "after": `{"v":3}`}
			for range 2 {
				g.meet(a, func(active *replication.Active) {
					active.Protocol, active.Collections[0].Resolver = replication.CBMobile4, resolver
				})
				if got := g.contents(); !maps.Equal(got, want) {
					t.Errorf("the gateway has %v\nwant %v", got, want)
				}
				if got := a.bodies(); !maps.Equal(got, want) {
					t.Errorf("the database has %v\nwant %v", got, want)
				}
			}
		})
	}
}

// A Sync Gateway that replicates with our listener gets tree revisions in forms that it takes, and its own tree is taken
// along with its versions.
func TestASyncGatewayCallsADatabaseOfBoth(t *testing.T) {
	t.Parallel()
	f := newFleet(t, true)
	f.trees.put("a", `{"n":1}`)
	f.trees.put("a", `{"n":2}`)
	f.vects.put("b", `{"n":1}`)
	f.meetAll()
	f.trees.put("b", `{"n":2}`)
	f.meetAll()
	s := newLegacySubscriber(t, f.ours, func(cfg *replication.Passive) { cfg.Protocol = replication.CBMobile4 })
	s.mustAsk("[{}]", "getCollections", "", oneCollection)
	s.mustAsk("", "subChanges", "collection=0 client_sgr2=true", "")
	r := s.next()
	if ids := idsIn(t, r); len(ids) != 2 {
		t.Fatalf("announced are %v", ids)
	}
	r.Reply(&blip.Message{Body: []byte("[[],[]]")})
	sent := make(map[string]*blip.Request)
	for range 2 {
		rev := s.next()
		for rev.Profile() != "rev" {
			rev = s.next()
		}
		sent[rev.Properties.Value("id")] = rev
		rev.Reply(nil)
	}
	tree := f.trees.revOf("a")
	if got := sent["a"].Properties; got.Value("rev") != tree || got.Value("history") == "" {
		t.Errorf("a is sent as %s, history %q, want the tree revision %s", got.Value("rev"), got.Value("history"), tree)
	}
	encoded := string(revision.ID(f.trees.revOf("b")).Encoded())
	if got := sent["b"].Properties; !strings.HasSuffix(got.Value("rev"), "@Tandem+Tree+Revision+g") || !strings.Contains(got.Value("history"), encoded) {
		t.Errorf("b is sent as %s, history %q, want a copy of %s", got.Value("rev"), got.Value("history"), encoded)
	}
	client := clientTree(3, "c")
	proposed := fmt.Sprintf(`[["a",%q,""]]`, "18ec79a8e2b30000@"+gatewaySource+";"+string(revision.ID(tree).Encoded()))
	s.mustAsk("[]", "proposeChanges", "collection=0", proposed)
	s.mustAsk("", "rev", fmt.Sprintf("collection=0 id=a rev=18ec79a8e2b30000@%s history=%s revTree=%s,%s",
		gatewaySource, revision.ID(tree).Encoded(), client, tree), `{"n":3}`)
	f.meetAll()
	if got := f.trees.revOf("a"); got != string(client) {
		t.Errorf("the third generation has %s, want the gateway's client's %s", got, client)
	}
}
