package browser_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/rest"
)

// world is a server with all that its page can show: documents with text of all kinds, a blob, an open and a
// settled conflict, a peer that is connected, and a replication that cannot reach its peer.
type world struct {
	t       testing.TB
	url     string
	shop    *tandem.Database
	coll    *tandem.Collection
	other   *tandem.Collection // of the connected peer
	member  *tandem.MultipeerReplicator
	handler *rest.Handler
	web     *httptest.Server
	logger  *slog.Logger
}

// names have text that a page could get wrong.
var names = []string{"Anchor", "Bellevue <b>bold</b>", "בית מלון", "Caf\u00e9 \u2615", strings.Repeat("long", 100), `"quoted" & 'more'`}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t}
	w.shop, w.coll = openDatabase(t, "shop")
	_, w.other = openDatabase(t, "tablet")
	for i, name := range names {
		w.save(w.coll, fmt.Sprintf("h-%04d", i+1), map[string]any{"name": name, "stars": i, "tags": []string{"sea", "quiet"}, "geo": map[string]any{"lat": 1.5}})
	}
	doc, err := w.coll.Document(t.Context(), "h-0001")
	check(t, err)
	check(t, doc.SetBlob("photo", tandem.NewBlob("image/png", onePixel)))
	check(t, w.coll.Save(t.Context(), doc))

	listener := w.listen()
	w.conflict()
	w.mesh()
	w.serve(listener)
	w.connect(listener)
	return w
}

// onePixel is a picture.
var onePixel = []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89" +
	"\x00\x00\x00\nIDATx\x9cc\x00\x01\x00\x00\x05\x00\x01\r\n-\xb4\x00\x00\x00\x00IEND\xaeB`\x82")

func openDatabase(t testing.TB, name string) (*tandem.Database, *tandem.Collection) {
	t.Helper()
	db, err := tandem.Open(t.Context(), filepath.Join(t.TempDir(), name), tandem.Options{})
	check(t, err)
	t.Cleanup(func() {
		problems, err := db.Check(context.Background())
		check(t, errors.Join(err, db.Close()))
		if len(problems) > 0 {
			t.Errorf("%s is damaged: %v", name, problems)
		}
	})
	coll, err := db.DefaultCollection(t.Context())
	check(t, err)
	return db, coll
}

func (w *world) save(coll *tandem.Collection, id string, properties map[string]any) {
	w.t.Helper()
	doc, err := coll.Document(w.t.Context(), id)
	if errors.Is(err, tandem.ErrNotFound) {
		doc, err = tandem.NewDocument(id), nil
	}
	check(w.t, err)
	check(w.t, doc.Encode(properties))
	check(w.t, coll.Save(w.t.Context(), doc))
}

func (w *world) listen() *tandem.URLEndpointListener {
	w.t.Helper()
	cfg, err := tandem.ListenerConfigurationForDatabase(w.t.Context(), w.shop)
	check(w.t, err)
	cfg.NetworkInterface, cfg.IdentityStore = "127.0.0.1", tandem.MemoryIdentityStore()
	l, err := tandem.NewURLEndpointListener(cfg)
	check(w.t, err)
	check(w.t, l.Start())
	w.t.Cleanup(l.Stop)
	return l
}

// replicator returns one from the tablet to the listener.
func (w *world) replicator(l *tandem.URLEndpointListener, coll *tandem.Collection, change func(*tandem.ReplicatorConfiguration)) *tandem.Replicator {
	w.t.Helper()
	endpoint, err := tandem.NewURLEndpoint(l.URLs()[0])
	check(w.t, err)
	cfg := tandem.ReplicatorConfiguration{Endpoint: endpoint, AcceptOnlySelfSignedServerCertificate: true}
	cfg.AddCollection(coll)
	change(&cfg)
	r, err := tandem.NewReplicator(cfg)
	check(w.t, err)
	w.t.Cleanup(r.Close)
	return r
}

// conflict makes two conflicts on the shop's side: one is settled, the other left open.
func (w *world) conflict() {
	w.t.Helper()
	peer, theirs := openDatabase(w.t, "till")
	for _, x := range []struct {
		id      string
		resolve tandem.ConflictResolver
	}{{"settled", tandem.RemoteWins}, {"open", tandem.LeaveOpen}} {
		w.save(w.coll, x.id, map[string]any{"name": "Boat house", "stars": 3, "same": true})
		w.replicate(peer, nil)
		w.save(theirs, x.id, map[string]any{"name": "Boat house", "stars": 5, "same": true})
		w.save(w.coll, x.id, map[string]any{"name": "Boat House", "stars": 4, "same": true})
		w.replicate(peer, x.resolve)
	}
}

// replicate syncs the shop with a peer once. A conflict that stays open fails its document, and that alone.
func (w *world) replicate(peer *tandem.Database, resolve tandem.ConflictResolver) {
	w.t.Helper()
	cfg := tandem.ReplicatorConfiguration{Endpoint: tandem.NewDatabaseEndpoint(peer)}
	cfg.AddCollection(w.coll)
	cfg.Collections[0].ConflictResolver = resolve
	r, err := tandem.NewReplicator(cfg)
	check(w.t, err)
	defer r.Close()
	check(w.t, r.Start())
	_ = r.Wait(w.t.Context()) // the conflict that is left open is an error
}

// serve serves the page, with a replication whose peer is not there.
func (w *world) serve(l *tandem.URLEndpointListener) {
	w.t.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte("ann"), bcrypt.MinCost)
	check(w.t, err)
	users, err := rest.ParseUsers(fmt.Appendf(nil, `{"ann": {"password": %q, "roles": ["admin"]}}`, hash))
	check(w.t, err)
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	check(w.t, err)
	gone := nobody.Addr().String()
	check(w.t, nobody.Close())
	log := rest.NewLog(nil)
	w.logger = slog.New(log)
	w.handler, err = rest.NewHandler(rest.Configuration{
		Databases: []rest.Database{{Database: w.shop, ClientWrites: true, Mesh: w.member}}, Users: users, Sync: l, Page: true,
		Identities: w.identities(), Log: log, Logger: w.logger,
		Replications: []rest.Replication{{Source: "shop", Target: "ws://" + gone + "/cloud", Continuous: true}},
	})
	check(w.t, err)
	w.web = httptest.NewServer(w.handler)
	w.url = w.web.URL
	w.t.Cleanup(func() {
		check(w.t, w.handler.Close(context.Background()))
		http.DefaultClient.CloseIdleConnections()
		w.web.CloseClientConnections() // of the browser
		w.web.Close()
	})
	check(w.t, w.handler.StartReplications(w.t.Context()))
}

// connect has the tablet connect, and stay.
func (w *world) connect(l *tandem.URLEndpointListener) {
	w.t.Helper()
	r := w.replicator(l, w.other, func(cfg *tandem.ReplicatorConfiguration) { cfg.Continuous = true })
	idle := make(chan struct{})
	done := false
	token := r.AddChangeListener(func(s tandem.ReplicatorStatus) {
		if s.Activity == tandem.Idle && !done {
			done = true
			close(idle)
		}
	})
	defer token.Remove()
	check(w.t, r.Start())
	select {
	case <-idle:
	case <-time.After(time.Minute):
		w.t.Fatal("the tablet does not connect")
	}
}

// link returns the URL of a link that logs ann in.
func (w *world) link() string {
	w.t.Helper()
	path, err := w.handler.PageLink("ann")
	check(w.t, err)
	return w.url + path
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// serveAgain serves the page at an address that it had before.
func (w *world) serveAgain(address string) {
	w.t.Helper()
	l, err := new(net.ListenConfig).Listen(w.t.Context(), "tcp", address)
	check(w.t, err)
	server := &http.Server{Handler: w.handler, ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(l) }() // until the test ends
	w.t.Cleanup(func() { _ = server.Close() })
}

// request asks for a path of the API without a login.
func (w *world) request(path string) {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, w.url+path, nil)
	check(w.t, err)
	answer, err := http.DefaultClient.Do(r)
	check(w.t, err)
	check(w.t, answer.Body.Close())
}
