package tandem_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/internal/replication"
	"github.com/tandemdb/tandem/internal/testsize"
	"github.com/tandemdb/tandem/internal/transport"
)

// anybody lets in everybody who brings the password "p", under the name they give.
func anybody(c *tandem.URLEndpointListenerConfiguration) {
	c.Authenticator = tandem.ListenerPasswordAuthenticator(func(_ string, p []byte) bool { return string(p) == "p" })
}

func user(name string) configureReplicator {
	return as(tandem.BasicAuthenticator{Username: name, Password: "p"})
}

func TestAListenerTellsWhoIsConnected(t *testing.T) {
	theirs := newCollection(t)
	save(t, theirs, "a", `{}`)
	save(t, theirs, "b", `{}`)
	l := offer(t, theirs, anybody)
	if got := l.Clients(); len(got) != 0 {
		t.Errorf("before anybody came: %+v", got)
	}
	before := time.Now()
	ann := replicator(t, l.URLs()[0], newCollection(t), continuous, user("ann"))
	idle(t, ann)
	bob := replicator(t, l.URLs()[0], newCollection(t), continuous, user("bob"), ofType(tandem.Push))
	idle(t, bob)
	eventually(t, func() bool {
		return len(l.Clients()) == 2 && l.Clients()[0].Activity == tandem.Idle && l.Clients()[1].Activity == tandem.Idle
	})
	clients := l.Clients()
	for i, want := range []struct {
		user string
		sent uint64
	}{{"ann", 2}, {"bob", 0}} {
		got := clients[i]
		if got.User != want.user || got.Progress.Push.Documents != want.sent || got.Err != nil {
			t.Errorf("client %d is %+v, want %+v", i, got, want)
		}
		if !strings.HasPrefix(got.Address, "127.0.0.1:") || got.Protocol != "BLIP_3+CBMobile_4" || got.Database != theirs.Database() ||
			!strings.HasPrefix(got.Agent, "Tandem/") || got.Since.Before(before) || got.ID == "" || got.Certificates != nil {
			t.Errorf("client %d is %+v", i, got)
		}
	}
	if clients[0].ID == clients[1].ID || clients[1].Since.Before(clients[0].Since) {
		t.Errorf("two clients are %+v", clients)
	}
}

func TestAClientIsPutOut(t *testing.T) {
	theirs := newCollection(t)
	l := offer(t, theirs, anybody)
	ann := replicator(t, l.URLs()[0], newCollection(t), continuous, user("ann"))
	bob := replicator(t, l.URLs()[0], newCollection(t), continuous, user("bob"))
	idle(t, ann)
	idle(t, bob)
	if l.Disconnect("nobody") {
		t.Error("an unknown client was put out")
	}
	for _, c := range l.Clients() {
		if c.User == "ann" && !l.Disconnect(c.ID) {
			t.Error("ann was not put out")
		}
	}
	eventually(t, func() bool { return ann.Status().Activity == tandem.Stopped })
	if err := ann.Status().Err; err == nil || !strings.Contains(err.Error(), "put this client out") {
		t.Errorf("ann's replicator ended with %v, want it to say that she was put out", err)
	}
	eventually(t, func() bool { return len(l.Clients()) == 1 })
	if got := l.Clients()[0].User; got != "bob" {
		t.Errorf("%s is left, want bob", got)
	}
	save(t, theirs, "later", `{}`)
	check(t, bob.Wait(t.Context()))
}

// Who is connected can be asked while clients are busy, and of a thousand at once.
func TestClientsAreAskedForWithoutAnybodyWaiting(t *testing.T) {
	theirs, ours := newCollection(t), newCollection(t)
	save(t, theirs, "a", `{}`)
	asked, goOn := make(chan []tandem.ListenerClient, 1), make(chan struct{})
	var l *tandem.URLEndpointListener
	var once sync.Once
	l = offer(t, theirs, anybody, func(c *tandem.URLEndpointListenerConfiguration) {
		c.PullFilter = func(tandem.ClientInfo, *tandem.Document, tandem.DocumentFlags) bool {
			once.Do(func() { asked <- l.Clients(); <-goOn })
			return true
		}
	})
	save(t, ours, "mine", `{}`)
	r := replicator(t, l.URLs()[0], ours, user("ann"))
	check(t, r.Start())
	within := receive(t, "the filter's call", asked)
	if len(within) != 1 || within[0].Activity != tandem.Busy {
		t.Errorf("within a filter the clients are %+v, want one that is busy", within)
	}
	if got := l.Clients(); len(got) != 1 || got[0].Activity != tandem.Busy {
		t.Errorf("while a filter waits the clients are %+v, want one that is busy", got)
	}
	close(goOn)
	check(t, r.Wait(t.Context()))
}

func TestAThousandClientsAreListedAtOnce(t *testing.T) {
	count := testsize.Pick(100, 1000)
	l := crowded(t, count)
	fastest := time.Hour
	for range 20 {
		start := time.Now()
		if got := len(l.Clients()); got != count {
			t.Fatalf("%d clients, want %d", got, count)
		}
		fastest = min(fastest, time.Since(start))
	}
	if fastest > 100*time.Millisecond { // a few milliseconds on a usual machine: see BenchmarkClients
		t.Errorf("listing %d clients takes %v", count, fastest)
	}
}

// BenchmarkClients prints how long a listener with 1,000 clients takes to answer who they are: 5 ms at most.
func BenchmarkClients(b *testing.B) {
	l := crowded(b, 1000)
	for b.Loop() {
		if len(l.Clients()) != 1000 {
			b.Fatal("clients are missing")
		}
	}
}

// crowded returns a listener with so many clients, who are silent.
func crowded(t testing.TB, count int) *tandem.URLEndpointListener {
	t.Helper()
	l := offer(t, newCollection(t), func(c *tandem.URLEndpointListenerConfiguration) { c.MaxConnectionsPerAddress = count })
	endpoint, err := transport.ParseEndpoint(l.URLs()[0])
	check(t, err)
	for range count {
		c, err := transport.Dial(t.Context(), transport.DialConfig{Endpoint: endpoint, Protocols: []string{replication.CBMobile4}})
		check(t, err)
		t.Cleanup(func() { _ = c.Abort() })
	}
	eventually(t, func() bool { return l.Status().ConnectionCount == count })
	return l
}

// Each user has rights per collection, and filters that know who asks.
func TestUsersHaveRightsPerCollection(t *testing.T) {
	db := newDatabase(t, tandem.Options{})
	public, private := collectionIn(t, db, "public"), collectionIn(t, db, "private")
	save(t, public, "news", `{"for":"all"}`)
	save(t, private, "of-ann", `{"owner":"ann"}`)
	save(t, private, "of-bob", `{"owner":"bob"}`)
	owns := func(c tandem.ClientInfo, doc *tandem.Document, _ tandem.DocumentFlags) bool {
		owner, ok := doc.Value("owner")
		return !ok || owner == c.User
	}
	l := offer(t, public, anybody, func(c *tandem.URLEndpointListenerConfiguration) {
		c.Collections = append(c.Collections, private)
		c.PushFilter, c.PullFilter = owns, owns
		c.Access = func(client tandem.ClientInfo, coll *tandem.Collection) tandem.CollectionAccess {
			switch {
			case coll == public && client.User != "ann":
				return tandem.ReadAccess
			case client.User == "eve":
				return tandem.NoAccess
			case client.User == "mallory":
				panic("no such user")
			case client.User == "dropbox":
				return tandem.WriteAccess
			}
			return tandem.FullAccess
		}
	})
	const read, write, both = tandem.Pull, tandem.Push, tandem.PushAndPull
	for name, want := range map[string]struct {
		public, private tandem.ReplicatorType // what is allowed; both never with neither
		none            bool                  // the private collection does not exist
		got             map[string]string     // of the private collection
	}{
		"ann":     {both, both, false, map[string]string{"of-ann": `{"owner":"ann"}`, "new": `{"owner":"ann"}`}},
		"bob":     {read, both, false, map[string]string{"of-bob": `{"owner":"bob"}`, "new": `{"owner":"bob"}`}},
		"eve":     {read, both, true, map[string]string{"new": `{"owner":"eve"}`}},
		"mallory": {read, both, true, map[string]string{"new": `{"owner":"mallory"}`}},
		"dropbox": {read, write, false, map[string]string{"new": `{"owner":"dropbox"}`}},
	} {
		t.Run(name, func(t *testing.T) {
			mine := newDatabase(t, tandem.Options{})
			ours, ownPrivate := collectionIn(t, mine, "public"), collectionIn(t, mine, "private")
			save(t, ours, "of-"+name, `{"x":1}`)
			save(t, ownPrivate, "new", fmt.Sprintf(`{"owner":%q}`, name))
			save(t, ownPrivate, "forged-"+name, `{"owner":"somebody else"}`)
			_, err := attemptWith(t, ours, l.URLs()[0], user(name), ofType(want.public))
			check(t, err)
			if got := contents(t, ours)["news"]; got != `{"for":"all"}` {
				t.Errorf("the news are %q", got)
			}
			if want.public == read {
				_, err := attemptWith(t, ours, l.URLs()[0], user(name), ofType(write))
				wantCode(t, "a push to the public collection", err, 403)
			}
			if _, err := public.Document(t.Context(), "of-"+name); (err == nil) != (want.public == both) {
				t.Errorf("the listener has of-%s: %v", name, err)
			}

			_, err = attemptWith(t, ownPrivate, l.URLs()[0], user(name), ofType(want.private))
			switch {
			case want.none:
				wantCode(t, "a collection without rights", err, 404)
			case err != nil && !strings.Contains(err.Error(), "forged"):
				t.Error(err)
			}
			if want.private == write {
				_, err := attemptWith(t, ownPrivate, l.URLs()[0], user(name), ofType(read))
				wantCode(t, "a pull from the private collection", err, 403)
			}
			if _, err := private.Document(t.Context(), "new"); (err == nil) == want.none {
				t.Errorf("the listener has the new document: %v", err)
			}
			check(t, ownPrivate.Purge(t.Context(), "forged-"+name))
			wantContents(t, ownPrivate, want.got)
			if _, err := private.Document(t.Context(), "forged-"+name); err == nil {
				t.Error("a document in the name of somebody else was taken")
			}
			if !want.none {
				check(t, private.Purge(t.Context(), "new"))
			}
		})
	}
}

func wantCode(t *testing.T, what string, got error, code int) {
	t.Helper()
	var failed *tandem.Error
	if !errors.As(got, &failed) || failed.Code != code {
		t.Errorf("%s: got %v, want the code %d", what, got, code)
	}
}

func collectionIn(t testing.TB, db *tandem.Database, name string) *tandem.Collection {
	t.Helper()
	coll, err := db.CreateCollection(t.Context(), "_default", name)
	check(t, err)
	return coll
}

// The refusal of a document is what the listener tells about its client.
func TestAClientsLastErrorIsTold(t *testing.T) {
	l := offer(t, newCollection(t), anybody, func(c *tandem.URLEndpointListenerConfiguration) {
		c.PullFilter = func(tandem.ClientInfo, *tandem.Document, tandem.DocumentFlags) bool { panic("broken") }
	})
	ours := newCollection(t)
	save(t, ours, "mine", `{}`)
	r := replicator(t, l.URLs()[0], ours, continuous, user("ann"))
	check(t, r.Start())
	eventually(t, func() bool {
		c := l.Clients()
		return len(c) == 1 && c[0].Err != nil && strings.Contains(c[0].Err.Error(), "mine")
	})
	if got := l.Clients()[0].Progress.Pull; got.Failed == 0 || got.Documents != 0 {
		t.Errorf("counted as %+v, want failures alone", got)
	}
}

func TestSeveralDatabasesShareAPort(t *testing.T) {
	trees, vectors := tandem.Options{Versioning: tandem.RevTrees}, tandem.Options{}
	one, two := defaultIn(t, openTemp(t, "one", trees)), defaultIn(t, openTemp(t, "two", vectors))
	save(t, one, "a", `{"of":"one"}`)
	save(t, two, "b", `{"of":"two"}`)
	l := offer(t, one, func(c *tandem.URLEndpointListenerConfiguration) { c.Collections = append(c.Collections, two) })
	urls := l.URLs()
	if len(urls) != 2 || !strings.HasSuffix(urls[0], "/one") || !strings.HasSuffix(urls[1], "/two") {
		t.Fatalf("URLs are %q, want one for each database", urls)
	}
	ours := defaultIn(t, newDatabase(t, trees))
	syncOnce(t, replicator(t, urls[0], ours))
	wantContents(t, ours, map[string]string{"a": `{"of":"one"}`})
	ours = defaultIn(t, newDatabase(t, vectors))
	follower := replicator(t, urls[1], ours, continuous)
	idle(t, follower)
	wantContents(t, ours, map[string]string{"b": `{"of":"two"}`})
	if got := l.Clients(); len(got) != 1 || got[0].Database != two.Database() {
		t.Errorf("clients are %+v, want one of the second database", got)
	}
	check(t, two.Database().Close())
	wantOff(t, "after one database was closed", l)
	wantError(t, "start without it", l.Start(), tandem.ErrNotOpen)
	check(t, one.Database().Close()) // nothing of the listener is left in it
}

func TestDatabasesOfOneNameCannotShareAPort(t *testing.T) {
	one, two := defaultIn(t, openTemp(t, "same", tandem.Options{})), defaultIn(t, openTemp(t, "same", tandem.Options{}))
	for name, cfg := range map[string]tandem.URLEndpointListenerConfiguration{
		"two databases have the name same": {Collections: []*tandem.Collection{one, two}},
		"a collection is nil":              {Collections: []*tandem.Collection{one, nil}},
		"without a port":                   {Collections: []*tandem.Collection{one}, DisablePort: true, Port: 1},
	} {
		err := cfg.Validate()
		wantError(t, name, err, tandem.ErrInvalid)
		if err != nil && !strings.Contains(err.Error(), name) {
			t.Errorf("got %v, want %q", err, name)
		}
	}
}

// A listener can be a part of the program's own HTTP server, which may know the user.
func TestAListenerIsPartOfAnHTTPServer(t *testing.T) {
	theirs := newCollection(t)
	save(t, theirs, "a", `{}`)
	l := newListener(t, theirs, anybody, func(c *tandem.URLEndpointListenerConfiguration) {
		c.NetworkInterface, c.DisablePort, c.DisableTLS = "", true, false
	})
	mux := http.NewServeMux()
	mux.Handle("/sync/", http.StripPrefix("/sync", l.Handler()))
	mux.HandleFunc("/session/", func(w http.ResponseWriter, r *http.Request) {
		known := r.WithContext(tandem.ContextWithUser(r.Context(), "the session's"))
		http.StripPrefix("/session", l.Handler()).ServeHTTP(w, known)
	})
	web := httptest.NewTLSServer(mux)
	defer web.Close()
	url := "wss" + strings.TrimPrefix(web.URL, "https")

	_, err := attempt(t, url+"/sync/test", selfSigned, user("ann"))
	var refused *tandem.Error
	if !errors.As(err, &refused) || refused.Code != 503 {
		t.Errorf("before the start: %v, want 503", err)
	}
	check(t, l.Start())
	if l.Port() != 0 || l.URLs() != nil || l.TLSIdentity() != nil {
		t.Errorf("port %d, URLs %v, want none", l.Port(), l.URLs())
	}
	name := theirs.Database().Name()
	for path, configure := range map[string]configureReplicator{"/sync/": user("ann"), "/session/": func(*tandem.ReplicatorConfiguration) {}} {
		ours := newCollection(t)
		r := replicator(t, url+path+name, ours, continuous, configure)
		idle(t, r)
		wantContents(t, ours, map[string]string{"a": `{}`})
		clients := l.Clients()
		if want := map[string]string{"/sync/": "ann", "/session/": "the session's"}[path]; len(clients) != 1 || clients[0].User != want {
			t.Errorf("%s: clients are %+v, want %s", path, clients, want)
		}
		r.Close()
		eventually(t, func() bool { return len(l.Clients()) == 0 })
	}
	_, err = attempt(t, url+"/sync/"+name, selfSigned, as(tandem.BasicAuthenticator{Username: "ann", Password: "wrong"}))
	wantError(t, "a wrong password", err, tandem.ErrUnauthorized)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	check(t, l.StopWhenIdle(ctx))
}
