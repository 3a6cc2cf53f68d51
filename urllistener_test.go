package tandem_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/tandemdb/tandem"
)

// newListener returns a listener of coll that is not started, on the loopback interface and
// without TLS.
func newListener(t testing.TB, coll *tandem.Collection, configure ...func(*tandem.URLEndpointListenerConfiguration)) *tandem.URLEndpointListener {
	t.Helper()
	cfg := tandem.URLEndpointListenerConfiguration{
		Collections: []*tandem.Collection{coll}, DisableTLS: true, NetworkInterface: "127.0.0.1",
		IdentityStore: tandem.MemoryIdentityStore(),
	}
	for _, c := range configure {
		c(&cfg)
	}
	l, err := tandem.NewURLEndpointListener(cfg)
	check(t, err)
	t.Cleanup(l.Stop)
	return l
}

// offer is newListener, started.
func offer(t testing.TB, coll *tandem.Collection, configure ...func(*tandem.URLEndpointListenerConfiguration)) *tandem.URLEndpointListener {
	t.Helper()
	l := newListener(t, coll, configure...)
	check(t, l.Start())
	return l
}

func withTLS(c *tandem.URLEndpointListenerConfiguration) { c.DisableTLS = false }

// endWith runs a replicator until it has stopped, which has to be with an error.
func endWith(t testing.TB, r *tandem.Replicator, want error) tandem.ReplicatorStatus {
	t.Helper()
	check(t, r.Start())
	wantError(t, "the replication", r.Wait(t.Context()), want)
	if s := r.Status(); s.Activity != tandem.Stopped {
		t.Errorf("the replicator is %s, want stopped", s.Activity)
	}
	return r.Status()
}

func reachable(port uint16) bool {
	nc, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err == nil {
		_ = nc.Close()
	}
	return err == nil
}

// wantOff checks all that a listener must not have while it is not running.
func wantOff(t testing.TB, when string, l *tandem.URLEndpointListener) {
	t.Helper()
	if l.Port() != 0 || l.URLs() != nil || l.TLSIdentity() != nil || l.Status() != (tandem.ConnectionStatus{}) {
		t.Errorf("%s: port %d, URLs %v, identity %v, status %+v, want none",
			when, l.Port(), l.URLs(), l.TLSIdentity(), l.Status())
	}
}

// L-02 L-12 L-13 L-15 L-19 L-20 L-25 N-01 N-04 N-11.
func TestAListenerIsThereFromStartToStop(t *testing.T) {
	l := newListener(t, newCollection(t), withTLS)
	wantOff(t, "before the start", l)
	l.Stop() // of a listener that does not run
	for range 2 {
		check(t, l.Start())
		port := l.Port()
		check(t, l.Start())
		if l.Port() != port {
			t.Errorf("a second start moved the listener from port %d to %d", port, l.Port())
		}
		if port < 1 || !reachable(port) || len(l.URLs()) == 0 || l.TLSIdentity() == nil {
			t.Errorf("port %d, URLs %v, identity %v", port, l.URLs(), l.TLSIdentity())
		}
		if l.Status() != (tandem.ConnectionStatus{}) {
			t.Errorf("right after the start the status is %+v", l.Status())
		}
		l.Stop()
		l.Stop()
		wantOff(t, "after the stop", l)
		if reachable(port) {
			t.Errorf("port %d is reachable after the stop", port)
		}
	}
}

func TestAListenerWithoutTLSHasNoIdentity(t *testing.T) { // N-13 N-14 T-03 X-26
	for _, disable := range []bool{true, false} {
		db := newDatabase(t, tandem.Options{})
		l := offer(t, defaultIn(t, db), func(c *tandem.URLEndpointListenerConfiguration) { c.DisableTLS = disable })
		want := fmt.Sprintf("wss://127.0.0.1:%d/test", l.Port())
		if disable {
			want = strings.Replace(want, "wss", "ws", 1)
		}
		wantIDs(t, "URLs", l.URLs(), want)
		if (l.TLSIdentity() == nil) != disable {
			t.Errorf("TLS off is %t and the identity %v", disable, l.TLSIdentity())
		}
	}
}

func TestImpossibleListenersAreNotMade(t *testing.T) { // L-04 L-05 X-06
	one, other := newCollection(t), newCollection(t)
	for name, colls := range map[string][]*tandem.Collection{
		"none": nil, "of two databases": {one, other}, "nil": {nil},
	} {
		_, err := tandem.NewURLEndpointListener(tandem.URLEndpointListenerConfiguration{Collections: colls})
		wantError(t, "collections: "+name, err, tandem.ErrInvalid)
	}
	_, err := tandem.NewURLEndpointListener(tandem.URLEndpointListenerConfiguration{
		Collections: []*tandem.Collection{one}, TLSIdentity: new(tandem.TLSIdentity),
	})
	wantError(t, "empty identity", err, tandem.ErrInvalid)
	for name, auth := range map[string]*tandem.ListenerAuthenticator{ // which would let in everybody, or nobody
		"zero":        {},
		"password":    tandem.ListenerPasswordAuthenticator(nil),
		"certificate": tandem.ListenerCertificateAuthenticator(nil),
	} {
		_, err := tandem.NewURLEndpointListener(tandem.URLEndpointListenerConfiguration{
			Collections: []*tandem.Collection{one}, Authenticator: auth,
		})
		wantError(t, "authenticator by nothing: "+name, err, tandem.ErrInvalid)
	}
}

func TestAListenersConfigurationIsRefusedForAllThatIsWrong(t *testing.T) {
	err := tandem.URLEndpointListenerConfiguration{
		DisableTLS: true, Authenticator: tandem.ListenerRootsAuthenticator(nil), MaxConnections: -1, Heartbeat: -1,
		AllowedOrigins: []string{"app.example"},
	}.Validate()
	wantError(t, "validate", err, tandem.ErrInvalid)
	for _, wrong := range []string{"no collection", "only with TLS", "limits", "heartbeat", "no origin"} {
		if err != nil && !strings.Contains(err.Error(), wrong) {
			t.Errorf("got error %v, want it to tell of %q", err, wrong)
		}
	}
}

func TestAListenerSharesTheDefaultCollectionByDefault(t *testing.T) { // L-06 N-03 X-02
	db := newDatabase(t, tandem.Options{})
	cfg, err := tandem.ListenerConfigurationForDatabase(t.Context(), db)
	check(t, err)
	if len(cfg.Collections) != 1 || cfg.Collections[0].FullName() != "_default._default" {
		t.Errorf("collections are %v, want the default one", cfg.Collections)
	}
	if cfg.DisableTLS || cfg.EnableDeltaSync || cfg.ReadOnly || cfg.Authenticator != nil || cfg.TLSIdentity != nil ||
		cfg.NetworkInterface != "" || cfg.Port != 0 {
		t.Errorf("defaults: %+v", cfg)
	}
	cfg.IdentityStore = tandem.MemoryIdentityStore()
	l := serve(t, cfg)
	save(t, cfg.Collections[0], "a", `{}`)
	ours := newCollection(t)
	syncOnce(t, replicator(t, l.URLs()[0], ours))
	wantContents(t, ours, map[string]string{"a": `{}`})
}

func TestAListenerKeepsACopyOfItsConfiguration(t *testing.T) {
	coll := newCollection(t)
	cfg := tandem.URLEndpointListenerConfiguration{
		Collections: []*tandem.Collection{coll}, NetworkInterface: "127.0.0.1", DisableTLS: true,
	}
	l, err := tandem.NewURLEndpointListener(cfg)
	check(t, err)
	cfg.Collections[0], cfg.NetworkInterface, cfg.ReadOnly = nil, "foo", true
	for range 2 {
		got := l.Config()
		if got.Collections[0] != coll || got.NetworkInterface != "127.0.0.1" || got.ReadOnly {
			t.Errorf("the configuration is %+v, want it as it was", got)
		}
		got.Collections[0] = nil // of the copy
	}
	check(t, l.Start())
	l.Stop()
}

func TestAListenerUsesThePortItIsGiven(t *testing.T) { // N-02 N-18 X-30
	coll := newCollection(t)
	l := newListener(t, coll, func(c *tandem.URLEndpointListenerConfiguration) { c.Port = 59840 })
	switch err := l.Start(); {
	case errors.Is(err, tandem.ErrAddressInUse):
		t.Skip("another program has port 59840")
	case err != nil:
		t.Fatal(err)
	}
	if l.Port() != 59840 || l.Config().Port != 59840 || !strings.Contains(l.URLs()[0], ":59840/") {
		t.Errorf("port %d, URLs %v, want 59840", l.Port(), l.URLs())
	}
	l.Stop()
	check(t, l.Start()) // the port is free at once
	if l.Port() != 59840 {
		t.Errorf("after a restart the port is %d", l.Port())
	}
}

func TestEveryURLOfAListenerLeadsToIt(t *testing.T) { // N-06 N-10 N-12
	for _, where := range []string{"", "0.0.0.0"} {
		l := offer(t, newCollection(t), func(c *tandem.URLEndpointListenerConfiguration) { c.NetworkInterface = where })
		urls := append(l.URLs(), fmt.Sprintf("ws://localhost:%d/test", l.Port()))
		for _, url := range urls {
			syncOnce(t, replicator(t, url, newCollection(t)))
		}
		if got := l.Statistics().Connections; got != uint64(len(urls)) {
			t.Errorf("%q: %d connections by way of %v", where, got, urls)
		}
	}
}

func TestOnlyTheChosenInterfaceIsUsed(t *testing.T) { // N-07 N-08 N-09
	for _, where := range []string{"127.0.0.1", loopback(t)} {
		l := offer(t, newCollection(t), func(c *tandem.URLEndpointListenerConfiguration) { c.NetworkInterface = where })
		if len(l.URLs()) != 1 || !reachable(l.Port()) {
			t.Errorf("%s: URLs %v, want one that can be reached", where, l.URLs())
		}
		addresses, err := net.InterfaceAddrs()
		check(t, err)
		for _, a := range addresses {
			ip, _, err := net.ParseCIDR(a.String())
			if err != nil || ip.To4() == nil || ip.IsLoopback() {
				continue
			}
			if nc, err := net.Dial("tcp", net.JoinHostPort(ip.String(), fmt.Sprint(l.Port()))); err == nil {
				_ = nc.Close()
				t.Errorf("%s: the listener is reachable at %s", where, ip)
			}
		}
	}
}

// loopback returns the name of the loopback interface.
func loopback(t testing.TB) string {
	t.Helper()
	all, err := net.Interfaces()
	check(t, err)
	for _, i := range all {
		if i.Flags&net.FlagLoopback != 0 {
			return i.Name
		}
	}
	t.Skip("there is no loopback interface")
	return ""
}

func TestAFailedStartLeavesTheListenerAsItWas(t *testing.T) { // L-11 N-05 E-08 X-03 X-04
	coll := newCollection(t)
	first := offer(t, coll)
	closed := newDatabase(t, tandem.Options{})
	ofClosed := defaultIn(t, closed)
	check(t, closed.Close())
	for name, x := range map[string]struct {
		coll *tandem.Collection
		port uint16
		on   string
		want error
	}{
		"busy port":           {coll, first.Port(), "127.0.0.1", tandem.ErrAddressInUse},
		"unknown interface":   {coll, 0, "foo", tandem.ErrUnknownHost},
		"impossible address":  {coll, 0, "1.1.1.256", tandem.ErrUnknownHost},
		"closed database":     {ofClosed, 0, "127.0.0.1", tandem.ErrNotOpen},
		"address of somebody": {coll, 0, "192.0.2.1", tandem.ErrUnknownHost},
	} {
		l := newListener(t, x.coll, func(c *tandem.URLEndpointListenerConfiguration) {
			c.Port, c.NetworkInterface, c.DisableTLS = x.port, x.on, false
		})
		for range 2 {
			wantError(t, name, l.Start(), x.want)
			wantOff(t, name, l)
		}
	}
	var err *tandem.Error
	taken := newListener(t, coll, func(c *tandem.URLEndpointListenerConfiguration) { c.Port = first.Port() })
	if !errors.As(taken.Start(), &err) || err.Domain != tandem.DomainPOSIX || err.Hint == "" {
		t.Errorf("a busy port gives %+v, want an error of the POSIX domain with a hint", err)
	}
	syncOnce(t, replicator(t, first.URLs()[0], newCollection(t))) // not disturbed
	first.Stop()
	check(t, taken.Start())
}

func TestAListenerSharesItsCollectionsAlone(t *testing.T) { // L-03 L-07 X-08
	theirs, ours := newDatabase(t, tandem.Options{}), newDatabase(t, tandem.Options{})
	collections := func(db *tandem.Database) (shared, private *tandem.Collection) {
		shared, err := db.CreateCollection(t.Context(), "shop", "orders")
		check(t, err)
		private, err = db.CreateCollection(t.Context(), "shop", "wages")
		check(t, err)
		return shared, private
	}
	shared, private := collections(theirs)
	copied, none := collections(ours)
	save(t, shared, "order", `{"n":1}`)
	save(t, private, "wage", `{"n":2}`)
	save(t, none, "mine", `{"n":3}`)
	l := offer(t, shared)
	syncOnce(t, replicator(t, l.URLs()[0], copied))
	wantContents(t, copied, map[string]string{"order": `{"n":1}`})

	for name, colls := range map[string][]*tandem.Collection{
		"the other": {none}, "both": {copied, none}, "the default one": {defaultIn(t, ours)},
	} {
		t.Run(name, func(t *testing.T) {
			for _, continuous := range []bool{false, true} {
				r := replicator(t, l.URLs()[0], colls[0], func(c *tandem.ReplicatorConfiguration) {
					c.Continuous = continuous
					for _, coll := range colls[1:] {
						c.AddCollection(coll)
					}
				})
				endWith(t, r, tandem.ErrNotFoundRemotely) // E-05: no retry
			}
		})
	}
	wantContents(t, none, map[string]string{"mine": `{"n":3}`})
	wantContents(t, private, map[string]string{"wage": `{"n":2}`})
	if l.Status().ConnectionCount != 0 {
		eventually(t, func() bool { return l.Status().ConnectionCount == 0 })
	}
}

func TestAListenerServesOneDatabase(t *testing.T) { // L-08 N-14
	l := offer(t, newCollection(t))
	url := l.URLs()[0]
	if !strings.HasSuffix(url, "/test") {
		t.Errorf("the URL is %s, want it to end in the database's name", url)
	}
	endWith(t, replicator(t, strings.TrimSuffix(url, "test")+"other", newCollection(t)), tandem.ErrNotFoundRemotely)
	_, err := tandem.NewURLEndpoint(strings.TrimSuffix(url, "test"))
	wantError(t, "a URL without a database", err, tandem.ErrInvalidURL)
}

func TestFiftyListenersOfOneDatabase(t *testing.T) { // L-09
	coll := newCollection(t)
	ports := make(map[uint16]bool)
	var last *tandem.URLEndpointListener
	for i := range 50 {
		last = offer(t, coll)
		ports[last.Port()] = true
		if i%10 == 0 {
			id := fmt.Sprint(i)
			save(t, coll, id, `{}`)
			ours := newCollection(t)
			syncOnce(t, replicator(t, last.URLs()[0], ours))
			read(t, ours, id)
		}
	}
	if len(ports) != 50 {
		t.Errorf("50 listeners have %d ports", len(ports))
	}
	check(t, coll.Database().Close())
	wantOff(t, "after the database was closed", last)
}

func TestEachDatabaseHasAListenerOfItsOwn(t *testing.T) { // L-10 X-28
	var running sync.WaitGroup
	for i := range 3 {
		theirs, ours := newCollection(t), newCollection(t)
		for n := range 10 {
			save(t, theirs, fmt.Sprintf("%d-s%d", i, n), `{}`)
			save(t, ours, fmt.Sprintf("%d-c%d", i, n), `{}`)
		}
		r := replicator(t, offer(t, theirs).URLs()[0], ours)
		running.Go(func() {
			if err := errors.Join(r.Start(), r.Wait(context.Background())); err != nil {
				t.Error(err)
			}
		})
		t.Cleanup(func() {
			if got := contents(t, theirs); len(got) != 20 {
				t.Errorf("pair %d has %d documents, want 20", i, len(got))
			}
			wantContents(t, ours, contents(t, theirs))
		})
	}
	running.Wait()
}

func TestStartAndStopFromEverywhere(t *testing.T) { // L-25
	l := newListener(t, newCollection(t))
	var callers sync.WaitGroup
	for i := range 8 {
		callers.Go(func() {
			for range 10 {
				if i%2 == 0 {
					if err := l.Start(); err != nil {
						t.Error(err)
					}
				} else {
					l.Stop()
				}
				_, _, _ = l.Port(), l.URLs(), l.Status()
			}
		})
	}
	callers.Wait()
	check(t, l.Start())
	syncOnce(t, replicator(t, l.URLs()[0], newCollection(t)))
	l.Stop()
	wantOff(t, "in the end", l)
}
