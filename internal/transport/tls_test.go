package transport_test

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/transport"
)

func TestServerCertificatesAreJudged(t *testing.T) {
	root := issue(t, nil, authority)
	middle := issue(t, root, authority)
	leaf := issue(t, middle, nil)
	own := issue(t, nil, nil)
	other := issue(t, nil, authority)
	dated := func(from, to time.Duration) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.NotBefore, c.NotAfter = time.Now().Add(from), time.Now().Add(to) }
	}
	elsewhere := func(c *x509.Certificate) { c.IPAddresses, c.DNSNames = nil, []string{"elsewhere.example"} }
	past, future := dated(-30*time.Minute, -10*time.Minute), dated(10*time.Minute, 30*time.Minute)
	bad := issue(t, root, func(c *x509.Certificate) { elsewhere(c); past(c) })
	old := issue(t, root, func(c *x509.Certificate) { authority(c); past(c) })
	trust := func(roots ...*signed) transport.Trust {
		var t transport.Trust
		for _, r := range roots {
			t.Roots = append(t.Roots, r.cert)
		}
		return t
	}
	selfSigned := transport.Trust{SelfSignedOnly: true}
	pin := func(s *signed) transport.Trust { return transport.Trust{Pinned: s.cert.Raw} }
	sum := func(s *signed) transport.Trust {
		sum := sha256.Sum256(s.cert.Raw)
		return transport.Trust{PinnedSHA256: sum[:]}
	}
	impostor := issue(t, nil, nil)
	impostor.up = own // shows the certificate that its victims have pinned
	tests := map[string]struct {
		server *signed
		trust  transport.Trust
		code   int // in the Network domain; 0 for a connection
	}{
		"issued by a trusted root":           {leaf, trust(root), 0},
		"issued below a trusted issuer":      {leaf, trust(middle), 0},
		"root of several":                    {leaf, trust(other, root), 0},
		"own certificate as root":            {own, trust(own), 0},
		"issued by another root":             {leaf, trust(other), 11},
		"system's roots":                     {leaf, transport.Trust{}, 11},
		"self-signed, system's roots":        {own, transport.Trust{}, 11},
		"expired":                            {issue(t, root, past), trust(root), 7},
		"not yet valid":                      {issue(t, root, future), trust(root), 7},
		"expired issuer":                     {issue(t, old, nil), trust(root), 7},
		"expired and of another root":        {issue(t, root, past), trust(other), 11},
		"for another host":                   {issue(t, root, elsewhere), trust(root), 15},
		"for another host and expired":       {bad, trust(root), 7},
		"not for servers":                    {issue(t, root, forClients), trust(root), 8},
		"self-signed only":                   {own, selfSigned, 0},
		"self-signed only, any host":         {issue(t, nil, elsewhere), selfSigned, 0},
		"self-signed only, expired":          {issue(t, nil, past), selfSigned, 7},
		"self-signed only, issued":           {leaf, selfSigned, 8},
		"self-signed only, the issuer alone": {root, selfSigned, 0},
		"pinned leaf":                        {leaf, pin(leaf), 0},
		"pinned issuer":                      {leaf, pin(middle), 0},
		"pinned root":                        {leaf, pin(root), 0},
		"pinned self-signed":                 {own, pin(own), 0},
		"pinned, for another host, expired":  {bad, pin(bad), 0},
		"pinned issuer, expired leaf":        {bad, pin(root), 0},
		"wrong pin":                          {leaf, pin(other), 11},
		"wrong pin, self-signed only":        {own, transport.Trust{Pinned: other.cert.Raw, SelfSignedOnly: true}, 11},
		"pin against self-signed only":       {leaf, transport.Trust{Pinned: leaf.cert.Raw, SelfSignedOnly: true}, 0},
		"pinned before its renewal":          {renew(t, renew(t, own)), pin(own), 0},
		"fingerprint":                        {own, sum(own), 0},
		"fingerprint before its renewal":     {renew(t, renew(t, own)), sum(own), 0},
		"fingerprint of the issuer":          {leaf, sum(root), 11},
		"renewed, self-signed only":          {renew(t, own), selfSigned, 0},
		"impostor with the pinned one":       {impostor, pin(own), 11},
		"impostor with the fingerprint":      {impostor, sum(own), 11},
		"foreign leaf below a pinned root":   {&signed{own.cert, own.key, root}, pin(root), 11},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := listen(t, transport.ServerConfig{Certificate: test.server.tls()})
			c, err := dial(t, s, transport.DialConfig{Trust: test.trust})
			if test.code == 0 {
				if err != nil {
					t.Fatalf("got %v, want a connection", err)
				}
				checkEcho(t, c)
				checkSeen(t, c.PeerCertificates(), test.server)
				return
			}
			checkFault(t, err, fault.Network, test.code)
			var failed *transport.DialError
			if !errors.As(err, &failed) {
				t.Fatalf("got %T, want a DialError", err)
			}
			checkSeen(t, failed.Certificates, test.server) // also after a refusal
		})
	}
}

// checkSeen checks that a client saw exactly the server's chain.
func checkSeen(t *testing.T, seen []*x509.Certificate, server *signed) {
	t.Helper()
	if !slices.EqualFunc(seen, server.chain(), (*x509.Certificate).Equal) {
		t.Errorf("the client saw %d certificates, want the server's chain of %d", len(seen), len(server.chain()))
	}
}

func forClients(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }

func TestClearTextShowsNoCertificate(t *testing.T) {
	s := listen(t, transport.ServerConfig{})
	if url := s.URLs()[0]; !strings.HasPrefix(url, "ws://") {
		t.Errorf("URL %s, want ws", url)
	}
	if c := mustDial(t, s, transport.DialConfig{}); c.PeerCertificates() != nil {
		t.Error("a certificate without TLS")
	}
}

func TestOldTLSIsRefusedByTheListener(t *testing.T) {
	s := listen(t, transport.ServerConfig{Certificate: issue(t, nil, nil).tls()})
	for version, good := range map[uint16]bool{
		tls.VersionTLS10: false, tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true,
	} {
		nc, err := tls.Dial("tcp", address(s), &tls.Config{
			InsecureSkipVerify: true, MinVersion: version, MaxVersion: version,
		})
		if (err == nil) != good {
			t.Errorf("%s: %v", tls.VersionName(version), err)
		}
		if err == nil {
			_ = nc.Close()
		}
	}
}

func TestOldTLSIsRefusedByTheClient(t *testing.T) {
	cert := issue(t, nil, nil).tls()
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates: []tls.Certificate{*cert}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		if nc, err := l.Accept(); err == nil {
			_ = nc.(*tls.Conn).Handshake()
			_ = nc.Close()
		}
	}()
	_, err = transport.Dial(t.Context(), transport.DialConfig{
		Endpoint: endpoint(t, "wss://"+l.Addr().String()+"/db"), Protocols: []string{cbm4},
		Trust: transport.Trust{SelfSignedOnly: true},
	})
	checkFault(t, err, fault.Network, 6)
}

func TestTheWrongSchemeFailsAndDisturbsNobody(t *testing.T) {
	secure := listen(t, transport.ServerConfig{Certificate: issue(t, nil, nil).tls()})
	plain := listen(t, transport.ServerConfig{})
	trust := transport.Trust{SelfSignedOnly: true}
	_, err := dial(t, secure, transport.DialConfig{Endpoint: endpoint(t, "ws://"+address(secure)+"/db")})
	checkFault(t, err, fault.WebSocket, 400)
	if err == nil || !strings.Contains(err.Error(), "wss://") {
		t.Errorf("got %v, want to be told of wss", err)
	}
	_, err = dial(t, plain, transport.DialConfig{Endpoint: endpoint(t, "wss://"+address(plain)+"/db"), Trust: trust})
	checkFault(t, err, fault.Network, 6)
	checkEcho(t, mustDial(t, secure, transport.DialConfig{Trust: trust}))
	checkEcho(t, mustDial(t, plain, transport.DialConfig{}))
}

func TestTheCertificateCanBeReplaced(t *testing.T) {
	first, second := issue(t, nil, nil), issue(t, nil, nil)
	s := listen(t, transport.ServerConfig{Certificate: first.tls()})
	trust := transport.Trust{SelfSignedOnly: true}
	before := mustDial(t, s, transport.DialConfig{Trust: trust})
	s.SetCertificate(second.tls())
	after := mustDial(t, s, transport.DialConfig{Trust: trust})
	checkSeen(t, before.PeerCertificates(), first)
	checkSeen(t, after.PeerCertificates(), second)
	checkEcho(t, before)
}

// A peer on the path sees only ciphertext.
func TestNothingReadableCrossesTheWire(t *testing.T) {
	s := listen(t, transport.ServerConfig{Certificate: issue(t, nil, nil).tls()})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	wire := make(chan string, 1)
	go func() {
		near, _ := l.Accept()
		far, _ := net.Dial("tcp", address(s))
		defer far.Close()
		go io.Copy(near, far) //nolint:errcheck // until the end
		var up strings.Builder
		_, _ = io.Copy(io.MultiWriter(far, &up), near)
		wire <- up.String()
	}()
	c := mustDial(t, s, transport.DialConfig{
		Endpoint: endpoint(t, "wss://"+l.Addr().String()+"/db"), Trust: transport.Trust{SelfSignedOnly: true},
	})
	checkEcho(t, c)
	_ = c.Abort()
	if sent := <-wire; strings.Contains(sent, "hello") || strings.Contains(sent, "GET") {
		t.Errorf("readable: %q", sent)
	}
}

// address is where s listens.
func address(s *transport.Server) string { return fmt.Sprintf("127.0.0.1:%d", s.Port()) }
