package transport_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/testsize"
	"github.com/tandemdb/tandem/internal/transport"
)

func TestEverybodyIsWelcomeWithoutAuthenticator(t *testing.T) {
	s := listen(t, transport.ServerConfig{Certificate: issue(t, nil, nil).tls()})
	for name, cfg := range map[string]transport.DialConfig{
		"nothing":     {},
		"password":    {Credentials: &transport.Credentials{User: "u", Password: "p"}},
		"certificate": {ClientCertificate: issue(t, nil, nil).tls()},
	} {
		cfg.Trust.SelfSignedOnly = true
		if _, err := dial(t, s, cfg); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOnlyTheRightPasswordIsLetIn(t *testing.T) {
	for _, cert := range []*signed{nil, issue(t, nil, nil)} {
		cfg := transport.ServerConfig{Authenticator: transport.StaticPassword("jöhn", "pä:ss")}
		trust := transport.Trust{SelfSignedOnly: true}
		if cert != nil {
			cfg.Certificate = cert.tls()
		}
		s := listen(t, cfg)
		good := transport.DialConfig{Trust: trust, Credentials: &transport.Credentials{User: "jöhn", Password: "pä:ss"}}
		if c := mustDial(t, s, good); c != nil {
			checkEcho(t, c)
		}
		for name, cfg := range map[string]transport.DialConfig{
			"missing":        {},
			"wrong user":     {Credentials: &transport.Credentials{User: "jim", Password: "pä:ss"}},
			"wrong password": {Credentials: &transport.Credentials{User: "jöhn", Password: "pä"}},
			"other scheme":   {Headers: http.Header{"Authorization": {"Bearer x"}}},
			"not base64":     {Headers: http.Header{"Authorization": {"Basic ???"}}},
			"no colon":       {Headers: http.Header{"Authorization": {"Basic eHh4"}}},
			"a certificate":  {ClientCertificate: issue(t, nil, nil).tls()},
		} {
			cfg.Trust = trust
			_, err := dial(t, s, cfg)
			if !errors.Is(err, fault.Unauthorized) {
				t.Errorf("%s: got %v, want WebSocket/401", name, err)
			}
		}
	}
}

func TestThePasswordCheckGetsTheBytesAndTheyAreWiped(t *testing.T) {
	var kept []byte
	user := make(chan string, 1)
	s := listen(t, transport.ServerConfig{
		Authenticator: transport.Password(func(u string, p []byte) bool {
			kept = p
			return string(p) == "sécret\x00" && u == "ü"
		}),
		Handler: func(c *transport.Conn) { user <- c.User() },
	})
	mustDial(t, s, transport.DialConfig{Credentials: &transport.Credentials{User: "ü", Password: "sécret\x00"}})
	if got := <-user; got != "ü" {
		t.Errorf("the connection's user is %q, want ü", got)
	}
	if !bytes.Equal(kept, make([]byte, len(kept))) {
		t.Errorf("the password stayed in memory: %q", kept)
	}
}

func TestNobodyIsConnectedBeforeThePasswordIsChecked(t *testing.T) {
	asked, decide := make(chan bool), make(chan bool)
	s := listen(t, transport.ServerConfig{
		Authenticator: transport.Password(func(string, []byte) bool { asked <- true; return <-decide }),
	})
	done := make(chan *transport.Conn)
	go func() {
		c, _ := dial(t, s, transport.DialConfig{Credentials: &transport.Credentials{User: "u", Password: "p"}})
		done <- c
	}()
	<-asked
	select {
	case <-done:
		t.Fatal("connected before the verdict")
	default:
	}
	if n := s.Connections(); n != 0 {
		t.Errorf("%d connections before the verdict", n)
	}
	decide <- true
	checkEcho(t, <-done)
}

func TestGuessingPasswordsIsSlowedDownAndThenStopped(t *testing.T) {
	s := listen(t, transport.ServerConfig{Authenticator: transport.StaticPassword("u", "p")})
	guess := func() error {
		_, err := dial(t, s, transport.DialConfig{Credentials: &transport.Credentials{User: "u", Password: "guess"}})
		return err
	}
	start := time.Now()
	for range 3 {
		if err := guess(); !errors.Is(err, fault.Unauthorized) {
			t.Fatalf("got %v, want 401", err)
		}
	}
	quick := time.Since(start)
	start = time.Now()
	_ = guess()
	_ = guess()
	if slow := time.Since(start); slow < 300*time.Millisecond {
		t.Errorf("guesses 4 and 5 took %v (1 to 3: %v), want 100 and 200 ms more", slow, quick)
	}
	// the rest at once, so that their delays overlap
	blocked := make(chan bool)
	for range 30 {
		go func() {
			var f *fault.Error
			blocked <- errors.As(guess(), &f) && f.Code == http.StatusTooManyRequests
		}()
	}
	for range 30 {
		<-blocked
	}
	_, err := dial(t, s, transport.DialConfig{Credentials: &transport.Credentials{User: "u", Password: "p"}})
	checkFault(t, err, fault.WebSocket, http.StatusTooManyRequests)
}

// A right password of one's own makes the guesses of another's no faster.
func TestARightPasswordBetweenGuessesSpeedsUpNothing(t *testing.T) {
	s := listen(t, transport.ServerConfig{Authenticator: transport.StaticPassword("u", "p")})
	var slow time.Duration
	for range 5 {
		start := time.Now()
		_, err := dial(t, s, transport.DialConfig{Credentials: &transport.Credentials{User: "admin", Password: "guess"}})
		slow += time.Since(start)
		if !errors.Is(err, fault.Unauthorized) {
			t.Fatalf("got %v, want 401", err)
		}
		c, err := dial(t, s, transport.DialConfig{Credentials: &transport.Credentials{User: "u", Password: "p"}})
		if err != nil {
			t.Fatal(err)
		}
		checkEcho(t, c)
	}
	if slow < 300*time.Millisecond {
		t.Errorf("5 guesses took %v, want 300 ms and more", slow)
	}
}

func TestClientCertificatesAreJudged(t *testing.T) {
	root := issue(t, nil, authority)
	middle := issue(t, root, authority)
	client := issue(t, middle, nil)
	own := issue(t, nil, nil)
	foreign := issue(t, issue(t, nil, authority), nil)
	expired := issue(t, nil, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })
	roots := func(certs ...*signed) *transport.Authenticator {
		var list []*x509.Certificate
		for _, c := range certs {
			list = append(list, c.cert)
		}
		return transport.ClientRoots(list)
	}
	verdict := func(ok bool) *transport.Authenticator {
		return transport.ClientChain(func([]*x509.Certificate) bool { return ok })
	}
	leafIs := func(want *signed) *transport.Authenticator {
		return transport.ClientChain(func(chain []*x509.Certificate) bool { return chain[0].Equal(want.cert) })
	}
	alone := &signed{client.cert, client.key, nil}
	tests := map[string]struct {
		authenticator *transport.Authenticator
		client        *signed
		want          *fault.Error // nil for a connection
	}{
		"below a root":                        {roots(root), client, nil},
		"one of several roots":                {roots(own, root), client, nil},
		"itself a root":                       {roots(own), own, nil},
		"in the list with its issuer":         {roots(client, middle), alone, nil},
		"the list completes the chain":        {roots(middle, root), alone, nil},
		"of another root":                     {roots(root), foreign, fault.CertRejected},
		"without the issuer in between":       {roots(root), alone, fault.CertRejected},
		"expired":                             {roots(expired), expired, fault.CertRejected},
		"not for clients":                     {roots(root), issue(t, root, forServers), fault.CertRejected},
		"no roots at all":                     {roots(), client, fault.CertRejected},
		"none, by roots":                      {roots(root), nil, fault.CertRequired},
		"accepted by the callback":            {verdict(true), foreign, nil},
		"expired, but accepted":               {verdict(true), expired, nil},
		"good, but refused by the callback":   {verdict(false), client, fault.CertRejected},
		"none, by callback":                   {verdict(true), nil, fault.CertRequired},
		"the callback gets the leaf":          {leafIs(own), own, nil},
		"the callback gets the leaf, another": {leafIs(own), client, fault.CertRejected},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := make(chan []*x509.Certificate, 1)
			s := listen(t, transport.ServerConfig{
				Certificate: issue(t, nil, nil).tls(), Authenticator: test.authenticator,
				Handler: func(c *transport.Conn) { got <- c.PeerCertificates(); echo(c) },
			})
			cfg := transport.DialConfig{Trust: transport.Trust{SelfSignedOnly: true}}
			if test.client != nil {
				cfg.ClientCertificate = test.client.tls()
			}
			c, err := dial(t, s, cfg)
			if test.want != nil {
				checkFault(t, err, test.want.Domain, test.want.Code)
				return
			}
			if err != nil {
				t.Fatalf("got %v, want a connection", err)
			}
			checkEcho(t, c)
			if chain := <-got; !slices.EqualFunc(chain, test.client.chain(), (*x509.Certificate).Equal) {
				t.Errorf("the listener saw %d certificates, want %d", len(chain), len(test.client.chain()))
			}
		})
	}
}

// Only the listener's log tells why a client was refused, and who it was.
func TestTheLogTellsWhichCertificateWasRefusedAndWhy(t *testing.T) {
	root := issue(t, nil, authority)
	past := func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }
	evil := func(c *x509.Certificate) {
		c.Subject.CommonName = "evil\x1b[2J\nlevel=INFO " + strings.Repeat("x", 300)
	}
	for name, test := range map[string]struct {
		client *signed
		judge  *transport.Authenticator
		want   string
	}{
		"of another root": {issue(t, nil, nil), transport.ClientRoots([]*x509.Certificate{root.cert}), "unknown authority"},
		"expired":         {issue(t, root, past), transport.ClientRoots([]*x509.Certificate{root.cert}), "has expired"},
		"for servers":     {issue(t, root, forServers), transport.ClientRoots([]*x509.Certificate{root.cert}), "incompatible key usage"},
		"by a function":   {issue(t, root, nil), transport.ClientChain(func([]*x509.Certificate) bool { return false }), "said no"},
		"with a hostile name": {
			issue(t, nil, evil),
			transport.ClientChain(func([]*x509.Certificate) bool { panic("no") }), "has failed",
		},
	} {
		t.Run(name, func(t *testing.T) {
			lines := make(logLines, 10)
			s := listen(t, transport.ServerConfig{
				Certificate: issue(t, nil, nil).tls(), Authenticator: test.judge,
				Logger: slog.New(slog.NewTextHandler(lines, nil)),
			})
			_, err := dial(t, s, transport.DialConfig{
				Trust: transport.Trust{SelfSignedOnly: true}, ClientCertificate: test.client.tls(),
			})
			checkFault(t, err, fault.Network, fault.CertRejected.Code)
			sum := sha256.Sum256(test.client.cert.Raw)
			line := lines.with(t, "TLS handshake failed")
			for _, want := range []string{
				strings.ReplaceAll(fmt.Sprintf("% X", sum), " ", ":"), test.client.cert.Subject.CommonName[:4], test.want,
			} {
				if !strings.Contains(line, want) {
					t.Errorf("the log says %q, want %q in it", line, want)
				}
			}
			if len(line) > 1500 || strings.ContainsAny(line[:len(line)-1], "\x1b\n") {
				t.Errorf("the client's name is in the log as it is: %q", line)
			}
		})
	}
}

// logLines collects the lines of a log.
type logLines chan string

func (l logLines) Write(p []byte) (int, error) {
	l <- string(p)
	return len(p), nil
}

// with waits for the first line that contains text.
func (l logLines) with(t *testing.T, text string) string {
	t.Helper()
	for {
		select {
		case line := <-l:
			if strings.Contains(line, text) {
				return line
			}
		case <-time.After(testsize.Patience):
			t.Fatalf("the log does not say %q", text)
		}
	}
}

func forServers(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }

func TestCertificatesNeedTLS(t *testing.T) {
	_, err := transport.Listen(t.Context(), transport.ServerConfig{
		Databases: []transport.Database{{Name: "db", Protocols: []string{cbm4}}},
		Handler:   echo, Authenticator: transport.ClientRoots(nil),
	})
	if !errors.Is(err, fault.Invalid) {
		t.Errorf("got %v, want invalid", err)
	}
}

// A listener that asks for a certificate may hang up before its alert can be read.
func TestARefusalWithoutAnAlertIsUnderstood(t *testing.T) {
	for _, shown := range []bool{false, true} {
		server := issue(t, nil, nil)
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		go hangUpAfterHandshake(l, server)
		cfg := transport.DialConfig{
			Endpoint: endpoint(t, "wss://"+l.Addr().String()+"/db"), Protocols: []string{cbm4},
			Trust: transport.Trust{SelfSignedOnly: true},
		}
		want := fault.CertRequired
		if shown {
			cfg.ClientCertificate, want = issue(t, nil, nil).tls(), fault.CertRejected
		}
		_, err = transport.Dial(t.Context(), cfg)
		checkFault(t, err, want.Domain, want.Code)
	}
}

func TestBasicAuthenticationOnTheBytes(t *testing.T) {
	s := listen(t, transport.ServerConfig{Authenticator: transport.StaticPassword("user", "pass")})
	head, _ := ask(t, s, "GET /db/_blipsync HTTP/1.1\nHost: x\n\n")
	if !strings.HasPrefix(head, "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"Tandem\", charset=\"UTF-8\"\r\n") {
		t.Errorf("got %q", head)
	}
	head, _ = ask(t, s, "GET /db/_blipsync HTTP/1.1\nHost: x\nAuthorization: basic dXNlcjpwYXNz\n\n")
	if !strings.HasPrefix(head, "HTTP/1.1 426 ") { // accepted, though this is no WebSocket
		t.Errorf("got %q", head)
	}
}
