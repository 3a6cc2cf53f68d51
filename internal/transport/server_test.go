package transport_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/transport"
)

func config(change func(*transport.ServerConfig)) transport.ServerConfig {
	cfg := transport.ServerConfig{Databases: []transport.Database{{Name: "db", Protocols: []string{cbm4}}}, Handler: echo}
	change(&cfg)
	return cfg
}

func TestAServerListensAtTheChosenOrAFreePort(t *testing.T) {
	s := listen(t, transport.ServerConfig{})
	if s.Port() < 1 || s.Port() > 65535 {
		t.Errorf("port %d", s.Port())
	}
	again := freePort(t)
	if s := listen(t, transport.ServerConfig{Port: again}); s.Port() != int(again) {
		t.Errorf("port %d, want %d", s.Port(), again)
	}
}

// freePort returns a port that was free a moment ago.
func freePort(t *testing.T) uint16 {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return uint16(l.Addr().(*net.TCPAddr).Port)
}

func TestABusyPortIsAnErrorAndDisturbsNobody(t *testing.T) {
	for _, where := range []string{"127.0.0.1", ""} {
		first, err := transport.Listen(t.Context(), config(func(c *transport.ServerConfig) { c.Interface = where }))
		if err != nil {
			t.Fatal(err)
		}
		_, err = transport.Listen(t.Context(), config(func(c *transport.ServerConfig) {
			c.Interface, c.Port = where, uint16(first.Port())
		}))
		if !errors.Is(err, fault.AddressInUse) || fault.HintOf(err) == "" {
			t.Errorf("got %v, want address in use, with a hint", err)
		}
		checkReached(t, first, transport.DialConfig{})
		if err := first.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

func TestUnknownInterfacesAreErrors(t *testing.T) {
	for _, name := range []string{"foo", "1.1.1.256", "192.0.2.1", "lo:", "localhost"} {
		_, err := transport.Listen(t.Context(), config(func(c *transport.ServerConfig) { c.Interface = name }))
		if !errors.Is(err, fault.UnknownHost) {
			t.Errorf("%s: got %v, want Network/2", name, err)
		}
		_, err = transport.Dial(t.Context(), transport.DialConfig{
			Endpoint: endpoint(t, "ws://127.0.0.1:1/db"), Protocols: []string{cbm4}, NetworkInterface: name,
		})
		if name != "192.0.2.1" && !errors.Is(err, fault.UnknownInterface) {
			t.Errorf("%s: got %v, want Network/27", name, err)
		}
	}
}

func TestAPrivilegedPortIsAnError(t *testing.T) {
	if runtime.GOOS != "linux" || syscall.Geteuid() == 0 {
		t.Skip("this user may open every port")
	}
	_, err := transport.Listen(t.Context(), config(func(c *transport.ServerConfig) { c.Port = 1 }))
	checkFault(t, err, fault.POSIX, int(syscall.EACCES))
}

func TestEveryURLCanBeDialled(t *testing.T) {
	for _, where := range []string{"", "0.0.0.0", "::"} {
		s, err := transport.Listen(t.Context(), config(func(c *transport.ServerConfig) {
			c.Interface, c.Databases[0].Name = where, "my db"
		}))
		if err != nil {
			t.Fatal(err)
		}
		urls := s.URLs()
		if len(urls) == 0 {
			t.Error("no URLs")
		}
		if where != "0.0.0.0" {
			checkLinkLocal(t, urls)
		}
		for _, raw := range urls {
			u, err := url.Parse(raw)
			if err != nil || u.Port() != fmt.Sprint(s.Port()) || u.Path != "/my db" || u.Scheme != "ws" {
				t.Errorf("%s: %v; want port %d and database my db", raw, err, s.Port())
			}
			checkReached(t, s, transport.DialConfig{Endpoint: endpoint(t, raw)})
		}
		for _, host := range []string{"127.0.0.1", "localhost"} {
			e := endpoint(t, fmt.Sprintf("ws://%s:%d/my%%20db", host, s.Port()))
			checkReached(t, s, transport.DialConfig{Endpoint: e})
		}
		_ = s.Close(t.Context())
	}
}

// checkLinkLocal checks that the link-local IPv6 addresses of this host are among urls, with their zones.
func checkLinkLocal(t *testing.T, urls []string) {
	t.Helper()
	for _, a := range linkLocal(t) {
		want := "[" + a.WithZone("").String() + "%25" + a.Zone() + "]:"
		if !slices.ContainsFunc(urls, func(u string) bool { return strings.Contains(u, want) }) {
			t.Errorf("no URL has %s: %q", want, urls)
		}
	}
}

func TestTheIPv6LoopbackIsReached(t *testing.T) {
	if l, err := net.Listen("tcp", "[::1]:0"); err != nil {
		t.Skip("no IPv6 here")
	} else {
		_ = l.Close()
	}
	for _, where := range []string{"::1", ""} {
		s, err := transport.Listen(t.Context(), config(func(c *transport.ServerConfig) { c.Interface = where }))
		if err != nil {
			t.Fatal(err)
		}
		e := endpoint(t, fmt.Sprintf("ws://[::1]:%d/db", s.Port()))
		checkReached(t, s, transport.DialConfig{Endpoint: e})
		if where == "::1" && s.URLs()[0] != e.String() {
			t.Errorf("URL %s, want %s", s.URLs()[0], e)
		}
		_ = s.Close(t.Context())
	}
}

func TestOneInterfaceHasOneURL(t *testing.T) {
	for _, where := range []string{"127.0.0.1", loopback(t)} {
		s := listen(t, transport.ServerConfig{Interface: where})
		if urls := s.URLs(); len(urls) != 1 || urls[0] != "ws://"+address(s)+"/db" {
			t.Errorf("%s: got %v, want that address alone", where, urls)
		}
		checkReached(t, s, transport.DialConfig{NetworkInterface: where})
		for _, a := range outside(t) {
			nc, err := net.DialTimeout("tcp", net.JoinHostPort(a, fmt.Sprint(s.Port())), time.Second)
			if err == nil {
				_ = nc.Close()
				t.Errorf("%s: reachable at %s", where, a)
			}
		}
	}
}

// loopback returns the name of the loopback interface.
func loopback(t *testing.T) string {
	all, _ := net.Interfaces()
	for _, i := range all {
		if i.Flags&net.FlagLoopback != 0 {
			return i.Name
		}
	}
	t.Skip("no loopback interface")
	return ""
}

// outside returns this device's IPv4 addresses except loopback.
func outside(t *testing.T) []string {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, a := range addrs {
		if ip := a.(*net.IPNet).IP.To4(); ip != nil && !ip.IsLoopback() {
			found = append(found, ip.String())
		}
	}
	return found
}

func TestAStoppedListenerClosesWith1001(t *testing.T) {
	for name, cert := range map[string]*signed{"ws": nil, "wss": issue(t, nil, nil)} {
		t.Run(name, func(t *testing.T) {
			cfg := transport.ServerConfig{}
			if cert != nil {
				cfg.Certificate = cert.tls()
			}
			s := listen(t, cfg)
			const clients = 2
			ends := make(chan error)
			for range clients {
				c := mustDial(t, s, transport.DialConfig{Trust: transport.Trust{SelfSignedOnly: true}})
				checkEcho(t, c)
				go transfer(c, ends)
			}
			if n := s.Connections(); n != clients {
				t.Errorf("%d connections, want %d", n, clients)
			}
			e := endpoint(t, s.URLs()[0])
			if err := s.Close(t.Context()); err != nil {
				t.Error(err)
			}
			for range clients {
				var closed *blip.CloseError
				if err := <-ends; !errors.As(err, &closed) || closed.Code != 1001 || !errors.Is(err, fault.PeerClosed) {
					t.Errorf("got %v, want 1001", err)
				}
			}
			if n := s.Connections(); n != 0 {
				t.Errorf("%d connections afterwards", n)
			}
			_, err := dial(t, s, transport.DialConfig{Endpoint: e})
			if !errors.Is(err, fault.ConnectionRefused) {
				t.Errorf("got %v, want to be refused", err)
			}
			if err := s.Close(t.Context()); err != nil {
				t.Errorf("closing twice: %v", err)
			}
		})
	}
}

// transfer writes and reads as fast as it can until the connection ends.
func transfer(c *transport.Conn, end chan<- error) {
	ctx := context.Background()
	go func() {
		for c.Write(ctx, make([]byte, 1000)) == nil && c.Flush(ctx) == nil {
		}
	}()
	for {
		if _, err := c.Read(ctx); err != nil {
			end <- err
			return
		}
	}
}

func TestCloseDoesNotWaitForDeafClientsBeyondItsContext(t *testing.T) {
	var took time.Duration
	for range 5 { // other programs may use the processor during some rounds
		s := listen(t, transport.ServerConfig{})
		mustDial(t, s, transport.DialConfig{}) // never reads, so never answers the CLOSE
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		start := time.Now()
		if err := s.Close(ctx); err != nil {
			t.Fatal(err)
		}
		if took = time.Since(start); took < 4*time.Second { // waiting for a CLOSE takes longer
			return
		}
	}
	t.Errorf("closing takes %v", took)
}

func TestAStoppingListenerAnswers503(t *testing.T) {
	asked, decide := make(chan bool), make(chan bool)
	s := listen(t, transport.ServerConfig{Authenticator: transport.Password(func(string, []byte) bool {
		asked <- true
		return <-decide
	})})
	early, err := net.Dial("tcp", address(s)) // in the middle of its handshake when the listener stops
	if err != nil {
		t.Fatal(err)
	}
	defer early.Close()
	if _, err := io.WriteString(early, "GET /db/_blipsync HTTP/1.1\r\n"); err != nil {
		t.Fatal(err)
	}
	inside := make(chan error)
	go func() {
		c, err := dial(t, s, transport.DialConfig{Credentials: &transport.Credentials{User: "u", Password: "p"}})
		if err == nil {
			_, err = c.Read(t.Context())
		}
		inside <- err
	}()
	<-asked // so that the listener has accepted early's connection, too
	closed := make(chan error)
	go func() { closed <- s.Close(context.Background()) }()
	waitUntilRefused(t, address(s))
	if _, err := io.WriteString(early, "Host: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	answer, _ := io.ReadAll(early)
	if !strings.HasPrefix(string(answer), "HTTP/1.1 503 ") {
		t.Errorf("got %q, want 503", answer)
	}
	decide <- true
	if err := <-inside; !errors.Is(err, fault.PeerClosed) {
		t.Errorf("got %v, want 1001 for a client that was being let in", err)
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
}

func waitUntilRefused(t *testing.T, address string) {
	for {
		nc, err := net.Dial("tcp", address)
		if err != nil {
			return
		}
		_ = nc.Close()
	}
}

func TestStalledClientsHoldUpNobody(t *testing.T) {
	for name, cert := range map[string]*signed{"ws": nil, "wss": issue(t, nil, nil)} {
		t.Run(name, func(t *testing.T) {
			cfg := transport.ServerConfig{Limits: transport.Limits{Pending: 50, PerAddress: 10}}
			if cert != nil {
				cfg.Certificate = cert.tls()
			}
			s := listen(t, cfg)
			for i := range 200 {
				nc, err := net.Dial("tcp", address(s))
				if err != nil {
					t.Fatal(err)
				}
				defer nc.Close()
				if i%2 == 0 {
					_, _ = io.WriteString(nc, "G")
				}
			}
			var all sync.WaitGroup
			for range 5 {
				all.Go(func() {
					c, err := dial(t, s, transport.DialConfig{Trust: transport.Trust{SelfSignedOnly: true}})
					if err != nil {
						t.Error(err)
						return
					}
					checkEcho(t, c)
				})
			}
			all.Wait()
		})
	}
}

// Couchbase Lite's replicators never retry after a listener has hung up without an answer.
func TestAClientWhoseRequestDoesNotComeIsAskedToComeBack(t *testing.T) {
	for name, test := range map[string]struct {
		limits transport.Limits
		end    func(s *transport.Server)
	}{
		"its time is over":        {transport.Limits{Handshake: 50 * time.Millisecond}, func(*transport.Server) {}},
		"another one comes":       {transport.Limits{Pending: 1}, func(*transport.Server) {}},
		"the listener stops":      {transport.Limits{}, func(s *transport.Server) { _ = s.Close(t.Context()) }},
		"the listener must hurry": {transport.Limits{}, func(s *transport.Server) { _ = s.Close(canceled()) }},
	} {
		t.Run(name, func(t *testing.T) {
			s := listen(t, transport.ServerConfig{Limits: test.limits})
			nc := stalled(t, s, "GET /db/_blipsync HTTP/1.1\r\n")
			checkReached(t, s, transport.DialConfig{}) // so that the listener has accepted nc, too
			test.end(s)
			answer, err := io.ReadAll(nc)
			if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 503 ") {
				t.Errorf("got %q, %v, want 503", answer, err)
			}
		})
	}
}

// stalled connects to s, sends the beginning of a request, and stops.
func stalled(t *testing.T, s *transport.Server, beginning string) net.Conn {
	nc, err := net.Dial("tcp", address(s))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = nc.Close() })
	if _, err := io.WriteString(nc, beginning); err != nil {
		t.Fatal(err)
	}
	return nc
}

func canceled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

func TestConnectionsBeyondALimitAreRefused(t *testing.T) {
	for name, limits := range map[string]transport.Limits{
		"in all": {Connections: 2}, "of one address": {PerAddress: 2},
	} {
		t.Run(name, func(t *testing.T) {
			s := listen(t, transport.ServerConfig{Limits: limits})
			first := mustDial(t, s, transport.DialConfig{})
			mustDial(t, s, transport.DialConfig{})
			_, err := dial(t, s, transport.DialConfig{})
			checkFault(t, err, fault.WebSocket, 503)
			_ = first.Close(1000, "")
			for { // the seat is free again soon
				c, err := dial(t, s, transport.DialConfig{})
				if err == nil {
					checkEcho(t, c)
					return
				}
				checkFault(t, err, fault.WebSocket, 503)
			}
		})
	}
}

func TestAClientThatVanishesIsForgotten(t *testing.T) {
	ended := make(chan error)
	s := listen(t, transport.ServerConfig{Handler: func(c *transport.Conn) {
		_, err := c.Read(context.Background())
		ended <- err
	}})
	c := mustDial(t, s, transport.DialConfig{})
	_ = c.Abort()
	if err := <-ended; !errors.Is(err, fault.ConnectionLost) {
		t.Errorf("got %v, want 1006", err)
	}
	for s.Connections() != 0 {
		runtime.Gosched()
	}
}

func TestCountsAreReadWhileClientsComeAndGo(t *testing.T) {
	s := listen(t, transport.ServerConfig{})
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			c, err := dial(t, s, transport.DialConfig{})
			if err != nil {
				t.Error(err)
				return
			}
			checkEcho(t, c)
			_ = c.Close(1000, "")
		})
	}
	gone := make(chan struct{})
	go func() { all.Wait(); close(gone) }()
	for busy := true; busy; {
		select {
		case <-gone:
			busy = false
		default:
		}
		if n := s.Connections(); n < 0 || n > 20 {
			t.Fatalf("%d connections", n)
		}
		runtime.Gosched()
	}
	for s.Connections() != 0 {
		runtime.Gosched()
	}
}

func TestImpossibleListenersAreInvalid(t *testing.T) {
	for name, change := range map[string]func(*transport.ServerConfig){
		"no protocols":   func(c *transport.ServerConfig) { c.Databases[0].Protocols = nil },
		"no database":    func(c *transport.ServerConfig) { c.Databases = nil },
		"one name twice": func(c *transport.ServerConfig) { c.Databases = append(c.Databases, c.Databases[0]) },
		"no handler":     func(c *transport.ServerConfig) { c.Handler = nil },
		"negative time":  func(c *transport.ServerConfig) { c.Heartbeat = -1 },
		"negative limit": func(c *transport.ServerConfig) { c.Limits.Pending = -1 },
	} {
		if _, err := transport.Listen(t.Context(), config(change)); !errors.Is(err, fault.Invalid) {
			t.Errorf("%s: got %v, want invalid", name, err)
		}
	}
}

func TestManyListenersMayRunAtOnce(t *testing.T) {
	ports := map[int]bool{}
	for range 50 {
		s := listen(t, transport.ServerConfig{})
		ports[s.Port()] = true
		checkReached(t, s, transport.DialConfig{})
	}
	if len(ports) != 50 {
		t.Errorf("%d ports for 50 listeners", len(ports))
	}
}

func TestClearTextIsWarnedOf(t *testing.T) {
	for name, test := range map[string]struct {
		cfg  transport.ServerConfig
		want string
	}{
		"TLS":        {transport.ServerConfig{Certificate: issue(t, nil, nil).tls()}, ""},
		"clear text": {transport.ServerConfig{}, "documents cross"},
		"passwords":  {transport.ServerConfig{Authenticator: transport.StaticPassword("u", "p")}, "passwords and documents"},
	} {
		var log bytes.Buffer
		test.cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
		_ = listen(t, test.cfg).Close(t.Context())
		if got := log.String(); (got == "") != (test.want == "") || !strings.Contains(got, test.want) {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
	}
}
