package replication_test

import (
	"fmt"
	"slices"
	"strings"
	gosync "sync"
	"testing"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/replication"
	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/store"
)

// lite takes revisions as a LiteCore 4 does: a version is newer if it has seen the current one, and if the tree IDs
// of its past begin with the one that was kept of the document, or there are none and none was kept.
type lite struct {
	t testing.TB

	mu        gosync.Mutex
	current   map[string]revision.Rev
	kept      map[string]revision.ID
	conflicts []string
}

func newLite(t testing.TB) *lite {
	return &lite{t: t, current: make(map[string]revision.Rev), kept: make(map[string]revision.ID)}
}

func (l *lite) take(r *blip.Request) {
	rev, err := revision.ParseRev(r.Properties.Value("rev"), r.Properties.Value("history"))
	if err != nil {
		l.t.Errorf("rev %v: %v", r.Properties, err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	id := r.Properties.Value("id")
	is, kept := l.current[id], l.kept[id]
	var first revision.ID
	if rev.ID.IsVersion() {
		first = rev.ShownTree()
	}
	switch {
	case rev.ID.IsTree() && rev.Contains(is.ID):
		kept = rev.ID
	case is.IsZero(): // it keeps none of the tree IDs that come with a version
	case rev.ID.IsTree(), is.ID.IsVersion() && !rev.Contains(is.ID), first != kept:
		l.conflicts = append(l.conflicts, fmt.Sprintf("%s %s over %s, where %q is kept", id, rev, is, kept))
		r.ReplyError("LiteCore", 8, "conflict")
		return
	}
	l.current[id], l.kept[id] = rev, kept
	r.Reply(nil)
}

// judge answers proposals: the parent must be the current revision.
func (l *lite) judge(body []byte) []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return judgeEach(l.t, body, func(item []any) any {
		current := l.current[item[0].(string)]
		rev, _, _ := strings.Cut(item[1].(string), ";")
		switch {
		case string(current.ID) == rev:
			return 304
		case current.ID == "" || string(current.ID) == item[2]:
			return 0
		}
		return map[string]any{"status": 409, "rev": current.Vector()}
	})
}

// called lets a push to l, as the listener at a URL, and returns the events.
func (l *lite) called(a *peer, url string) []string {
	l.t.Helper()
	listener := meetActive(l.t, a, func(active *replication.Active) {
		active.Collections[0].Pull = false
		active.Remote = url
	}, func(r *blip.Request) {
		switch r.Profile() {
		case "proposeChanges":
			r.Reply(&blip.Message{Properties: blip.Props("blobs", "true"), Body: l.judge(r.Body)})
		case "rev":
			l.take(r)
		default:
			politely(r)
		}
	}, nil)
	if err := listener.await(); err != nil {
		l.t.Errorf("the session ended with %v", err)
	}
	return listener.events.sorted()
}

// upgradedPeer makes a database with a past of trees: a document that nobody has edited since its upgrade, and one
// that has been edited.
func upgradedPeer(t testing.TB) *peer {
	a := newPeer(t, store.RevTrees)
	for n := range 3 {
		a.put("legacy", fmt.Sprintf(`{"n":%d}`, n))
		a.put("edited", fmt.Sprintf(`{"n":%d}`, n))
	}
	if err := a.db.UpgradeVersioning(t.Context()); err != nil {
		t.Fatal(err)
	}
	a.put("edited", `{"n":3}`)
	return a
}

// A LiteCore listener takes each edit of a document with a past of trees, whether it has got a tree revision of it
// or not.
func TestATailIsWhatALiteCoreListenerHasShown(t *testing.T) {
	a := upgradedPeer(t)
	one, two := newLite(t), newLite(t)
	for round := range 4 {
		want := []string{"push edited", "push legacy"}
		if got := one.called(a, "ws://one/db"); !slices.Equal(got, want) {
			t.Errorf("round %d: reported are %v, want %v", round, got, want)
		}
		if round > 1 { // it has never seen a tree revision
			if got := two.called(a, "ws://two/db"); !slices.Equal(got, want) {
				t.Errorf("round %d, two: reported are %v, want %v", round, got, want)
			}
		}
		a.put("legacy", fmt.Sprintf(`{"round":%d}`, round))
		a.put("edited", fmt.Sprintf(`{"round":%d}`, round))
	}
	if len(one.conflicts)+len(two.conflicts) > 0 {
		t.Errorf("conflicts: %q and %q", one.conflicts, two.conflicts)
	}
}

// The same for the clients of a listener, each of which is known by the ID of its checkpoint.
func TestATailIsWhatAClientHasShown(t *testing.T) {
	p := newPeer(t, store.RevTrees)
	var trees []string // newest first
	for n := range 4 {
		p.put("a", fmt.Sprintf(`{"n":%d}`, n))
		trees = append([]string{p.revOf("a")}, trees...)
	}
	if err := p.db.UpgradeVersioning(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.put("a", `{"n":4}`)
	meet := func(client string) *subscriber {
		s := newSubscriberAs(t, p, client)
		s.subscribe("")
		return s
	}
	serve := func(client, known, tail string) {
		t.Helper()
		s := meet(client)
		s.want("blobs=true", "["+known+"]")
		props := fmt.Sprintf("id=a rev=%s sequence=%d", p.revOf("a"), p.sequenceOf("a"))
		if tail != "" {
			props += " history=" + tail
		}
		s.mustSay("rev", props).Reply(nil)
		s.stop()
		<-s.over
	}
	version := p.revOf("a")
	serve("fresh", "[]", "")
	serve("lists", fmt.Sprintf("[%q]", trees[1]), strings.Join(trees[1:], ","))
	sender := newSubscriberAs(t, p, "sends")
	sender.mustAsk("[304]", "proposeChanges", "collection=0", fmt.Sprintf(`[["a",%q]]`, trees[2]))
	p.put("a", `{"n":5}`)
	known := fmt.Sprintf("[%q]", version)
	serve("fresh", known, "")
	serve("lists", known, trees[1])
	serve("sends", known, trees[2])
	serve("unheard of", known, "")
	serve("lists none", "[]", "")
	child := revision.NewVersion(revision.ID(p.revOf("a")).Time(), hostileSource)
	sends := newSubscriberAs(t, p, "has kept one")
	sends.mustAsk("[]", "proposeChanges", "collection=0", fmt.Sprintf(`[["a",%q,%q]]`, child, p.revOf("a")))
	sends.mustAsk("", "rev", fmt.Sprintf("collection=0 id=a rev=%s history=%s,%s", child, p.revOf("a"), trees[0]), "{}")
	last := p.revOf("a")
	p.put("a", `{"n":6}`)
	serve("has kept one", fmt.Sprintf("[%q]", last), last+","+trees[0])
}
