package replication_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	gosync "sync"
	"testing"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/replication"
	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/store"
)

// gateway answers as a Sync Gateway 4 does, as far as the recordings sg4-40b and sg4-40c
// tell: each document has a tree revision and a version.
type gateway struct {
	t testing.TB

	mu     gosync.Mutex
	docs   map[string]gatewayDoc
	seq    int
	bodies int // received
}

type gatewayDoc struct {
	seq     int
	tree    revision.ID   // "" until it is known
	trees   []revision.ID // those before it
	rev     revision.Rev
	body    string
	deleted bool
}

// gatewaySource is the source of the gateway's versions.
const gatewaySource = "ZacK1r76z7TlR5yxI4cjOw"

func newGateway(t testing.TB) *gateway { return &gateway{t: t, docs: make(map[string]gatewayDoc)} }

// version gives the nth version of the gateway's own.
func (g *gateway) version(n int) revision.ID {
	return revision.NewVersion(revision.Time(0x18a3f2c1d5e10000+n<<16), gatewaySource)
}

// put stores a document as one that another client has written, over a tree revision if that is not "".
func (g *gateway) put(id string, tree revision.ID, body string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.seq++
	g.docs[id] = gatewayDoc{seq: g.seq, tree: tree, rev: revision.Rev{ID: g.version(g.seq)}, body: body}
}

// pushed stores a tree revision with its ancestors, as a client of the third protocol pushes it. The gateway
// stamps it with a version of its own.
func (g *gateway) pushed(id, body string, tree ...revision.ID) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.seq++
	doc, exists := g.docs[id]
	next := gatewayDoc{seq: g.seq, tree: tree[0], trees: tree[1:], rev: revision.Rev{ID: g.version(g.seq)}, body: body}
	if exists {
		if !slices.Contains(tree, doc.tree) {
			g.t.Errorf("%s: a client pushes %v over %s", id, tree, doc.tree)
		}
		next.rev.History.Previous = append([]revision.ID{doc.rev.ID}, doc.rev.History.Previous...)
		next.rev.History.Previous = slices.DeleteFunc(next.rev.History.Previous, func(v revision.ID) bool { return v.Source() == gatewaySource })
	}
	g.docs[id] = next
}

// contents maps the IDs of documents to their bodies; tombstones have body "-".
func (g *gateway) contents() map[string]string {
	g.mu.Lock()
	defer g.mu.Unlock()
	all := make(map[string]string)
	for id, doc := range g.docs {
		if all[id] = doc.body; doc.deleted {
			all[id] = "-"
		}
	}
	return all
}

var gatewayType = blip.Property{Key: "Content-Type", Value: "application/json"}

// meet lets a call the gateway, in both directions, and waits for the end. The gateway answers proposals when it has
// sent what it had to send.
func (g *gateway) meet(a *peer, configure ...func(*replication.Active)) *listener {
	g.t.Helper()
	sent := make(chan struct{})
	var answering gosync.WaitGroup
	l := meetActive(g.t, a, func(active *replication.Active) {
		for _, c := range configure {
			c(active)
		}
		if !active.Collections[0].Pull {
			close(sent)
		}
	}, func(r *blip.Request) {
		switch r.Profile() {
		case "getCollections":
			r.Reply(&blip.Message{Properties: blip.Properties{gatewayType}, Body: []byte("[{}]")})
		case "proposeChanges":
			answering.Go(func() {
				<-sent
				r.Reply(&blip.Message{Body: g.judge(r.Body)})
			})
		case "rev":
			g.take(r)
		default:
			politely(r)
		}
	}, func(l *listener) {
		defer close(sent)
		g.feed(l)
	})
	if err := l.await(); err != nil {
		g.t.Errorf("the session ended with %v", err)
	}
	answering.Wait()
	return l
}

// feed announces everything, and sends what is asked for.
func (g *gateway) feed(l *listener) {
	g.mu.Lock()
	ids := slices.SortedFunc(maps.Keys(g.docs), func(x, y string) int { return g.docs[x].seq - g.docs[y].seq })
	docs := maps.Clone(g.docs)
	g.mu.Unlock()
	var announced []string
	for _, id := range ids {
		flag := 0
		if docs[id].deleted {
			flag = 1
		}
		announced = append(announced, fmt.Sprintf(`[%d,%q,%q,%d]`, docs[id].seq, id, docs[id].rev.ID, flag))
	}
	if len(announced) > 0 {
		var answers []any
		reply := l.ask("changes", "collection=0 Content-Type=application/json", "["+strings.Join(announced, ",")+"]")
		if err := json.Unmarshal([]byte(reply), &answers); err != nil {
			g.t.Errorf("the answer to changes is %s: %v", reply, err)
		}
		for i, answer := range answers {
			if known, ok := answer.([]any); ok {
				g.send(l, ids[i], docs[ids[i]], known)
			}
		}
	}
	l.tell("changes", "collection=0 Content-Type=application/json", "null")
}

// send sends a document; a client that has a tree revision is told of the gateway's.
func (g *gateway) send(l *listener, id string, doc gatewayDoc, known []any) {
	history := doc.rev.History
	history.Ancestors = nil
	hasTree := slices.ContainsFunc(known, func(k any) bool { return !strings.Contains(fmt.Sprint(k), "@") })
	if hasTree && doc.tree != "" {
		history.Ancestors = append([]revision.ID{doc.tree}, doc.trees...)
	}
	m := &blip.Message{NoReply: true, Body: []byte(doc.body), Properties: withProps("rev", fmt.Sprintf(
		"collection=0 id=%s rev=%s sequence=%d Content-Type=application/json", id, doc.rev.ID, doc.seq))}
	if text := history.String(); text != "" {
		m.Properties.Add("history", text)
	}
	if doc.deleted {
		m.Properties.Add("deleted", "1")
	}
	l.conn.Send(m, nil) //nolint:errcheck // await finds a connection that has ended
}

// judge answers proposals.
func (g *gateway) judge(body []byte) []byte {
	g.mu.Lock()
	defer g.mu.Unlock()
	return judgeEach(g.t, body, func(item []any) any {
		doc, exists := g.docs[item[0].(string)]
		proposed, err := revision.ParseVector(item[1].(string))
		if err != nil {
			g.t.Errorf("proposal %v: %v", item, err)
		}
		parent := ""
		if len(item) > 2 {
			parent = item[2].(string)
		}
		is := func(id string) bool { return id == string(doc.rev.ID) || doc.tree != "" && id == string(doc.tree) }
		switch {
		case !exists, is(parent):
			return 0
		case is(string(proposed.ID)):
			return 304
		case proposed.Contains(doc.rev.ID):
			return 0
		}
		return map[string]any{"status": 409, "rev": doc.rev.ID}
	})
}

// judgeEach answers the proposals of a message one by one.
func judgeEach(t testing.TB, body []byte, judge func(item []any) any) []byte {
	t.Helper()
	var items [][]any
	if err := json.Unmarshal(body, &items); err != nil {
		t.Errorf("proposals %s: %v", body, err)
	}
	answers := make([]any, len(items))
	for i, item := range items {
		answers[i] = judge(item)
	}
	text, err := json.Marshal(answers)
	if err != nil {
		t.Error(err)
	}
	return text
}

// take stores a revision. A tree history that it does not know makes Sync Gateway 4.2 keep the body that it has, also
// where the vector covers its own version.
func (g *gateway) take(r *blip.Request) {
	rev, err := revision.ParseRev(r.Properties.Value("rev"), r.Properties.Value("history"))
	if err != nil {
		g.t.Errorf("rev %v: %v", r.Properties, err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.bodies++
	id := r.Properties.Value("id")
	doc, exists := g.docs[id]
	trees := rev.History.Ancestors
	descends := slices.Contains(trees, doc.tree) || rev.ID.IsTree() && !exists
	lacks := slices.ContainsFunc(trees, func(id revision.ID) bool { return id != doc.tree && !slices.Contains(doc.trees, id) })
	switch {
	case rev.ID.Source() == revision.LegacySource && !exists:
		r.ReplyError("HTTP", 500, "invalid CV")
		return
	case exists && !rev.Contains(doc.rev.ID) && !descends:
		r.ReplyError("HTTP", 409, "Document revision conflict")
		return
	case !exists || rev.ID.IsTree() || !lacks:
		doc.body, doc.deleted = string(r.Body), r.Properties.Bool("deleted")
	}
	g.seq++
	doc.seq, doc.rev = g.seq, rev
	below := slices.Concat(trees, []revision.ID{doc.tree}, doc.trees)
	if rev.ID.IsTree() {
		doc.tree, doc.rev = rev.ID, revision.Rev{ID: rev.ID.Encoded()}
	} else {
		doc.tree = revision.NewTree(doc.tree.Generation()+1, fmt.Sprintf("%032x", g.seq))
	}
	doc.trees = falling(doc.tree, below)
	g.docs[id] = doc
	r.Reply(nil)
}

// falling orders the ancestors of a tree revision by their generations, one of each.
func falling(tree revision.ID, ids []revision.ID) (below []revision.ID) {
	slices.SortStableFunc(ids, func(a, b revision.ID) int { return int(b.Generation()) - int(a.Generation()) })
	last := tree.Generation()
	for _, id := range ids {
		if id != "" && id.Generation() < last {
			below, last = append(below, id), id.Generation()
		}
	}
	return below
}

// upgrade gives what clients have pushed as trees a version of the gateway's own, as it does when it is
// asked for it over the fourth protocol.
func (g *gateway) upgrade() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for id, doc := range g.docs {
		if doc.rev.ID.Source() == revision.LegacySource {
			doc.rev = revision.Rev{ID: g.version(doc.seq)}
			g.docs[id] = doc
		}
	}
}

func localWins(context.Context, replication.Conflict) (replication.Decision, error) {
	return replication.Decision{Winner: store.LocalWins}, nil
}

func laterWins(_ context.Context, c replication.Conflict) (replication.Decision, error) {
	switch {
	case c.Local == nil:
		return replication.Decision{Winner: store.RemoteWins}, nil
	case c.Remote == nil || revision.DefaultWinner(c.Local.Rev, c.Remote.Rev, false, false):
		return replication.Decision{Winner: store.LocalWins}, nil
	}
	return replication.Decision{Winner: store.RemoteWins}, nil
}

func remoteWins(context.Context, replication.Conflict) (replication.Decision, error) {
	return replication.Decision{Winner: store.RemoteWins}, nil
}

// A database of trees is in sync with a Sync Gateway, is edited offline, is upgraded and edited again. The gateway
// sends the unedited documents back, as versions of its own, before it hears of the edits: none may be lost, by
// whatever resolver (recorded in sg4-40b-upgrade-unsent).
func TestAnUpgradeLosesNoEdit(t *testing.T) {
	for name, resolver := range map[string]replication.Resolver{"by rules": nil, "latest": laterWins, "remote": remoteWins} {
		t.Run(name, func(t *testing.T) {
			a, g := newPeer(t, store.RevTrees), newGateway(t)
			for _, id := range []string{"edited", "edited-twice", "deleted", "after", "deleted-after", "both", "same"} {
				a.put(id, `{"v":0}`)
			}
			g.meet(a)
			g.upgrade()
			for _, id := range []string{"edited", "edited-twice", "both"} {
				a.put(id, `{"v":1}`)
			}
			a.put("edited-twice", `{"v":2}`)
			a.delete("deleted")
			a.put("new", `{"v":1}`)
			if err := a.db.UpgradeVersioning(t.Context()); err != nil {
				t.Fatal(err)
			}
			a.put("after", `{"v":3}`)
			a.put("both", `{"v":4}`)
			a.delete("deleted-after")
			resolving := func(active *replication.Active) { active.Collections[0].Resolver = resolver }
			l := g.meet(a, resolving)
			want := map[string]string{
				"edited": `{"v":1}`, "edited-twice": `{"v":2}`, "deleted": "-", "after": `{"v":3}`, "deleted-after": "-",
				"both": `{"v":4}`, "same": `{"v":0}`, "new": `{"v":1}`,
			}
			if got := g.contents(); !maps.Equal(got, want) {
				t.Errorf("the gateway has %v\nwant %v", got, want)
			}
			ours := make(map[string]string)
			for id, text := range a.contents() {
				_, ours[id], _ = strings.Cut(text, " ")
			}
			if !maps.Equal(ours, want) {
				t.Errorf("the database has %v\nwant %v", ours, want)
			}
			for _, event := range l.events.sorted() {
				if strings.Contains(event, "/") {
					t.Errorf("reported: %s", event)
				}
			}
			g.meet(a, resolving)
			if got := g.contents(); !maps.Equal(got, want) {
				t.Errorf("after another session the gateway has %v\nwant %v", got, want)
			}
		})
	}
}

// Every document is compared again after a reset, and none is sent again. A gateway that is told in a proposal that
// it has the very revision asks for it over the fourth protocol.
func TestAResetSendsNoBodyAgain(t *testing.T) {
	a, g := newPeer(t, store.VersionVectors), newGateway(t)
	const n = 300
	for i := range n {
		a.put(fmt.Sprintf("d%03d", i), `{}`)
	}
	reset := func(active *replication.Active) { active.Reset = true }
	pushOnly := func(active *replication.Active) { active.Collections[0].Pull = false }
	g.meet(a)
	g.meet(a, reset)
	g.meet(a, reset, pushOnly)
	g.meet(a, func(active *replication.Active) { active.Remote = "ws://elsewhere/db" })
	if g.bodies != n {
		t.Errorf("%d bodies were sent, want %d", g.bodies, n)
	}
}

// A conflict that our side wins reaches a gateway as it is: under a version that it takes, and without tree IDs that
// it lacks, which make it keep its own body.
func TestWhatHasWonReachesTheGateway(t *testing.T) {
	for name, edited := range map[string]bool{"a tree revision": false, "a version with a past of trees": true} {
		t.Run(name, func(t *testing.T) {
			a, g := newPeer(t, store.RevTrees), newGateway(t)
			g.put("d", "1-ffff", `{"by":"another"}`)
			a.put("d", `{"n":1}`)
			a.put("d", `{"by":"us"}`)
			if err := a.db.UpgradeVersioning(t.Context()); err != nil {
				t.Fatal(err)
			}
			if edited {
				a.put("d", `{"by":"us"}`)
			}
			resolving := func(active *replication.Active) { active.Collections[0].Resolver = localWins }
			for range 2 {
				g.meet(a, resolving)
				if got := g.contents()["d"]; got != `{"by":"us"}` {
					t.Fatalf("the gateway has %s", got)
				}
			}
			if rev := revision.ID(a.revOf("d")); rev.Source() == revision.LegacySource || g.docs["d"].rev.ID != rev {
				t.Errorf("the database has revision %s, the gateway %s", rev, g.docs["d"].rev.ID)
			}
			a.put("d", `{"by":"us again"}`)
			g.meet(a, resolving)
			if got := g.contents()["d"]; got != `{"by":"us again"}` {
				t.Errorf("of the next edit the gateway has %s", got)
			}
		})
	}
}
