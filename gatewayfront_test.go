package tandem_test

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/tandemdb/tandem"
)

const (
	third  = "BLIP_3+CBMobile_3"
	fourth = "BLIP_3+CBMobile_4"
)

// front stands between a replicator and a listener. It names itself as it is told, and may accept the fourth
// protocol on behalf of a listener that speaks the third, as Sync Gateway 3.2 does.
type front struct {
	url string

	mu       sync.Mutex
	target   string
	server   string
	pretends bool
	chosen   []string // the protocols of the connections
}

func newFront(t *testing.T, server string) *front {
	f := &front{server: server}
	proxy := &httputil.ReverseProxy{Rewrite: f.rewrite, ModifyResponse: f.modify}
	s := httptest.NewServer(proxy)
	t.Cleanup(s.Close)
	f.url = "ws" + strings.TrimPrefix(s.URL, "http") + "/db"
	return f
}

// serve puts a listener with these collections behind the front.
func (f *front) serve(t *testing.T, coll *tandem.Collection, server string, pretends bool) {
	l := offer(t, coll)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.target, f.server, f.pretends = l.URLs()[0], server, pretends
}

const offeredProtocols = "Sec-Websocket-Protocol"

func (f *front) rewrite(r *httputil.ProxyRequest) {
	f.mu.Lock()
	defer f.mu.Unlock()
	to, _ := url.Parse("http" + strings.TrimPrefix(f.target, "ws"))
	r.Out.URL.Scheme, r.Out.URL.Host, r.Out.URL.Path = to.Scheme, to.Host, to.Path+"/_blipsync"
	first, _, _ := strings.Cut(r.In.Header.Get(offeredProtocols), ",")
	if f.pretends {
		r.Out.Header.Set(offeredProtocols, third)
		r.Out.Header.Set("X-Claims", first)
	}
}

func (f *front) modify(res *http.Response) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.pretends && res.StatusCode == http.StatusSwitchingProtocols {
		res.Header.Set(offeredProtocols, res.Request.Header.Get("X-Claims"))
	}
	f.chosen = append(f.chosen, res.Header.Get(offeredProtocols))
	res.Header.Set("Server", f.server)
	return nil
}

// wantChosen compares the protocols of the connections since the last call.
func (f *front) wantChosen(t *testing.T, what string, want ...string) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if !slices.Equal(f.chosen, want) {
		t.Errorf("%s: connections over %v, want %v", what, f.chosen, want)
	}
	f.chosen = nil
}

// A Sync Gateway 3.2 accepts the fourth protocol and speaks the third. A database of both finds out, remembers that, and
// notices when the gateway becomes one of release 4.
func TestAGatewayThatPretendsToSpeakVersions(t *testing.T) {
	t.Parallel()
	for name, server := range map[string]string{
		"names its release":     "Couchbase Sync Gateway/3.2.1(16;a1) EE",
		"hides its release":     "Couchbase Sync Gateway",
		"stands behind a proxy": "nginx",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ours := defaultIn(t, newDatabase(t, tandem.Options{Versioning: tandem.BothGenerations}))
			trees := defaultIn(t, newDatabase(t, tandem.Options{Versioning: tandem.RevTrees}))
			vectors := defaultIn(t, newDatabase(t, tandem.Options{Versioning: tandem.VersionVectors}))
			f := newFront(t, server)
			f.serve(t, trees, server, true)
			push := func() {
				t.Helper()
				r := replicator(t, f.url, ours, func(cfg *tandem.ReplicatorConfiguration) { cfg.Type = tandem.Push })
				check(t, r.Start())
				check(t, r.Wait(t.Context()))
				r.Close()
			}
			save(t, ours, "a", `{"n":1}`)
			save(t, ours, "b", `{"n":1}`)
			push()
			f.wantChosen(t, "the first run", fourth, third)
			save(t, ours, "a", `{"n":2}`)
			push()
			f.wantChosen(t, "the second run", third)
			wantContents(t, trees, contents(t, ours))

			f.serve(t, vectors, "Couchbase Sync Gateway/4.0.1(3;b2) EE", false)
			save(t, ours, "a", `{"n":3}`)
			push()
			f.wantChosen(t, "after the gateway's update", fourth)
			wantBody(t, vectors, "a", `{"n":3}`)
			push()
			f.wantChosen(t, "the last run", fourth)
		})
	}
}

// A database of one generation has no other form to offer.
func TestVersionVectorsAreNotForAGatewayOfRelease3(t *testing.T) {
	t.Parallel()
	ours := defaultIn(t, newDatabase(t, tandem.Options{Versioning: tandem.VersionVectors}))
	f := newFront(t, "")
	f.serve(t, defaultIn(t, newDatabase(t, tandem.Options{Versioning: tandem.RevTrees})), "Couchbase Sync Gateway/3.3.0", true)
	save(t, ours, "a", `{}`)
	r := replicator(t, f.url, ours)
	check(t, r.Start())
	if err := r.Wait(t.Context()); err == nil || !strings.Contains(err.Error(), "the peer's database has revision trees") || tandem.HintOf(err) == "" {
		t.Errorf("got %v, want what differs and a hint", err)
	}
	f.wantChosen(t, "the run", fourth)
}
