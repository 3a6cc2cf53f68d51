package rest_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tandemdb/tandem/internal/testsize"
	"github.com/tandemdb/tandem/rest"
)

// unlimited lets a test do what it wants.
func unlimited(cfg *rest.Configuration) {
	cfg.Limits = rest.Limits{
		Connections: -1, ConnectionsPerAddress: -1, Feeds: -1, FeedsPerUser: -1, RequestsPerSecond: -1,
	}
}

// Listeners are cut again and again, and come back with the ID of their last event, while several writers
// are at work: each gets each change once and in order.
func TestReconnectStorm(t *testing.T) {
	s := serve(t, unlimited)
	const writers = 4
	changes := testsize.Pick(100, 1000) // of each writer
	var all sync.WaitGroup
	for i := range testsize.Pick(20, 100) {
		all.Go(func() { s.followThroughCuts([]string{"sse", "continuous"}[i%2], writers, changes) })
	}
	for i := range writers {
		all.Go(func() {
			for n := range changes {
				check(t, s.coll.Put(t.Context(), fmt.Sprintf("%d-%d", i, n), struct{}{}))
				check(t, s.coll.Put(t.Context(), "shared", map[string]int{"by": i, "n": n}))
			}
		})
	}
	all.Wait()
}

// followThroughCuts reads until it has seen the last document of each writer.
func (s *server) followThroughCuts(form string, writers, changes int) {
	last, seen := uint64(0), make([]int, writers)
	for missing := writers * changes; missing > 0; {
		f := s.listen(fmt.Sprintf("/shop/_changes?feed=%s&since=%d", form, last), "Last-Event-ID: "+fmt.Sprint(last))
		for turns := rand.IntN(400); turns >= 0 && missing > 0; turns-- {
			e, ok := f.change(form)
			if !ok {
				s.t.Errorf("the feed ends after %d: %v", last, f.lines.Err())
				return
			}
			if e.Seq <= last {
				s.t.Errorf("change %d comes after %d", e.Seq, last)
			}
			last = e.Seq
			var writer, n int
			if _, err := fmt.Sscanf(e.ID, "%d-%d", &writer, &n); err != nil {
				continue // the shared document
			}
			if seen[writer] != n {
				s.t.Errorf("got document %d of writer %d, want %d", n, writer, seen[writer])
			}
			seen[writer] = n + 1
			missing--
		}
		f.close()
	}
}

type change struct {
	Seq uint64
	ID  string
}

// change returns the next change in the form of the feed; ok is false at the end.
func (f *stream) change(form string) (c change, ok bool) {
	if form == "sse" {
		e, ok := f.event()
		return change{e.data.Seq, e.data.ID}, ok
	}
	text, ok := f.line()
	if ok {
		answer{body: text}.decode(f.t, &c)
	}
	return c, ok
}

// stuck is a client that reads the header and no more.
type stuck struct {
	header   http.Header
	deadline time.Time
	writes   int
	wrong    string
}

func (w *stuck) Header() http.Header                 { return w.header }
func (w *stuck) WriteHeader(int)                     {}
func (w *stuck) Flush()                              {}
func (w *stuck) SetWriteDeadline(at time.Time) error { w.deadline = at; return nil }
func (w *stuck) Write(p []byte) (int, error) {
	w.writes++
	if strings.HasPrefix(string(p), "retry") {
		return len(p), nil
	}
	if left := time.Until(w.deadline); left <= 0 || left > 31*time.Second {
		w.wrong = fmt.Sprintf("a write is given up after %v, want 30 s", left)
	}
	return 0, os.ErrDeadlineExceeded
}

func TestAClientThatDoesNotReadIsGivenUp(t *testing.T) {
	s := serve(t, nil)
	s.saveAll("a")
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost/shop/_changes?feed=sse", nil)
	r.SetBasicAuth("bob", "bob")
	w := &stuck{header: http.Header{}}
	defer func() {
		if p := recover(); p != http.ErrAbortHandler || w.writes != 2 || w.wrong != "" { //nolint:errorlint // the value itself
			t.Errorf("after %d writes the connection goes on: %v; %s", w.writes, p, w.wrong)
		}
	}()
	s.handler.ServeHTTP(w, r)
}

// Clients that never read hold up neither the others nor Close, whatever is on its way to them.
func TestStuckClientsHarmNobody(t *testing.T) {
	s := serve(t, unlimited)
	stuck := testsize.Pick(3, 10)
	for range stuck {
		s.neverRead("/shop/_changes?feed=sse&include_docs=true")
	}
	s.awaitFeeds(stuck)
	f := s.listen("/shop/_changes?feed=sse&include_docs=true")
	large := map[string]string{"text": strings.Repeat("x", 500_000)}
	for i := range testsize.Pick(24, 40) { // 12 MB: more than the sockets take
		check(t, s.coll.Put(t.Context(), fmt.Sprint(i), large))
		if e, ok := f.event(); !ok || e.data.ID != fmt.Sprint(i) {
			t.Fatalf("got %+v, want the change of %d: %v", e, i, f.lines.Err())
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second) // less than the patience with clients
	defer cancel()
	check(t, s.handler.Close(ctx))
}

// neverRead sends a request, and leaves the answer where it is.
func (s *server) neverRead(path string) {
	s.t.Helper()
	var d net.Dialer
	conn, err := d.DialContext(s.t.Context(), "tcp", strings.TrimPrefix(s.url, "http://"))
	check(s.t, err)
	s.t.Cleanup(func() { _ = conn.Close() })
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.url+path, nil)
	check(s.t, err)
	r.SetBasicAuth("bob", "bob")
	w := bufio.NewWriter(conn)
	check(s.t, errors.Join(r.Write(w), w.Flush()))
}

// Whatever a client sends as the ID of its last event: it is one, or it is refused.
func FuzzLastEventID(f *testing.F) {
	s := serve(f, unlimited)
	s.saveAll("a", "b")
	for _, seed := range []string{"1", "2", "3", "-1", "now", "99999999999999999999999", "_default._default:1", "a:1,b:2", ",", ":", "a:", "１", " 1"} {
		f.Add(seed, true)
		f.Add(seed, false)
	}
	f.Fuzz(func(t *testing.T, id string, all bool) {
		path := "/shop/_changes?feed=sse"
		if all {
			path = "/shop/_changes_all"
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		r := httptest.NewRequestWithContext(ctx, http.MethodHead, "http://localhost"+path, nil)
		r.SetBasicAuth("bob", "bob")
		r.Header.Set("Last-Event-ID", id)
		w := httptest.NewRecorder()
		s.handler.ServeHTTP(w, r)
		if w.Code != http.StatusOK && w.Code != http.StatusBadRequest {
			t.Errorf("%q: got %d", id, w.Code)
		}
	})
}
