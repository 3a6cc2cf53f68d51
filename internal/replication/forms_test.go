package replication_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/replication"
	"github.com/tandemdb/tandem/internal/store"
)

// TestGetCollectionsIsAgreedOnOnceAndWell sends a listener all kinds of first messages.
// What it refuses leaves it ready for a better one.
func TestGetCollectionsIsAgreedOnOnceAndWell(t *testing.T) {
	for name, c := range map[string]struct{ body, want string }{
		"one":                 {oneCollection, `[{}]`},
		"full name":           {`{"checkpoint_ids":["cp"],"collections":["_default._default"]}`, `[{}]`},
		"another is not here": {`{"checkpoint_ids":["a","b"],"collections":["_default","people"]}`, `[{},null]`},
		"only another":        {`{"checkpoint_ids":["a"],"collections":["inventory.people"]}`, `[null]`},
		"no name":             {`{"checkpoint_ids":["a"],"collections":[""]}`, `[null]`},
		"path as a name":      {`{"checkpoint_ids":["a"],"collections":["../../x"]}`, `[null]`},
		"no body":             {``, "BLIP/400"},
		"no JSON":             {`{"collections":`, "BLIP/400"},
		"array":               {`[]`, "BLIP/400"},
		"nothing wanted":      {`{"checkpoint_ids":[],"collections":[]}`, "BLIP/400"},
		"null":                {`null`, "BLIP/400"},
		"numbers":             {`{"checkpoint_ids":[1],"collections":[2]}`, "BLIP/400"},
		"fewer checkpoints":   {`{"checkpoint_ids":["a"],"collections":["_default","people"]}`, "BLIP/400"},
		"more checkpoints":    {`{"checkpoint_ids":["a","b"],"collections":["_default"]}`, "BLIP/400"},
		"the same twice":      {`{"checkpoint_ids":["a","b"],"collections":["_default","_default"]}`, "BLIP/400"},
		"the same by two names": {
			`{"checkpoint_ids":["a","b"],"collections":["_default","_default._default"]}`, "BLIP/400",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := meetPassive(t, newPeer(t, store.RevTrees))
			s.mustAsk(c.want, "getCollections", "", c.body)
			again := "BLIP/400"
			if c.want == again {
				again = "[{}]"
			}
			s.mustAsk(again, "getCollections", "", oneCollection)
		})
	}
}

// TestLegacyFormIsAboutTheDefaultCollection talks to a listener as peers from before
// collections do.
func TestLegacyFormIsAboutTheDefaultCollection(t *testing.T) {
	p := newPeer(t, store.RevTrees)
	s := meetPassive(t, p)
	s.mustAsk("HTTP/404", "getCheckpoint", "client=me", "")
	s.mustAsk("", "setCheckpoint", "client=me", `{"local":7}`)
	s.mustAsk(`{"local":7}`, "getCheckpoint", "client=me", "")
	s.mustAsk("[]", "proposeChanges", "", `[["a","1-aa"]]`)
	s.mustAsk("", "rev", "id=a rev=1-aa", `{"old":"peer"}`)
	s.mustAsk("HTTP/400", "rev", "id=b rev=1-aa collection=0", `{}`)
	s.mustAsk("BLIP/400", "getCollections", "", oneCollection)
	if got := p.contents()["a"]; got != `1-aa {"old":"peer"}` {
		t.Errorf("stored is %s", got)
	}
}

// TestLegacyFormNamesNoCollection has a listener send all that it sends to a peer from before collections.
func TestLegacyFormNamesNoCollection(t *testing.T) {
	eachVersioning(t, func(t *testing.T, v store.Versioning) {
		p := newPeer(t, v)
		p.put("a", `{}`)
		p.put("gone", `{}`)
		s := newLegacySubscriber(t, p)
		heard := func(profile string) *blip.Request {
			t.Helper()
			r := s.next()
			if index, given := r.Properties.Get("collection"); given || r.Profile() != profile {
				t.Errorf("the listener says %s of collection %q, want %s of none", r.Profile(), index, profile)
			}
			return r
		}
		versioning := map[store.Versioning]string{store.VersionVectors: "versioning=version-vectors"}[v] // older ones say nothing
		s.mustAsk("", "subChanges", versioning, "")
		changes := heard("changes")
		heard("changes") // no more
		p.update(func(tx *store.Tx) error { return tx.Purge(p.coll, "gone") })
		changes.Reply(&blip.Message{Body: []byte("[[],[]]")})
		heard("rev").Reply(nil)
		heard("norev")
		content := []byte("Hello, blob!")
		s.mustAsk("[]", "proposeChanges", "", `[["b","1-aa"]]`)
		stored := make(chan error, 1)
		err := s.conn.Send(&blip.Message{
			Properties: withProps("rev", "id=b rev=1-aa"),
			Body:       fmt.Appendf(nil, `{"b":{"@type":"blob","digest":%q}}`, digestOf(content)),
		}, func(_ *blip.Reply, err error) { stored <- err })
		if err != nil {
			t.Fatal(err)
		}
		heard("getAttachment").Reply(&blip.Message{Body: content})
		if err := <-stored; err != nil {
			t.Error(err)
		}
	})
}

// TestLegacyFormNeedsTheDefaultCollection refuses it where another collection is shared.
func TestLegacyFormNeedsTheDefaultCollection(t *testing.T) {
	p := newPeer(t, store.RevTrees)
	people, err := p.db.CreateCollection(t.Context(), "inventory", "people")
	if err != nil {
		t.Fatal(err)
	}
	s := meetPassive(t, p, func(cfg *replication.Passive) { cfg.Collections = []*store.Collection{people} })
	s.mustAsk("HTTP/404", "getCheckpoint", "client=me", "")
	s.mustAsk("HTTP/404", "subChanges", "batch=200", "") // after an error of domain BLIP, Couchbase Lite 3.0 waits for ever
	s.mustAsk("[{}]", "getCollections", "", `{"checkpoint_ids":["a"],"collections":["inventory.people"]}`)
	s.mustAsk("HTTP/404", "getCheckpoint", "client=me collection=0", "")
}

// TestActiveFallsBackToLegacyForm meets a listener that does not know getCollections.
func TestActiveFallsBackToLegacyForm(t *testing.T) {
	a := newPeer(t, store.RevTrees)
	a.put("a", `{"n":1}`)
	var pushed []string
	s := meetActive(t, a, nil, func(r *blip.Request) {
		if _, given := r.Properties.Get("collection"); given {
			t.Errorf("%s names a collection", r.Profile())
		}
		switch r.Profile() {
		case "getCollections":
			r.ReplyError("BLIP", 404, "no handler")
		case "getCheckpoint":
			r.ReplyError("HTTP", 404, "missing")
		case "rev":
			pushed = append(pushed, r.Properties.Value("id"))
			r.Reply(nil)
		case "setCheckpoint":
			r.Reply(&blip.Message{Properties: blip.Props("rev", "1-cc")})
		default:
			r.Reply(nil)
		}
	}, func(l *listener) { l.tell("changes", "", "[]") })
	if err := s.await(); err != nil {
		t.Errorf("ended with %v", err)
	}
	if fmt.Sprint(pushed) != "[a]" {
		t.Errorf("pushed %v", pushed)
	}
}

// TestActiveGivesUpOnMissingCollections expects 404 and CLOSE 1000.
func TestActiveGivesUpOnMissingCollections(t *testing.T) {
	for name, c := range map[string]struct {
		reply string
		want  error
		code  int
	}{
		"null":            {`[null]`, fault.NotFoundRemotely, 1000},
		"a number":        {`[7]`, fault.NotFoundRemotely, 1000},
		"too many":        {`[{},{}]`, fault.Remote, 4002},
		"none":            {`[]`, fault.Remote, 4002},
		"no array":        {`{}`, fault.Remote, 4002},
		"no JSON":         {`[{`, fault.Remote, 4002},
		"nothing":         {``, fault.Remote, 4002},
		"error HTTP/403":  {"", fault.Forbidden, 4002},
		"error HTTP/401":  {"", fault.Unauthorized, 1000},
		"error HTTP/500":  {"", fault.New(fault.WebSocket, 500, ""), 1000},
		"error BLIP/400":  {"", fault.Remote, 4002},
		"error Silly/1":   {"", fault.Remote, 4002},
		"error Fleece/-1": {"", fault.New(fault.Fleece, -1, ""), 1000},
	} {
		t.Run(name, func(t *testing.T) {
			s := meetActive(t, newPeer(t, store.RevTrees), nil, func(r *blip.Request) {
				if refusal, ok := strings.CutPrefix(name, "error "); ok {
					var code int
					domain, text, _ := strings.Cut(refusal, "/")
					fmt.Sscan(text, &code) //nolint:errcheck // the table is right
					r.ReplyError(domain, code, "no")
					return
				}
				r.Reply(&blip.Message{Body: []byte(c.reply)})
			}, nil)
			if err := s.await(); !errors.Is(err, c.want) {
				t.Errorf("ended with %v, want %v", err, c.want)
			}
			if got := s.closeCode(); got != c.code {
				t.Errorf("closed with %d, want %d", got, c.code)
			}
		})
	}
}

// TestReadOnlyListener lets others pull and not push.
func TestReadOnlyListener(t *testing.T) {
	readOnly := func(_ *replication.Active, passive *replication.Passive) { passive.ReadOnly = true }
	directions := func(push, pull bool) func(*replication.Active, *replication.Passive) {
		return func(active *replication.Active, _ *replication.Passive) {
			active.Collections[0].Push, active.Collections[0].Pull = push, pull
		}
	}
	eachVersioning(t, func(t *testing.T, v store.Versioning) {
		a, p := newPeer(t, v), newPeer(t, v)
		a.put("a", `{"n":1}`)
		p.put("p", `{"n":1}`)
		sync(t, a, p, readOnly, directions(false, true))
		if got := len(a.contents()); got != 2 {
			t.Errorf("a pull gives %d documents, want 2", got)
		}
		for _, pull := range []bool{false, true} {
			l := connect(t, a, p, readOnly, directions(true, pull))
			if err := <-l.activeErr; !errors.Is(err, fault.Forbidden) {
				t.Errorf("a push (pull %v) ends with %v, want %v", pull, err, fault.Forbidden)
			}
			if err := <-l.passiveErr; !errors.Is(err, fault.New(fault.WebSocket, 4002, "")) {
				t.Errorf("the listener's session ends with %v, want closed with 4002", err)
			}
		}
		if got := len(p.contents()); got != 1 {
			t.Errorf("the listener has %d documents, want 1", got)
		}
	})
	s := meetPassive(t, newPeer(t, store.RevTrees), func(cfg *replication.Passive) { cfg.ReadOnly = true })
	s.mustAsk("[{}]", "getCollections", "", oneCollection)
	s.mustAsk("HTTP/403", "proposeChanges", "collection=0", `[["a","1-aa"]]`)
	s.mustAsk("HTTP/403", "changes", "collection=0", `[[1,"a","1-aa"]]`)
	s.mustAsk("HTTP/403", "rev", "collection=0 id=a rev=1-aa", `{}`)
}

// TestAPingIsAnswered asks for a sign of life, as a browser has to that cannot send a PING frame.
func TestAPingIsAnswered(t *testing.T) {
	s := meetPassive(t, newPeer(t, store.VersionVectors))
	s.mustAsk("", "PING", "", "")
	s.mustAsk("[{}]", "getCollections", "", oneCollection) // it was not the first message of the conversation
	s.mustAsk("", "PING", "", "")
}

// TestActiveRefusesWhatIsAListenersToAnswer asks an active peer for what only a listener does.
func TestActiveRefusesWhatIsAListenersToAnswer(t *testing.T) {
	a := newPeer(t, store.VersionVectors)
	subscribed := make(chan *listener, 1)
	s := meetActive(t, a, func(cfg *replication.Active) { cfg.Continuous = true }, politely,
		func(l *listener) { subscribed <- l })
	<-subscribed
	s.mustAsk("BLIP/404", "getCollections", "", oneCollection)
	s.mustAsk("LiteCore/501", "subChanges", "collection=0 versioning=version-vectors", "")
	s.mustAsk("HTTP/403", "proposeChanges", "collection=0", `[["a","1-aa"]]`)
	s.mustAsk("HTTP/400", "rev", "collection=0 id=a rev=1-aa", `{}`) // it has no sequence
	s.mustAsk("", "changes", "collection=0", "null")
	s.stop()
	if err := s.await(); err != nil {
		t.Errorf("ended with %v", err)
	}
}
