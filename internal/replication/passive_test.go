package replication_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/replication"
	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/store"
)

// reply is the whole answer to a request that is granted.
func (s *stranger) reply(profile, props, body string) *blip.Reply {
	s.t.Helper()
	reply, err := s.conn.Call(s.t.Context(), &blip.Message{Properties: withProps(profile, props), Body: []byte(body)})
	if err != nil {
		s.t.Fatalf("%s %s %.200s: %v", profile, props, body, err)
	}
	return reply
}

// TestCheckpointsAreTheClientsOwn keeps whatever clients give, under a revision of ours that they have to know.
func TestCheckpointsAreTheClientsOwn(t *testing.T) {
	eachVersioning(t, func(t *testing.T, v store.Versioning) {
		p := newPeer(t, v)
		s := meetPassive(t, p)
		s.mustAsk("[{}]", "getCollections", "", oneCollection)
		s.mustAsk("HTTP/404", "getCheckpoint", "collection=0 client=cp", "")
		for i, body := range []string{`{"local":1}`, `{"local":2,"remote":"9:5","time":7}`, "", "\xff no JSON", `[1]`, `{"local":3}`} {
			seen := ""
			if i > 0 {
				seen = fmt.Sprintf("%d-cc", i)
				s.mustAsk("HTTP/409", "setCheckpoint", "collection=0 client=cp", body)
				s.mustAsk("HTTP/409", "setCheckpoint", "collection=0 client=cp rev=", body)
			}
			s.mustAsk("HTTP/409", "setCheckpoint", "collection=0 client=cp rev=9-cc", body)
			next := s.reply("setCheckpoint", "collection=0 client=cp rev="+seen, body).Properties.Value("rev")
			got := s.reply("getCheckpoint", "collection=0 client=cp", "")
			if want := fmt.Sprintf("%d-cc", i+1); next != want || got.Properties.Value("rev") != want || string(got.Body) != body {
				t.Errorf("stored %q as %s, and got %q of %s", body, next, got.Body, got.Properties.Value("rev"))
			}
			again := meetPassive(t, p)
			var list []map[string]any
			if err := json.Unmarshal(again.reply("getCollections", "", oneCollection).Body, &list); err != nil || len(list) != 1 {
				t.Fatalf("getCollections gives %v, %v", list, err)
			}
			if list[0]["rev"] != next || list[0]["_rev"] != next {
				t.Errorf("getCollections gives %v, want the revision under both names", list[0])
			}
			again.mustAsk("HTTP/404", "getCheckpoint", "collection=0 client=other", "")
		}
		long := strings.Repeat("x", 5_000)
		s.mustAsk("", "setCheckpoint", "collection=0 client="+long, "{}")
		s.mustAsk("{}", "getCheckpoint", "collection=0 client="+long, "")
	})
}

// pushed are the revisions of a document that a client has pushed to p, from the first to the current.
type pushed struct{ first, current, child, beside, vector string }

// pushTwice has document "a" come to p in two revisions, and names some that are related to it.
func pushTwice(p *peer, s *stranger) pushed {
	revs := pushed{"1-aa", "2-bb", "3-cc", "2-dd", "2-bb"}
	history := "1-aa"
	if p.db.Versioning() == store.VersionVectors {
		at := func(ago time.Duration, source revision.Source) string {
			return string(revision.NewVersion(revision.Next(0, time.Now().Add(-ago)), source))
		}
		const one, two, three = "OneOneOneOneOneOneOneA", "TwoTwoTwoTwoTwoTwoTwoA", "ThreeThreeThreeThreeAA"
		revs = pushed{
			first: at(4*time.Minute, one), current: at(3*time.Minute, two),
			child: at(time.Minute, three), beside: at(2*time.Minute, one),
		}
		revs.vector, history = revs.current+"; "+revs.first, revs.first
	}
	s.mustAsk("[]", "proposeChanges", "collection=0", fmt.Sprintf(`[["a",%q]]`, revs.first))
	s.mustAsk("", "rev", "collection=0 id=a noconflicts=1 rev="+revs.first, `{"n":1}`)
	s.mustAsk("[]", "proposeChanges", "collection=0", fmt.Sprintf(`[["a",%q,%q]]`, revs.current, revs.first))
	s.mustAsk("", "rev", fmt.Sprintf("collection=0 id=a noconflicts=1 rev=%s history=%s", revs.current, history), `{"n":2}`)
	return revs
}

// TestProposalsAreJudged proposes what does and what does not build upon the current revision.
func TestProposalsAreJudged(t *testing.T) {
	eachVersioning(t, func(t *testing.T, v store.Versioning) {
		p := newPeer(t, v)
		s := meetPassive(t, p)
		s.mustAsk("[{}]", "getCollections", "", oneCollection)
		a := pushTwice(p, s)
		p.put("dead", `{}`)
		p.delete("dead")
		tombstone := strings.Fields(p.contents()["dead"])[0]
		conflict := fmt.Sprintf(`[{"status":409,"rev":%q}]`, strings.ReplaceAll(a.vector, "; ", ";"))
		for name, c := range map[string]struct{ row, want string }{
			"the current one":            {fmt.Sprintf(`["a",%q]`, a.current), "[304]"},
			"the same as a vector":       {fmt.Sprintf(`["a",%q,%q]`, a.vector, a.first), "[304]"},
			"an older one":               {fmt.Sprintf(`["a",%q]`, a.first), "[304]"},
			"a child":                    {fmt.Sprintf(`["a",%q,%q]`, a.child, a.current), "[]"},
			"a child, with its size":     {fmt.Sprintf(`["a",%q,%q,512]`, a.child, a.current), "[]"},
			"a child of an older one":    {fmt.Sprintf(`["a",%q,%q]`, a.child, a.first), conflict},
			"a child of nothing":         {fmt.Sprintf(`["a",%q,"",12]`, a.child), conflict},
			"a child of null":            {fmt.Sprintf(`["a",%q,null]`, a.child), conflict},
			"another child of the first": {fmt.Sprintf(`["a",%q,%q]`, a.beside, a.first), conflict},
			"a new document":             {fmt.Sprintf(`["new",%q]`, a.first), "[]"},
			"an edit of what is gone":    {fmt.Sprintf(`["new",%q,%q]`, a.current, a.first), "[]"},
			"anew over a tombstone":      {fmt.Sprintf(`["dead",%q]`, a.child), "[]"},
			"a child of a tombstone":     {fmt.Sprintf(`["dead",%q,%q]`, a.child, tombstone), "[]"},
			"beside a tombstone":         {fmt.Sprintf(`["dead",%q,%q]`, a.child, a.first), fmt.Sprintf(`[{"status":409,"rev":%q}]`, tombstone)},
		} {
			s.mustAsk(c.want, "proposeChanges", "collection=0 conflictIncludesRev=true", "["+c.row+"]")
			if strings.Contains(c.want, "409") {
				s.mustAsk("[409]", "proposeChanges", "collection=0", "["+c.row+"]")
			}
			all := fmt.Sprintf(`[["x",%q],%s,["y",%q]]`, a.first, c.row, a.first)
			want := "[]"
			if c.want != want {
				want = "[0," + c.want[1:]
			}
			if got := s.ask("proposeChanges", "collection=0 conflictIncludesRev=true", all); got != want {
				t.Errorf("%s: among others it is answered %s, want %s", name, got, want)
			}
		}
	})
}

// TestAnEditOfAPurgedDocumentIsTaken pushes one as LiteCore does: as a delta first, and then whole. Refused, it
// would be dropped by that client without a word.
func TestAnEditOfAPurgedDocumentIsTaken(t *testing.T) {
	eachVersioning(t, func(t *testing.T, v store.Versioning) {
		p := newPeer(t, v)
		s := meetPassive(t, p)
		s.mustAsk("[{}]", "getCollections", "", oneCollection)
		a := pushTwice(p, s)
		p.update(func(tx *store.Tx) error { return tx.Purge(p.coll, "a") })
		s.mustAsk("[]", "proposeChanges", "collection=0 conflictIncludesRev=true", fmt.Sprintf(`[["a",%q,%q]]`, a.child, a.current))
		rev := fmt.Sprintf("collection=0 id=a noconflicts=1 rev=%s history=%s", a.child, a.current)
		s.mustAsk("HTTP/422", "rev", rev+" deltaSrc="+a.current, `{"n":3}`)
		s.mustAsk("", "rev", rev, `{"n":3}`)
		if got, want := p.contents()["a"], a.child+` {"n":3}`; got != want {
			t.Errorf("stored is %s, want %s", got, want)
		}
	})
}

// TestATombstoneIsNotOverwrittenUnseen : a client proposes a document as new, and the listener has a tombstone that
// the client has not seen. Whether the client has edited the document that was deleted, under another URL, or made
// one of the same ID, the two are in conflict: stored over the tombstone, the revision would live here and be dead
// on the client, which pulls the tombstone in the same session. So it goes between two LiteCore peers (v4-41b, 41c).
func TestATombstoneIsNotOverwrittenUnseen(t *testing.T) {
	elsewhere := func(active *replication.Active, _ *replication.Passive) { active.Remote = "wss://p:4985/db" }
	pushOnly := func(active *replication.Active, passive *replication.Passive) {
		elsewhere(active, passive)
		active.Collections[0].Pull = false
	}
	for name, alike := range map[string]bool{"an edit": true, "another document": false} {
		t.Run(name, func(t *testing.T) {
			const v = store.VersionVectors
			a, p, other := newPeer(t, v), newPeer(t, v), newPeer(t, v)
			first := other
			if alike {
				first = a
			}
			first.put("a", `{"n":1}`)
			sync(t, first, p)
			sync(t, other, p)
			p.delete("a")
			sync(t, other, p)
			a.put("a", `{"n":2}`)
			if got := sync(t, a, p, pushOnly).active.Progress().Push; got.Documents != 0 || got.Failed != 1 {
				t.Errorf("pushed over the tombstone: %+v", got)
			}
			sync(t, a, p, elsewhere)
			requireSame(t, a, p, 1)
			sync(t, other, p)
			requireSame(t, other, p, 1)
			if got := p.contents()["a"]; !strings.HasSuffix(got, " -") {
				t.Errorf("the listener has %s, want the deletion, which wins by the default rules", got)
			}
		})
	}
}

// TestRepliesToProposalsSayWhatWeTake looks at the properties, of which deltas is said once.
func TestRepliesToProposalsSayWhatWeTake(t *testing.T) {
	eachVersioning(t, func(t *testing.T, v store.Versioning) {
		maxHistory := map[store.Versioning]string{store.RevTrees: "50"}[v]
		s := meetPassive(t, newPeer(t, v))
		s.mustAsk("[{}]", "getCollections", "", oneCollection)
		for _, deltas := range []string{"true", ""} {
			props := s.reply("proposeChanges", "collection=0", `[["a","1-aa"]]`).Properties
			got := []string{props.Value("blobs"), props.Value("deltas"), props.Value("maxHistory"), props.Value("sendReplacementRevs")}
			if want := []string{"true", deltas, maxHistory, "true"}; fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("blobs, deltas, maxHistory, sendReplacementRevs are %q, want %q", got, want)
			}
		}
	})
}

// TestTwoClientsPushAtOnce has both proposals accepted, and then stores one revision alone.
func TestTwoClientsPushAtOnce(t *testing.T) {
	eachVersioning(t, func(t *testing.T, v store.Versioning) {
		p := newPeer(t, v)
		one, two := meetPassive(t, p), meetPassive(t, p)
		one.mustAsk("[{}]", "getCollections", "", oneCollection)
		two.mustAsk("[{}]", "getCollections", "", oneCollection)
		a := pushTwice(p, one)
		later := map[store.Versioning]string{store.RevTrees: "3-dd", store.VersionVectors: a.beside}[v]
		rev := fmt.Sprintf("collection=0 id=a noconflicts=1 history=%s,%s rev=", a.current, a.first)
		one.mustAsk("[]", "proposeChanges", "collection=0", fmt.Sprintf(`[["a",%q,%q]]`, a.child, a.current))
		two.mustAsk("[]", "proposeChanges", "collection=0", fmt.Sprintf(`[["a",%q,%q]]`, later, a.current))
		one.mustAsk("", "rev", rev+a.child, `{"by":"one"}`)
		two.mustAsk("LiteCore/8", "rev", rev+later, `{"by":"two"}`)
		if got, want := p.contents()["a"], a.child+` {"by":"one"}`; got != want {
			t.Errorf("stored is %s, want %s", got, want)
		}
		two.mustAsk("[409]", "proposeChanges", "collection=0", fmt.Sprintf(`[["a",%q,%q]]`, later, a.current))
	})
}
