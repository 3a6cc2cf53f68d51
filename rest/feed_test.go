package rest_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/rest"
)

// stream is an answer that goes on.
type stream struct {
	t      testing.TB
	answer *http.Response
	lines  *bufio.Scanner
	cut    context.CancelFunc
}

// listen begins a request whose answer goes on. The headers are those of do.
func (s *server) listen(path string, headers ...string) *stream {
	s.t.Helper()
	ctx, cut := context.WithCancel(context.Background())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+path, nil)
	check(s.t, err)
	as := "bob"
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		if name == "As" {
			as = value
			continue
		}
		r.Header.Set(name, value)
	}
	if as != "" {
		r.SetBasicAuth(as, as)
	}
	got, err := http.DefaultClient.Do(r)
	check(s.t, err)
	lines := bufio.NewScanner(got.Body)
	lines.Buffer(nil, 1<<20)
	f := &stream{s.t, got, lines, cut}
	s.t.Cleanup(f.close)
	return f
}

func (f *stream) close() {
	f.cut()
	_ = f.answer.Body.Close()
}

// line returns the next line; ok is false at the end.
func (f *stream) line() (text string, ok bool) {
	ok = f.lines.Scan()
	return f.lines.Text(), ok
}

// rest returns the lines that are still to come.
func (f *stream) rest() (all []string) {
	for text, ok := f.line(); ok; text, ok = f.line() {
		all = append(all, text)
	}
	return all
}

func (f *stream) want(lines ...string) {
	f.t.Helper()
	for _, want := range lines {
		if got, ok := f.line(); !ok || !like(want, got) {
			f.t.Fatalf("got %q, want %q (%v)", got, want, f.lines.Err())
		}
	}
}

// event is a server-sent event.
type event struct {
	id   string
	data struct {
		Seq uint64
		ID  string
		KS  string
	}
}

// event returns the next event, and skips heartbeats; ok is false at the end.
func (f *stream) event() (e event, ok bool) {
	for {
		text, more := f.line()
		switch name, value, _ := strings.Cut(text, ": "); {
		case !more:
			return e, false
		case name == "id":
			e.id = value
		case name == "data":
			check(f.t, json.Unmarshal([]byte(value), &e.data))
		case text == "" && e.id != "":
			return e, true
		}
	}
}

func (a answer) decode(t testing.TB, v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.body), v); err != nil {
		t.Fatalf("%.200s: %v", a.body, err)
	}
}

func TestEventsComeAsChangesAreMade(t *testing.T) {
	s := serve(t, nil)
	s.saveAll("a")
	f := s.listen("/shop/_changes?feed=sse&include_docs=true")
	for name, want := range map[string]string{"Content-Type": "text/event-stream", "X-Accel-Buffering": "no", "Cache-Control": "no-store"} {
		if got := f.answer.Header.Get(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	f.want("retry: 2000", "", "id: 1", "event: change")
	if got, _ := f.line(); !like(`{"seq":1,"id":"a","changes":[{"rev":"*"}],"doc":{"_id":"a","_rev":"*","_cv":"*","is":"a"}}`, strings.TrimPrefix(got, "data: ")) {
		t.Errorf("got %s", got)
	}
	f.want("")
	s.saveAll("b")
	if e, _ := f.event(); e.id != "2" || e.data.ID != "b" {
		t.Errorf("got %+v, want the change of b", e)
	}
	back := s.listen("/shop/_changes?feed=eventsource&since=0", "Last-Event-ID: 1")
	if e, _ := back.event(); e.id != "2" {
		t.Errorf("after the ID 1: got %+v, want the change of b", e)
	}
	s.want(s.do("GET /shop/_changes?feed=sse", "", "Last-Event-ID: 3"), 400, "")
	s.want(s.do("GET /shop/_changes?feed=sse", "", "Last-Event-ID: x"), 400, "")
	check(t, s.handler.Close(t.Context()))
	if _, ok := f.event(); ok || f.lines.Err() != nil {
		t.Errorf("after Close: another event, or %v, want the end", f.lines.Err())
	}
}

func TestALineForEachChange(t *testing.T) {
	s := serve(t, nil)
	s.saveAll("a", "b")
	f := s.listen("/shop/_changes?feed=continuous&since=1&limit=3&heartbeat=1")
	f.want(row(2, "b"))
	s.saveAll("c", "d", "e")
	f.want(row(3, "c"), row(4, "d"), `{"last_seq":4}`)
	if more := f.rest(); more != nil || f.lines.Err() != nil {
		t.Errorf("after the last line: %q, %v", more, f.lines.Err())
	}
	if got := s.do("GET /shop/_changes?feed=continuous&since=now&timeout=1", ""); got.body != "{\"last_seq\":5}\n" {
		t.Errorf("a feed without changes: got %q", got.body)
	}
	if got := s.do("GET /shop/_changes?feed=sse&since=now&timeout=1", ""); got.body != "retry: 2000\n\n" {
		t.Errorf("events without changes: got %q", got.body)
	}
}

// The first heartbeat comes after a second, the least that there is.
func TestHeartbeatsShowThatTheServerIsThere(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	sse := s.listen("/shop/_changes?feed=sse&heartbeat=1&timeout=1")
	lines := s.listen("/shop/_changes?feed=continuous&heartbeat=1&timeout=1")
	longpoll := make(chan answer)
	go func() { longpoll <- s.do("GET /shop/_changes?feed=longpoll&heartbeat=1&timeout=1", "") }()
	sse.want("retry: 2000", "", ":", "", ":", "")
	lines.want("", "")
	s.saveAll("a")
	if got := <-longpoll; got.status != 200 || !strings.HasPrefix(got.body, "\n") || !like(`{"results":[`+row(1, "a")+`],"last_seq":1,"pending":0}`, got.body) {
		t.Errorf("got %d %q", got.status, got.body)
	}
}

func TestALongPollWaitsForAChange(t *testing.T) {
	s := serve(t, nil)
	s.saveAll("a", "b")
	s.want(s.do("GET /shop/_changes?feed=longpoll&since=now&timeout=1", ""), 200, `{"results":[],"last_seq":2,"pending":0}`)
	got := make(chan answer)
	go func() {
		got <- s.do(`GET /shop/_changes?feed=longpoll&since=2&filter=_doc_ids&doc_ids=%5B%22d%22%5D`, "")
	}()
	s.awaitFeeds(1)
	s.saveAll("c", "d")
	s.want(<-got, 200, `{"results":[`+row(4, "d")+`],"last_seq":4,"pending":0}`)
	go func() { got <- s.do(`GET /shop/_changes?feed=longpoll&since=4`, "") }()
	s.awaitFeeds(1)
	go func() { check(t, s.handler.Close(context.Background())) }()
	s.want(<-got, 503, "")
}

// awaitFeeds waits until the active tasks list some feeds.
func (s *server) awaitFeeds(n int) {
	s.t.Helper()
	for {
		var all []struct{ Type, KS, User string }
		s.do("GET /_active_tasks", "", "As: ann").decode(s.t, &all)
		feeds := 0
		for _, a := range all {
			if a.Type == "changes" {
				feeds++
			}
		}
		if feeds == n {
			return
		}
	}
}

func TestFeedsEndWithTheirCollection(t *testing.T) {
	s := serve(t, nil)
	_, err := s.shop.CreateCollection(t.Context(), "inv", "hotel")
	check(t, err)
	f := s.listen("/shop.inv.hotel/_changes?feed=sse")
	f.want("retry: 2000", "")
	check(t, s.shop.DeleteCollection(t.Context(), "inv", "hotel"))
	if _, ok := f.event(); ok {
		t.Error("an event of a collection that is gone")
	}
	s.want(s.do("GET /shop.inv.hotel/_changes?feed=sse", "", "Last-Event-ID: 0"), 403, "")
}

// A purge leaves nothing to tell, and feeds go on over the gap, from the table and from the ring.
func TestFeedsGoOnOverAPurge(t *testing.T) {
	s := serve(t, nil)
	s.saveAll("a", "b", "c")
	check(t, s.coll.Purge(t.Context(), "b"))
	behind := s.listen("/shop/_changes?feed=sse")
	ring := s.listen("/shop/_changes?feed=sse&since=now")
	for _, want := range []string{"1", "3"} {
		if e, _ := behind.event(); e.id != want {
			t.Errorf("got %+v, want change %s", e, want)
		}
	}
	s.saveAll("d", "e")
	check(t, s.coll.Purge(t.Context(), "e"))
	check(t, s.coll.Purge(t.Context(), "a"))
	s.saveAll("f")
	for _, f := range []*stream{behind, ring} {
		last := "3"
		for last != "6" {
			e, ok := f.event()
			if !ok || e.id <= last {
				t.Fatalf("after %s: got %+v", last, e)
			}
			last = e.id
		}
	}
	s.want(s.do("GET /shop/_changes", ""), 200, `{"results":[`+row(3, "c")+`,`+row(4, "d")+`,`+row(6, "f")+`],"last_seq":6,"pending":0}`)
	check(t, s.shop.Close())
	if _, ok := behind.event(); ok {
		t.Error("an event of a closed database")
	}
}

// bob loses his password, ron his right to read; ann stays.
func TestFeedsEndWhenAccessIsTakenAway(t *testing.T) {
	t.Parallel()
	text := hashed(t, usersFile)
	s := serve(t, func(cfg *rest.Configuration) { cfg.Users = parseUsers(t, text) })
	bob := s.listen("/shop/_changes?feed=sse")
	ron := s.listen("/shop/_changes?feed=continuous", "As: ron")
	all := s.listen("/shop/_changes_all", "As: ron")
	ann := s.listen("/shop/_changes?feed=sse", "As: ann")
	text = strings.Replace(text, `"bob"`, `"bo"`, 1)
	text = strings.Replace(text, `{"shop.*": ["read"]}`, `{"other.*": ["read"]}`, 1)
	s.handler.SetUsers(parseUsers(t, text))
	bob.rest()
	all.rest()
	if lines := ron.rest(); len(lines) != 1 || lines[0] != `{"last_seq":0}` {
		t.Errorf("ron's feed ends with %q", lines)
	}
	s.saveAll("a")
	if e, ok := ann.event(); !ok || e.data.ID != "a" {
		t.Errorf("ann got %+v, want the change of a", e)
	}
}

func TestThereAreNotTooManyFeeds(t *testing.T) {
	s := serve(t, func(cfg *rest.Configuration) { cfg.Limits.FeedsPerUser = 5 })
	var all []*stream
	for range 5 {
		all = append(all, s.listen("/shop/_changes?feed=sse&since=now"))
	}
	got := s.want(s.do("GET /shop/_changes?feed=longpoll&since=now", ""), 429, "")
	if got.header.Get("Retry-After") == "" {
		t.Error("nothing says when to try again")
	}
	s.want(s.do("GET /shop/_changes_all", ""), 429, "")
	s.want(s.do("GET /shop/_changes?feed=longpoll&since=now&timeout=1", "", "As: ron"), 200, "")
	all[0].close()
	for s.do("GET /shop/_changes?feed=longpoll&since=now&timeout=1", "").status != 200 { // soon
	}
	s.saveAll("a")
	for _, f := range all[1:] {
		if e, ok := f.event(); !ok || e.data.ID != "a" {
			t.Errorf("got %+v, want the change of a", e)
		}
	}
}

func TestAllCollectionsInOneFeed(t *testing.T) {
	t.Parallel()
	s := serve(t, func(cfg *rest.Configuration) {
		cfg.Users = parseUsers(t, hashed(t, strings.Replace(usersFile, `"shop.*": ["read"]`, `"shop": ["read"], "shop.inv.*": ["read"]`, 1)))
	})
	hotel := s.create("inv", "hotel")
	hidden := s.create("hidden", "x")
	s.saveAll("a")
	put := func(c *tandem.Collection, id string) { check(t, c.Put(t.Context(), id, struct{}{})) }
	put(hotel, "h")
	put(hidden, "secret")
	f := s.listen("/shop/_changes_all", "As: ron")
	want := func(f *stream, ks, id, position string) {
		t.Helper()
		if e, ok := f.event(); !ok || e.data.KS != ks || e.data.ID != id || e.id != position {
			t.Errorf("got %+v, want %s of %s at %s", e, id, ks, position)
		}
	}
	want(f, "shop._default._default", "a", "_default._default:1")
	want(f, "shop.inv.hotel", "h", "_default._default:1,inv.hotel:1")
	put(hidden, "secret2")
	put(hotel, "i")
	want(f, "shop.inv.hotel", "i", "_default._default:1,inv.hotel:2")

	put(s.create("inv", "room"), "r") // which is found by and by
	want(f, "shop.inv.room", "r", "_default._default:1,inv.hotel:2,inv.room:1")

	back := s.listen("/shop/_changes_all", "As: ron", "Last-Event-ID: _default._default:1,inv.hotel:1,gone.x:7,inv.room:9")
	want(back, "shop.inv.hotel", "i", "_default._default:1,inv.hotel:2")
	want(back, "shop.inv.room", "r", "_default._default:1,inv.hotel:2,inv.room:1")

	check(t, s.shop.DeleteCollection(t.Context(), "inv", "hotel"))
	put(s.create("inv", "hotel"), "j")
	want(f, "shop.inv.hotel", "j", "_default._default:1,inv.hotel:1,inv.room:1")
}

func (s *server) create(scope, name string) *tandem.Collection {
	s.t.Helper()
	c, err := s.shop.CreateCollection(s.t.Context(), scope, name)
	check(s.t, err)
	return c
}
