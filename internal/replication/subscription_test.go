package replication_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/replication"
	"github.com/tandemdb/tandem/internal/store"
)

// subscriber is a client of a listener that hands what it is told to the test.
type subscriber struct {
	*stranger
	versioning store.Versioning
	told       chan *blip.Request
}

// newSubscriber agrees with a listener on the default collection of p.
func newSubscriber(t *testing.T, p *peer) *subscriber {
	t.Helper()
	return newSubscriberAs(t, p, "cp")
}

// newSubscriberAs is newSubscriber with a checkpoint of that ID.
func newSubscriberAs(t *testing.T, p *peer, client string) *subscriber {
	t.Helper()
	s := newLegacySubscriber(t, p)
	s.mustAsk("[{}]", "getCollections", "", fmt.Sprintf(`{"checkpoint_ids":[%q],"collections":["_default"]}`, client))
	return s
}

// newLegacySubscriber meets a listener on the default collection of p, and says nothing yet.
func newLegacySubscriber(t *testing.T, p *peer, configure ...func(*replication.Passive)) *subscriber {
	t.Helper()
	told := make(chan *blip.Request, 1_000)
	s := &subscriber{versioning: p.db.Versioning(), told: told}
	s.stranger = meet(t, func(pipe blip.Pipe) *replication.Session {
		cfg := replication.Passive{
			Common:      replication.Common{DB: p.db, Deltas: true, ReplyTimeout: patience, Log: testLog(t)},
			Collections: []*store.Collection{p.coll},
		}
		for _, c := range configure {
			c(&cfg)
		}
		return replication.NewPassive(pipe, cfg)
	}, func(r *blip.Request) { told <- r })
	return s
}

func (s *subscriber) subscribe(props string) {
	s.t.Helper()
	s.mustAsk("", "subChanges", fmt.Sprintf("collection=0 versioning=%s %s", s.versioning, props), "")
}

// next returns what the listener says next.
func (s *subscriber) next() *blip.Request {
	s.t.Helper()
	select {
	case r := <-s.told:
		return r
	case <-time.After(patience):
		s.t.Fatal("the listener says nothing more")
		return nil
	}
}

// mustHear expects announcements of these documents, in this order, until the listener says that this was all.
func (s *subscriber) mustHear(want ...string) {
	s.t.Helper()
	var all []string
	for ids, reply := s.announcement(); len(ids) > 0; ids, reply = s.announcement() {
		all = append(all, ids...)
		reply()
	}
	if !slices.Equal(all, want) {
		s.t.Errorf("told of %v, want %v", all, want)
	}
}

// announcement returns which documents the next message announces: the tombstones begin with a minus. All
// are refused as known. None of them means caught up.
func (s *subscriber) announcement() (ids []string, reply func()) {
	s.t.Helper()
	r := s.next()
	return idsIn(s.t, r), func() { r.Reply(&blip.Message{Body: []byte("[]")}) }
}

func idsIn(t testing.TB, r *blip.Request) (ids []string) {
	t.Helper()
	var entries [][]any
	if err := json.Unmarshal(r.Body, &entries); err != nil || r.Profile() != "changes" {
		t.Fatalf("the listener says %s %s", r.Profile(), r.Body)
	}
	for _, e := range entries {
		id := fmt.Sprint(e[1])
		if e[3] != 0.0 {
			id = "-" + id
		}
		ids = append(ids, id)
	}
	return ids
}

// TestASubscriptionSaysWhatItWants asks for parts of what there is, in all forms that clients have.
func TestASubscriptionSaysWhatItWants(t *testing.T) {
	eachVersioning(t, func(t *testing.T, v store.Versioning) {
		p := newPeer(t, v)
		for _, id := range []string{"a", "b", "c", "d"} {
			p.put(id, `{}`)
		}
		p.delete("c")
		for name, c := range map[string]struct{ props, body, want string }{
			"all":                    {"", "", "a b d -c"},
			"since the third":        {"since=3", "", "d -c"},
			"since it, in quotes":    {`since="3"`, "", "d -c"},
			"since the last":         {"since=5", "", ""},
			"since a time to come":   {"since=500", "", ""},
			"since what is not ours": {`since="12:117"`, "", "a b d -c"},
			"since nothing":          {"since=", "", "a b d -c"},
			"since null":             {"since=null", "", "a b d -c"},
			"live ones":              {"activeOnly=true", "", "a b d"},
			"live ones by 1":         {"activeOnly=1", "", "a b d"},
			"in small batches":       {"batch=1", "", "a b d -c"},
			"in absurd batches":      {"batch=-7", "", "a b d -c"},
			"by ID":                  {"", `{"docIDs":["c","b","missing"]}`, "b -c"},
			"by no ID":               {"", `{"docIDs":[]}`, ""},
			"by IDs that are none":   {"", `{"docIDs":["",null]}`, ""},
			"by null":                {"", `{"docIDs":null}`, "a b d -c"},
			"a body without IDs":     {"", `{}`, "a b d -c"},
			"a body of noise":        {"", `{"docIDs":[`, "a b d -c"},
			"what others understand": {"revocations=true requestPlus=true future=false client_sgr2=true x=y", "", "a b d -c"},
			"continuously":           {"continuous=true", "", "a b d -c"},
			"continuously, by ID":    {"continuous=1", `{"docIDs":["a"]}`, "a"},
		} {
			t.Run(name, func(t *testing.T) {
				s := newSubscriber(t, p)
				s.mustAsk("", "subChanges", fmt.Sprintf("collection=0 versioning=%s %s", v, c.props), c.body)
				s.mustHear(strings.Fields(c.want)...)
			})
		}
	})
}

// TestOneFeedAtATime refuses a second subscription while one runs; after one that is over, or was refused,
// there may be another.
// A Sync Gateway that replicates with us takes changes if they say so, and does not say which versioning it has.
func TestASyncGatewaySubscribes(t *testing.T) {
	p := newPeer(t, store.VersionVectors)
	p.put("a", "{}")
	s := newLegacySubscriber(t, p, func(cfg *replication.Passive) { cfg.Protocol = replication.CBMobile4 })
	s.mustAsk("[{}]", "getCollections", "", oneCollection)
	s.mustAsk("", "subChanges", "collection=0 client_sgr2=true", "")
	r := s.next()
	if got := r.Properties.Value("ignoreNoConflicts"); r.Profile() != "changes" || got != "true" {
		t.Errorf("%s has ignoreNoConflicts=%q", r.Profile(), got)
	}
	r.Reply(&blip.Message{Body: []byte("[[]]")})
	s.mustSay("rev", fmt.Sprintf("id=a rev=%s sequence=1", p.revOf("a"))).Reply(nil)

	lite := newSubscriber(t, p)
	lite.subscribe("")
	if got, given := lite.next().Properties.Get("ignoreNoConflicts"); given {
		t.Errorf("another client is told ignoreNoConflicts=%s", got)
	}
}

func TestOneFeedAtATime(t *testing.T) {
	eachVersioning(t, func(t *testing.T, v store.Versioning) {
		s := newSubscriber(t, newPeer(t, v))
		props := fmt.Sprintf("collection=0 continuous=true versioning=%s", v)
		s.mustAsk("LiteCore/19", "subChanges", props+" filter=sync_gateway/bychannel", "")
		s.mustAsk("", "subChanges", props, "")
		s.mustAsk("HTTP/500", "subChanges", props, "")
		s.mustAsk("", "unsubChanges", "collection=0", "")
		s.mustAsk("", "unsubChanges", "collection=0", "") // that none runs is no error
		s.mustAsk("", "subChanges", props, "")
	})
}

// TestWhatIsDeletedDuringTheFirstFeedIsTold deletes documents that a client has been offered already,
// before it was told everything: it asked for live documents, and would keep them for ever.
func TestWhatIsDeletedDuringTheFirstFeedIsTold(t *testing.T) {
	eachVersioning(t, func(t *testing.T, v store.Versioning) {
		p := newPeer(t, v)
		p.put("old", `{}`)
		p.delete("old")
		for i := range 60 {
			p.put(fmt.Sprintf("d%d", i), `{}`)
		}
		s := newSubscriber(t, p)
		s.subscribe("continuous=true activeOnly=true batch=10")
		told := make(map[string]bool)
		hear := func() (more bool, reply func()) {
			ids, reply := s.announcement()
			for _, id := range ids {
				told[id] = true
			}
			return len(ids) > 0, reply
		}
		var replies []func()
		for range 5 { // it awaits our answers now
			_, reply := hear()
			replies = append(replies, reply)
		}
		p.delete("d0")
		for _, reply := range replies {
			reply()
		}
		for more, reply := hear(); more; more, reply = hear() {
			reply()
		}
		if !told["-d0"] || told["-old"] || len(told) != 61 {
			t.Errorf("told of %v, want of each document, and that d0 was deleted", told)
		}
	})
}

// TestAnnouncementsCannotOvertakeEachOther offers documents with long IDs. Each message goes into one frame, so
// that a peer which handles messages as they are complete gets them in order, and the caught-up one last.
func TestAnnouncementsCannotOvertakeEachOther(t *testing.T) {
	eachVersioning(t, func(t *testing.T, v store.Versioning) {
		p := newPeer(t, v)
		var want []string
		for i := range 150 {
			id := fmt.Sprintf("%03d%s", i, strings.Repeat("x", 237))
			p.put(id, `{}`)
			want = append(want, id)
		}
		s := newSubscriber(t, p)
		s.subscribe("")
		var all []string
		for {
			r := s.next()
			if size := len(r.Properties.Append(nil)) + len(r.Body); size > blip.MaxFrame-100 {
				t.Errorf("an announcement of %d bytes needs several frames", size)
			}
			ids := idsIn(t, r)
			if len(ids) == 0 {
				break
			}
			all = append(all, ids...)
			r.Reply(&blip.Message{Body: []byte("[]")})
		}
		if !slices.Equal(all, want) {
			t.Errorf("told of %d documents, want %d in their order", len(all), len(want))
		}
	})
}

// TestEmptyProposalsAreNoBurden sends one after the other, as a client may that pulls much and has nothing
// to push: nobody awaits an answer to them, and they are no reason to part.
func TestEmptyProposalsAreNoBurden(t *testing.T) {
	eachVersioning(t, func(t *testing.T, v store.Versioning) {
		p := newPeer(t, v)
		s := newSubscriber(t, p)
		for range 10_000 {
			m := &blip.Message{Properties: withProps("proposeChanges", "collection=0"), Body: []byte("[]"), NoReply: true}
			if err := s.conn.Send(m, nil); err != nil {
				t.Fatal(err)
			}
		}
		s.mustAsk("[]", "proposeChanges", "collection=0", `[["a","1-aa"]]`)
	})
}

// TestUnsubscribedIsOver subscribes and unsubscribes in quick succession: each time the former feed is over,
// says nothing any more, and is in the way of no other.
func TestUnsubscribedIsOver(t *testing.T) {
	eachVersioning(t, func(t *testing.T, v store.Versioning) {
		p := newPeer(t, v)
		s := newSubscriber(t, p)
		for range 50 {
			s.subscribe("continuous=true")
			s.mustAsk("", "unsubChanges", "collection=0", "")
			told := len(s.told)
			s.mustAsk("", "PING", "", "")
			if n := len(s.told) - told; n > 0 {
				t.Errorf("told of %d messages after the end", n)
			}
		}
		p.put("a", `{}`)
		s.subscribe("")
		for said := false; ; {
			ids, reply := s.announcement()
			reply()
			if len(ids) > 0 && said {
				t.Errorf("told of %v twice", ids)
			}
			if len(ids) == 0 && said {
				break
			}
			said = said || len(ids) > 0
		}
		s.mustAsk("", "PING", "", "")
		if len(s.told) > 0 {
			ids, _ := s.announcement()
			t.Errorf("told of %v after everything", ids)
		}
	})
}

// TestChangesAreToldInTheirOrder edits a document again while its revision is on its way, and then another: the
// client is told of the former first. It takes it that what comes later is newer, and would start the next
// session after it.
func TestChangesAreToldInTheirOrder(t *testing.T) {
	eachVersioning(t, func(t *testing.T, v store.Versioning) {
		p := newPeer(t, v)
		p.put("a", `{"n":1}`)
		s := newSubscriber(t, p)
		s.subscribe("continuous=true")
		first := p.revOf("a")
		s.want("blobs=true", "[[]]")
		under := s.mustSay("rev", "id=a rev="+first+" sequence=1")
		p.put("a", `{"n":2}`)
		second := p.revOf("a")
		p.put("b", `{}`)
		for told := 0; told < 2; {
			r := s.next()
			var entries [][]any
			if err := json.Unmarshal(r.Body, &entries); err != nil {
				t.Fatalf("the listener says %s %s", r.Profile(), r.Body)
			}
			items := []string{}
			for _, e := range entries {
				told++
				if want := float64(told + 1); e[0] != want {
					t.Errorf("told of sequence %v, want %v", e[0], want)
				}
				items = append(items, "[]")
			}
			r.Reply(&blip.Message{Body: []byte("[" + strings.Join(items, ",") + "]")})
		}
		s.mustSay("rev", "id=b rev="+p.revOf("b")+" sequence=3").Reply(&blip.Message{})
		under.Reply(&blip.Message{}) // one revision of a document at a time
		props := "id=a rev=" + second + " sequence=2"
		if v == store.RevTrees {
			props += " history=" + first
		}
		s.mustSay("rev", props).Reply(&blip.Message{})
	})
}

// TestAReplacementIsSentOnce edits a document between its announcement and the answer, and has both revisions
// wanted: the newer one is sent in place of the older one, and not once more.
func TestAReplacementIsSentOnce(t *testing.T) {
	eachVersioning(t, func(t *testing.T, v store.Versioning) {
		p := newPeer(t, v)
		p.put("a", `{"n":1}`)
		s := newSubscriber(t, p)
		s.subscribe("continuous=true sendReplacementRevs=true")
		first := p.revOf("a")
		older := s.next()
		p.put("a", `{"n":2}`)
		second := p.revOf("a")
		newer := s.mustSay("changes", "")
		wanted := &blip.Message{Properties: withProps("", "sendReplacementRevs=true")[1:], Body: []byte("[[]]")}
		newer.Reply(wanted)
		older.Reply(wanted)
		props := "id=a rev=" + second + " sequence=1"
		if v == store.RevTrees {
			props += " history=" + first
		}
		s.mustSay("rev", props+" replacedRev="+first).Reply(&blip.Message{})
		s.mustSay("norev", "id=a rev="+second+" sequence=2 error=410")
	})
}
