package replication_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	gosync "sync"
	"testing"
	"time"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/replication"
	"github.com/tandemdb/tandem/internal/store"
	"github.com/tandemdb/tandem/internal/testsize"
)

// listener is a stranger whom our active side has called.
type listener struct {
	*stranger
	events events
}

// events collects what our side reports of documents, as "push ID" or "pull ID domain/code".
type events struct {
	mu  gosync.Mutex
	all []string
}

func (e *events) add(batch []replication.DocumentEvent) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, event := range batch {
		text := "pull " + event.ID
		if event.Push {
			text = "push " + event.ID
		}
		if f := fault.Of(event.Err); f != nil {
			text += fmt.Sprintf(" %s/%d", f.Domain, f.Code)
		}
		e.all = append(e.all, text)
	}
}

func (e *events) sorted() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Sorted(slices.Values(e.all))
}

// meetActive lets a, active in both directions, call a stranger who answers with handle, and
// does then once what it does when a has subscribed to its changes.
func meetActive(
	t testing.TB, a *peer, configure func(*replication.Active), handle func(*blip.Request), then func(*listener),
) *listener {
	t.Helper()
	l := &listener{}
	cfg := replication.Active{
		Common: replication.Common{
			DB: a.db, Deltas: true, ReplyTimeout: patience, Log: testLog(t), Documents: l.events.add,
		},
		Collections: []replication.CollectionOptions{{Collection: a.coll, Push: true, Pull: true}},
		Remote:      "ws://stranger/db",
	}
	if configure != nil {
		configure(&cfg)
	}
	subscribed := make(chan struct{})
	var once gosync.Once
	answer := func(r *blip.Request) {
		handle(r)
		if r.Profile() == "subChanges" {
			once.Do(func() { close(subscribed) })
		}
	}
	l.stranger = meet(t, func(pipe blip.Pipe) *replication.Session { return replication.NewActive(pipe, cfg) }, answer)
	done := make(chan struct{})
	go func() {
		defer close(done)
		select {
		case <-subscribed:
			if then != nil {
				then(l)
			}
		case <-l.gone:
		}
	}()
	t.Cleanup(func() {
		l.conn.Abort(nil)
		<-done
	})
	return l
}

// tell sends a request and wants no answer.
func (l *listener) tell(profile, props, body string) {
	l.conn.Send(&blip.Message{ //nolint:errcheck // await finds a connection that has ended
		Properties: withProps(profile, props), Body: []byte(body), NoReply: true,
	}, nil)
}

// politely answers as a listener that has nothing and takes everything.
func politely(r *blip.Request) {
	switch r.Profile() {
	case "getCollections":
		r.Reply(&blip.Message{Body: []byte("[{}]")})
	case "getCheckpoint":
		r.ReplyError("HTTP", 404, "missing")
	case "setCheckpoint":
		r.Reply(&blip.Message{Properties: blip.Props("rev", "1-cc")})
	case "proposeChanges":
		r.Reply(&blip.Message{Body: []byte("[]")})
	default:
		r.Reply(nil)
	}
}

// but answers one profile otherwise.
func but(profile string, answer func(*blip.Request)) func(*blip.Request) {
	return func(r *blip.Request) {
		if r.Profile() == profile {
			answer(r)
			return
		}
		politely(r)
	}
}

func saying(body string) func(*blip.Request) {
	return func(r *blip.Request) { r.Reply(&blip.Message{Body: []byte(body)}) }
}

func failing(domain string, code int) func(*blip.Request) {
	return func(r *blip.Request) { r.ReplyError(domain, code, "no") }
}

func caughtUp(l *listener) { l.tell("changes", "collection=0", "[]") }

// offers has our side asked to take revisions of generation 1 with these bodies.
func offers(announced string, revs ...[2]string) func(*listener) {
	return func(l *listener) {
		l.ask("changes", "collection=0", announced)
		for _, rev := range revs {
			l.tell("rev", "collection=0 "+rev[0], rev[1])
		}
		caughtUp(l)
	}
}

const someDigest = "sha1-ArH2IhJgRp/90GRqSAdAfa750BE=" // of "Hello, blob!"

// TestHostileListenersEndTheSessionAtMost lets our active side, with a document "mine", call listeners who do
// not keep to the protocol. It ends as it should, tells of each document, and stores what
// was in order.
func TestHostileListenersEndTheSessionAtMost(t *testing.T) {
	for name, c := range map[string]struct {
		answer func(*blip.Request)
		then   func(*listener)
		want   error
		events []string
		stored []string // beside "mine"
	}{
		"polite": {politely, caughtUp, nil, []string{"push mine"}, nil},
		"caught up in words": {
			politely, func(l *listener) { l.tell("changes", "collection=0", "null") }, nil, []string{"push mine"}, nil,
		},
		"caught up again and again": {
			politely, func(l *listener) {
				for range 1_000 {
					caughtUp(l)
				}
			}, nil, []string{"push mine"}, nil,
		},
		"a checkpoint that cannot be read": {
			but("getCollections", saying(`[{"local":"x","rev":"1-cc"}]`)), caughtUp, nil, []string{"push mine"}, nil,
		},
		"more answers than proposals": {
			but("proposeChanges", saying("[0,0,0]")), caughtUp, fault.Remote, nil, nil,
		},
		"answers that are none":      {but("proposeChanges", saying("[[")), caughtUp, fault.Remote, nil, nil},
		"an answer that is no array": {but("proposeChanges", saying(`"yes"`)), caughtUp, nil, []string{"push mine"}, nil},
		"status 201": {
			but("proposeChanges", saying("[201]")), caughtUp, nil, []string{"push mine WebSocket/201"}, nil,
		},
		"status 503": {
			but("proposeChanges", saying("[503]")), caughtUp, fault.New(fault.WebSocket, 503, ""), []string{"push mine WebSocket/503"}, nil,
		},
		"status beyond all": {
			but("proposeChanges", saying("[1e99]")), caughtUp, nil, []string{"push mine"}, nil,
		},
		"has it already": {but("proposeChanges", saying("[304]")), caughtUp, nil, []string{"push mine"}, nil},
		"a conflict that is not there": {
			but("proposeChanges", saying(`[{"status":409,"rev":"1-ffff"}]`)), caughtUp, replication.ErrStartOver, nil, nil,
		},
		"a conflict with nonsense": {
			but("proposeChanges", saying(`[{"status":409,"rev":"\u0000"}]`)), caughtUp, replication.ErrStartOver, nil, nil,
		},
		"a conflict with a number": {
			but("proposeChanges", saying(`[{"status":409,"rev":7}]`)), caughtUp, fault.Remote, nil, nil,
		},
		"refuses proposals": {but("proposeChanges", failing("HTTP", 403)), caughtUp, fault.Forbidden, nil, nil},
		"refuses the revision": {
			but("rev", failing("HTTP", 413)), caughtUp, nil, []string{"push mine WebSocket/413"}, nil,
		},
		"refuses a delta that was none": {
			but("rev", failing("HTTP", 422)), caughtUp, nil, []string{"push mine WebSocket/422"}, nil,
		},
		"refuses in a domain of its own": {
			but("rev", failing("Pluto", 9)), caughtUp, nil, []string{"push mine LiteCore/26"}, nil,
		},
		"never takes a checkpoint": {
			but("setCheckpoint", failing("HTTP", 409)), caughtUp, fault.RemoteConflict, []string{"push mine"}, nil,
		},
		"has lost the checkpoint": {
			but("setCheckpoint", failing("HTTP", 404)), caughtUp, fault.New(fault.WebSocket, 404, ""), []string{"push mine"}, nil,
		},
		"refuses the subscription": {but("subChanges", failing("HTTP", 400)), nil, fault.New(fault.WebSocket, 400, ""), nil, nil},
		"changes that cannot be read": {
			politely, func(l *listener) { l.tell("changes", "collection=0", "[[1") }, fault.Remote, nil, nil,
		},
		"changes of another collection": {
			politely, func(l *listener) {
				l.tell("changes", "collection=5", `[[1,"a","1-aa"]]`)
				caughtUp(l)
			}, nil, []string{"push mine"}, nil,
		},
		"one bad entry among good ones": {
			politely, offers(`[[1,"a","1-aa"],[2,"b","nonsense"],[3,"","1-aa"],[4,"d","1-aa"]]`,
				[2]string{"id=a rev=1-aa sequence=1", "{}"}, [2]string{"id=d rev=1-aa sequence=4", "{}"}),
			nil,
			[]string{"pull  LiteCore/29", "pull a", "pull b LiteCore/4", "pull d", "push mine"},
			[]string{"a", "d"},
		},
		"a revision nobody asked for": {
			politely, offers(`[]`, [2]string{"id=a rev=1-aa sequence=1", "{}"}), nil, []string{"pull a", "push mine"}, []string{"a"},
		},
		"another revision than announced": {
			politely, offers(`[[1,"a","1-aa"]]`, [2]string{"id=a rev=1-bb sequence=1", "{}"}),
			nil,
			[]string{"pull a", "push mine"},
			[]string{"a"},
		},
		"a body that is none": {
			politely, offers(`[[1,"a","1-aa"],[2,"b","1-bb"]]`,
				[2]string{"id=a rev=1-aa sequence=1", "]"}, [2]string{"id=b rev=1-bb sequence=2", "{}"}),
			nil,
			[]string{"pull a Fleece/5", "pull b", "push mine"},
			[]string{"b"},
		},
		"a withdrawal of nothing": {
			politely, func(l *listener) {
				l.tell("norev", "collection=0 id=x rev=1-aa sequence=99 error=404", "")
				l.tell("norev", "collection=0", "")
				caughtUp(l)
			}, nil, []string{"push mine"}, nil,
		},
		"a promise withdrawn": {
			politely, func(l *listener) {
				l.ask("changes", "collection=0", `[[1,"a","1-aa"]]`)
				l.tell("norev", "collection=0 id=a rev=1-aa sequence=1 error=410", "")
				caughtUp(l)
			}, nil, []string{"push mine"}, nil,
		},
		"a delta out of nothing": {
			politely, func(l *listener) {
				l.ask("changes", "collection=0", `[[1,"a","2-aa"]]`)
				l.ask("rev", "collection=0 id=a rev=2-aa history=1-bb sequence=1 deltaSrc=1-bb", `{"x":1}`)
				l.ask("rev", "collection=0 id=a rev=2-aa history=1-bb sequence=1", `{"x":1}`)
				caughtUp(l)
			}, nil, []string{"pull a", "push mine"}, []string{"a"},
		},
		"a blob with another content": {
			but("getAttachment", saying("Hello, Mallory!")), offersBlob(12), nil, []string{"pull a LiteCore/15", "push mine"}, nil,
		},
		"a blob without end": {
			but("getAttachment", func(r *blip.Request) {
				r.Reply(&blip.Message{BodyReader: bytes.NewReader(make([]byte, 8<<20))})
			}), offersBlob(12), nil, []string{"pull a LiteCore/15", "push mine"}, nil,
		},
		"a blob that is forbidden": {
			but("getAttachment", failing("HTTP", 403)), offersBlob(12), nil, []string{"pull a WebSocket/403", "push mine"}, nil,
		},
		"a blob longer than its document says": {
			but("getAttachment", saying("Hello, blob!")), offersBlob(11), nil, []string{"pull a LiteCore/15", "push mine"}, nil,
		},
		"a blob as promised": {
			but("getAttachment", saying("Hello, blob!")), offersBlob(12), nil, []string{"pull a", "push mine"}, []string{"a"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := newPeer(t, store.RevTrees)
			a.put("mine", `{"n":1}`)
			l := meetActive(t, a, nil, c.answer, c.then)
			if err := l.await(); !errors.Is(err, c.want) {
				t.Errorf("ended with %v, want %v", err, c.want)
			}
			if got := l.events.sorted(); c.want == nil && !slices.Equal(got, c.events) {
				t.Errorf("reported %q, want %q", got, c.events)
			}
			stored := a.contents()
			for _, id := range c.stored {
				if _, ok := stored[id]; !ok {
					t.Errorf("%s is not stored", id)
				}
			}
			if len(stored) != 1+len(c.stored) {
				t.Errorf("stored is %v, want mine and %v", stored, c.stored)
			}
		})
	}
}

func offersBlob(length int) func(*listener) {
	return offers(`[[1,"a","1-aa"]]`, [2]string{
		"id=a rev=1-aa sequence=1", fmt.Sprintf(`{"b":{"@type":"blob","digest":%q,"length":%d}}`, someDigest, length),
	})
}

// TestBrokenPromisesEndTheSession lets a listener announce what it never sends.
func TestBrokenPromisesEndTheSession(t *testing.T) {
	for name, c := range map[string]struct {
		answer func(*blip.Request)
		then   func(*listener)
	}{
		"a revision":   {politely, func(l *listener) { l.tell("changes", "collection=0", `[[1,"a","1-aa"]]`); caughtUp(l) }},
		"a reply":      {but("rev", func(*blip.Request) {}), caughtUp},
		"a checkpoint": {but("setCheckpoint", func(*blip.Request) {}), caughtUp},
		"a blob":       {but("getAttachment", func(*blip.Request) {}), offersBlob(12)},
		"collections":  {but("getCollections", func(*blip.Request) {}), nil},
		"subscription": {but("subChanges", func(*blip.Request) {}), nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newPeer(t, store.RevTrees)
			a.put("mine", `{"n":1}`)
			l := meetActive(t, a, func(cfg *replication.Active) { cfg.ReplyTimeout = 300 * time.Millisecond }, c.answer, c.then)
			if err := l.await(); !errors.Is(err, fault.Timeout) {
				t.Errorf("ended with %v, want %v", err, fault.Timeout)
			}
		})
	}
}

// TestAGoodbyeIsTheReasonWhateverIsUnderWay lets a listener leave in place of an answer.
func TestAGoodbyeIsTheReasonWhateverIsUnderWay(t *testing.T) {
	for profile, then := range map[string]func(*listener){
		"getCollections": nil, "subChanges": nil, "proposeChanges": caughtUp, "rev": caughtUp, "setCheckpoint": caughtUp,
	} {
		for code, want := range map[int]int{1000: 1001, 1001: 1001, 1012: 1005, 3000: 1005, 4002: 4002} {
			t.Run(fmt.Sprint(profile, " ", code), func(t *testing.T) {
				a := newPeer(t, store.RevTrees)
				a.put("mine", `{"n":1}`)
				for range 10 { // the request that fails and the end of the connection race
					leave := make(chan struct{})
					l := meetActive(t, a, nil, but(profile, func(*blip.Request) { close(leave) }), then)
					select {
					case <-leave:
						l.conn.Close(code, "why")
					case <-l.gone:
					}
					if err := l.await(); !errors.Is(err, fault.New(fault.WebSocket, want, "")) || fault.Of(err).Code != want {
						t.Fatalf("ended with %v, want code %d", err, want)
					}
				}
			})
		}
	}
}

// dripping gives a piece of a blob each time that the link has room for one.
type dripping struct {
	io.Reader
	every time.Duration
}

func (d dripping) Read(p []byte) (int, error) {
	time.Sleep(d.every)
	return d.Reader.Read(p[:min(len(p), 10_000)])
}

// TestABigBlobMayTakeLong pulls a document whose blob takes much longer than any other message may, and one
// that comes after it.
func TestABigBlobMayTakeLong(t *testing.T) {
	testsize.Bubble(t, func(t *testing.T) {
		a := newPeerInBubble(t, store.RevTrees)
		content := bytes.Repeat([]byte("x"), 4_000_000)
		s := meetActive(t, a, nil, func(r *blip.Request) {
			if r.Profile() == "getAttachment" {
				r.Reply(&blip.Message{BodyReader: dripping{bytes.NewReader(content), patience / 20}})
				return
			}
			politely(r)
		}, func(l *listener) {
			l.mustAsk("[[],[]]", "changes", "collection=0", `[[1,"big","1-aa"],[2,"small","1-bb"]]`)
			caughtUp(l)
			body := fmt.Sprintf(`{"b":{"@type":"blob","digest":%q,"length":%d}}`, digestOf(content), len(content))
			l.conn.Send(&blip.Message{ //nolint:errcheck // its callback is told
				Properties: withProps("rev", "collection=0 id=big rev=1-aa sequence=1"), Body: []byte(body),
			}, func(*blip.Reply, error) {
				l.tell("rev", "collection=0 id=small rev=1-bb sequence=2", "{}")
			})
		})
		<-s.over
		if s.err != nil {
			t.Errorf("ended with %v", s.err)
		}
		if got := a.contents(); len(got) != 2 {
			t.Errorf("stored is %v", got)
		}
	})
}
