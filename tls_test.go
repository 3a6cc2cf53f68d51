package tandem_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tandemdb/tandem"
)

// T-01, T-02, T-03, T-04, T-09, T-12, T-15, T-21, T-22, N-13
func TestTLSIsOnUnlessItIsTurnedOff(t *testing.T) {
	id := newIdentity(t, "ignored")
	for name, c := range map[string]struct {
		configure func(*tandem.URLEndpointListenerConfiguration)
		scheme    string
	}{
		"default":                 {func(*tandem.URLEndpointListenerConfiguration) {}, "wss"},
		"not disabled":            {func(c *tandem.URLEndpointListenerConfiguration) { c.DisableTLS = false }, "wss"},
		"disabled":                {clearText, "ws"},
		"disabled, with identity": {func(c *tandem.URLEndpointListenerConfiguration) { c.DisableTLS, c.TLSIdentity = true, id }, "ws"},
	} {
		t.Run(name, func(t *testing.T) {
			l, theirs := share(t, c.configure)
			for _, url := range l.URLs() {
				if !strings.HasPrefix(url, c.scheme+"://") {
					t.Errorf("URL is %s, want %s://", url, c.scheme)
				}
			}
			got := l.TLSIdentity()
			if c.scheme == "ws" {
				if got != nil {
					t.Errorf("there is an identity without TLS: %v", got.Leaf().Subject)
				}
			} else if certs := got.Certificates(); len(certs) != 1 || certs[0].Issuer.String() != certs[0].Subject.String() {
				t.Errorf("the anonymous identity has %d certificates, or is not self-signed", len(certs))
			}
			_, err := attempt(t, l.URLs()[0], selfSigned)
			wantSynced(t, name, theirs, err)
			l.Stop()
			if l.TLSIdentity() != nil {
				t.Error("a stopped listener has an identity")
			}
		})
	}
}

// T-02, T-19: what crosses the network begins with a request in clear text, or is TLS.
func TestTLSHidesTheHandshake(t *testing.T) {
	for name, configure := range map[string]func(*tandem.URLEndpointListenerConfiguration){
		"ws": clearText, "wss": func(*tandem.URLEndpointListenerConfiguration) {},
	} {
		l, theirs := share(t, configure)
		var tapped logbook
		tap := tapOf(t, hostPort(l), &tapped)
		_, err := attempt(t, name+"://"+tap+"/test", selfSigned)
		wantSynced(t, name, theirs, err)
		seen := tapped.String()
		clear := strings.HasPrefix(seen, "GET /test/_blipsync HTTP/1.1\r\n") && strings.Contains(seen, "HTTP/1.1 101 ")
		if clear != (name == "ws") {
			t.Errorf("%s: clear text is %v", name, clear)
		}
		if name == "wss" && (strings.Contains(seen, "_blipsync") || strings.Contains(seen, "the replicator")) {
			t.Error("wss: something can be read")
		}
	}
}

// tapOf returns the address of a proxy that copies all bytes to seen.
func tapOf(t *testing.T, to string, seen io.Writer) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	var copying sync.WaitGroup
	t.Cleanup(func() { _ = listener.Close(); copying.Wait() })
	copying.Go(func() {
		for {
			in, err := listener.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", to)
			if err != nil {
				_ = in.Close()
				continue
			}
			relay := func(dst, src net.Conn) {
				_, _ = io.Copy(dst, io.TeeReader(src, seen))
				_ = dst.Close()
				_ = src.Close()
			}
			copying.Go(func() { relay(out, in) })
			copying.Go(func() { relay(in, out) })
		}
	})
	return listener.Addr().String()
}

// T-05
func TestACertificateAuthenticatorNeedsTLS(t *testing.T) {
	for name, a := range map[string]*tandem.ListenerAuthenticator{
		"roots":    tandem.ListenerRootsAuthenticator(nil),
		"callback": tandem.ListenerCertificateAuthenticator(func([]*x509.Certificate) bool { return true }),
	} {
		_, err := tandem.NewURLEndpointListener(tandem.URLEndpointListenerConfiguration{
			Collections: []*tandem.Collection{newCollection(t)}, DisableTLS: true, Authenticator: a,
		})
		wantError(t, name, err, tandem.ErrInvalid)
	}
}

// T-07
func TestClearTextIsWarnedOf(t *testing.T) {
	for name, c := range map[string]struct {
		configure func(*tandem.URLEndpointListenerConfiguration)
		want      string // the one warning
	}{
		"TLS":                 {func(*tandem.URLEndpointListenerConfiguration) {}, ""},
		"clear":               {clearText, "documents cross the network in clear text"},
		"clear with password": {withPasswordAndNoTLS, "passwords and documents cross the network in clear text"},
	} {
		var log logbook
		share(t, c.configure, func(cfg *tandem.URLEndpointListenerConfiguration) { cfg.Logger = log.logger() })
		got := log.String()
		if n := strings.Count(got, "level=WARN"); n != min(len(c.want), 1) || !strings.Contains(got, c.want) {
			t.Errorf("%s: the log says %q, want one warning: %q", name, got, c.want)
		}
	}
}

func withPasswordAndNoTLS(c *tandem.URLEndpointListenerConfiguration) {
	c.DisableTLS, c.Authenticator = true, tandem.StaticPassword("u", "p")
}

// T-10, T-14, X-06: an anonymous and a created self-signed identity give encryption alone.
func TestSelfSignedServersAreTrustedOnlyWhenToldSo(t *testing.T) {
	for name, configure := range map[string]func(*tandem.URLEndpointListenerConfiguration){
		"anonymous": func(*tandem.URLEndpointListenerConfiguration) {},
		"created":   withIdentity(newIdentity(t, "till 7", usage(tandem.ServerUsage))),
	} {
		l, theirs := share(t, configure)
		_, err := attempt(t, l.URLs()[0])
		wantRefused(t, name, theirs, err, tandem.ErrCertUnknownRoot)
		_, err = attempt(t, l.URLs()[0], selfSigned)
		wantSynced(t, name, theirs, err)
	}
}

// T-11, X-16: the anonymous identity is that of the database.
func TestTheAnonymousIdentityIsReused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	folder := filepath.Join(t.TempDir(), "identities")
	if role := os.Getenv(roleVariable); role != "" {
		path, folder, _ = strings.Cut(role, "|")
	}
	store := tandem.FolderIdentityStore(folder, tandem.IdentityFolderOptions{})
	db := openAt(t, path, tandem.Options{})
	start := func() *tandem.URLEndpointListener {
		return serve(t, tandem.URLEndpointListenerConfiguration{
			Collections: []*tandem.Collection{defaultIn(t, db)}, IdentityStore: store,
		})
	}
	one, two := start(), start()
	first := one.TLSIdentity().Fingerprint()
	if os.Getenv(roleVariable) != "" {
		t.Log("result: " + first)
		fmt.Print("result: " + first + "\n")
		return
	}
	if got := two.TLSIdentity().Fingerprint(); got != first {
		t.Errorf("a second listener has %s, want %s", got, first)
	}
	one.Stop()
	check(t, one.Start())
	if got := one.TLSIdentity().Fingerprint(); got != first {
		t.Errorf("after a restart it is %s, want %s", got, first)
	}
	if got := output(t, process(t, path+"|"+folder)); got != first {
		t.Errorf("in another process it is %s, want %s", got, first)
	}
	other := newDatabase(t, tandem.Options{})
	id, err := tandem.AnonymousIdentity(store, other)
	check(t, err)
	if id.Fingerprint() == first {
		t.Error("another database has the same identity")
	}
}

// anonymousLabel is the label that X-17 asks for.
func anonymousLabel(db *tandem.Database) string {
	return "anonymous-" + strings.ReplaceAll(db.UUID(), "-", "")
}

// kept under a label of the database, replaced at the start when less than a day is left.
func TestTheAnonymousIdentityIsReplacedBeforeItExpires(t *testing.T) {
	for name, c := range map[string]struct {
		left   time.Duration
		reused bool
	}{"25 h": {25 * time.Hour, true}, "23 h": {23 * time.Hour, false}, "expired": {-time.Hour, false}} {
		coll := newCollection(t)
		store := tandem.MemoryIdentityStore()
		label := anonymousLabel(coll.Database())
		old := newIdentity(t, "old", expires(c.left))
		check(t, store.Save(label, old, nil))
		l := serve(t, tandem.URLEndpointListenerConfiguration{
			Collections: []*tandem.Collection{coll}, IdentityStore: store,
		})
		used := l.TLSIdentity().Fingerprint()
		if reused := used == old.Fingerprint(); reused != c.reused {
			t.Errorf("%s: reused is %v", name, reused)
		}
		kept, err := tandem.GetIdentity(store, label)
		check(t, err)
		if kept.Fingerprint() != used {
			t.Errorf("%s: another one is kept than used", name)
		}
	}
}

// The renewed identity of a listener is still the one that peers have pinned or known.
func TestAPinOfTheAnonymousIdentityOutlivesItsRenewal(t *testing.T) {
	for name, trust := range map[string]func(old *tandem.TLSIdentity) configureReplicator{
		"certificate": func(old *tandem.TLSIdentity) configureReplicator {
			return func(c *tandem.ReplicatorConfiguration) { c.PinnedServerCertificate = old.Leaf().Raw }
		},
		"fingerprint": func(old *tandem.TLSIdentity) configureReplicator {
			return func(c *tandem.ReplicatorConfiguration) { c.PinnedServerFingerprint = old.Fingerprint() }
		},
		"trust on first use": func(*tandem.TLSIdentity) configureReplicator {
			met := 0
			return func(c *tandem.ReplicatorConfiguration) {
				c.TrustOnFirstUse = func(*x509.Certificate) bool { met++; return met == 1 }
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			coll, client := newCollection(t), newCollection(t)
			store := tandem.MemoryIdentityStore()
			old := newIdentity(t, "old", expires(23*time.Hour))
			l := serve(t, tandem.URLEndpointListenerConfiguration{Collections: []*tandem.Collection{coll}, TLSIdentity: old})
			port, configure := l.Port(), trust(old)
			_, err := attemptWith(t, client, l.URLs()[0], configure)
			check(t, err)
			l.Stop()

			check(t, store.Save(anonymousLabel(coll.Database()), old, nil))
			l = serve(t, tandem.URLEndpointListenerConfiguration{
				Collections: []*tandem.Collection{coll}, IdentityStore: store, Port: port,
			})
			if l.TLSIdentity().Fingerprint() == old.Fingerprint() {
				t.Fatal("the identity is not renewed")
			}
			_, err = attemptWith(t, client, l.URLs()[0], configure)
			check(t, err)
		})
	}
}

// and while the listener runs.
func TestARunningListenerRenewsItsAnonymousIdentity(t *testing.T) {
	coll := newCollection(t)
	store := tandem.MemoryIdentityStore()
	old := newIdentity(t, "old", expires(24*time.Hour+1500*time.Millisecond))
	check(t, store.Save(anonymousLabel(coll.Database()), old, nil))
	l := serve(t, tandem.URLEndpointListenerConfiguration{Collections: []*tandem.Collection{coll}, IdentityStore: store})
	port := l.Port()
	eventually(t, func() bool { return l.TLSIdentity().Fingerprint() != old.Fingerprint() })
	if got := tandem.Fingerprint(presented(t, l)[0]); got != l.TLSIdentity().Fingerprint() {
		t.Error("clients see another certificate")
	}
	if l.Port() != port {
		t.Error("the port has changed")
	}
}

// T-13, T-16, T-17, T-23, X-20, R-08, R-09, R-10
func TestTrustInACertificateThatWasIssued(t *testing.T) {
	ca, other := newAuthority(t, "our CA"), newAuthority(t, "another CA")
	server := newIdentity(t, "server", issuedBy(ca), usage(tandem.ServerUsage))
	elsewhere, err := tandem.CreateIdentity(nil, tandem.TLSIdentityOptions{
		CommonName: "x", DNSNames: []string{"elsewhere.example"}, Issuer: ca,
	})
	check(t, err)
	wrongPin := func(c *tandem.ReplicatorConfiguration) {
		selfSigned(c)
		c.PinnedServerCertificate = other.Leaf().Raw
	}
	fingerprint := func(text string) configureReplicator {
		return func(c *tandem.ReplicatorConfiguration) { c.PinnedServerFingerprint = text }
	}
	for name, c := range map[string]struct {
		id        *tandem.TLSIdentity
		configure configureReplicator
		want      error // nil if it is trusted
	}{
		"its root":             {server, roots(ca), nil},
		"another root":         {server, roots(other), tandem.ErrCertUnknownRoot},
		"the system's roots":   {server, func(*tandem.ReplicatorConfiguration) {}, tandem.ErrCertUnknownRoot},
		"self-signed only":     {server, selfSigned, tandem.ErrCertUntrusted},
		"another name":         {elsewhere, roots(ca), tandem.ErrCertNameMismatch},
		"leaf pinned":          {server, pinned(server.Leaf().Raw), nil},
		"root pinned":          {server, pinned(ca.Leaf().Raw), nil},
		"another name, pinned": {elsewhere, pinned(elsewhere.Leaf().Raw), nil},
		"wrong pin":            {server, wrongPin, tandem.ErrCertUnknownRoot},
		"fingerprint":          {server, fingerprint(server.Fingerprint()), nil},
		"wrong fingerprint":    {server, fingerprint(other.Fingerprint()), tandem.ErrCertUnknownRoot},
		"fingerprint of root":  {server, fingerprint(ca.Fingerprint()), tandem.ErrCertUnknownRoot},
	} {
		l, theirs := share(t, withIdentity(c.id))
		r, err := attempt(t, l.URLs()[0], c.configure)
		if c.want == nil {
			wantSynced(t, name, theirs, err)
		} else {
			wantRefused(t, name, theirs, err, c.want)
			if r.Status().Activity != tandem.Stopped {
				t.Errorf("%s: the replicator goes on: %v", name, r.Status().Activity)
			}
		}
		if got := r.ServerCertificate(); !got.Equal(c.id.Leaf()) {
			t.Errorf("%s: the server's certificate is not given", name)
		}
		if got := l.TLSIdentity().Fingerprint(); got != c.id.Fingerprint() {
			t.Errorf("%s: the listener uses %s", name, got)
		}
	}
}

// R-11, and a fingerprint in any form in which people write it.
func TestPinsAreTakenInEveryForm(t *testing.T) {
	l, _ := share(t)
	leaf := l.TLSIdentity().Leaf()
	encoded := base64.StdEncoding.EncodeToString(leaf.Raw)
	for name, pin := range map[string][]byte{
		"DER": leaf.Raw, "PEM": l.TLSIdentity().CertificatesPEM(), "Base64": []byte(encoded),
		"Base64 in lines": []byte(encoded[:64] + "\n" + encoded[64:] + "\n"),
	} {
		if _, err := attempt(t, l.URLs()[0], pinned(pin)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	colons := tandem.Fingerprint(leaf)
	plain := strings.ToLower(strings.ReplaceAll(colons, ":", ""))
	if _, err := hex.DecodeString(plain); err != nil || len(plain) != 64 {
		t.Errorf("the fingerprint is %s", colons)
	}
	for _, text := range []string{colons, plain, "SHA256:" + colons, "sha256 Fingerprint=" + colons, " " + colons + "\n"} {
		_, err := attempt(t, l.URLs()[0], func(c *tandem.ReplicatorConfiguration) { c.PinnedServerFingerprint = text })
		if err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
	for name, configure := range map[string]configureReplicator{
		"text": pinned([]byte("no certificate")), "truncated": pinned(leaf.Raw[:100]),
		"short fingerprint": func(c *tandem.ReplicatorConfiguration) { c.PinnedServerFingerprint = "AB:CD" },
	} {
		cfg := tandem.ReplicatorConfiguration{}
		cfg.Endpoint, _ = tandem.NewURLEndpoint(l.URLs()[0])
		cfg.AddCollection(newCollection(t))
		configure(&cfg)
		_, err := tandem.NewReplicator(cfg)
		wantError(t, name, err, tandem.ErrInvalid)
	}
}

//
func TestWithoutTLSThereIsNoServerCertificate(t *testing.T) {
	l, theirs := share(t, clearText)
	r, err := attempt(t, l.URLs()[0])
	wantSynced(t, "ws", theirs, err)
	if r.ServerCertificate() != nil {
		t.Error("there is a certificate")
	}
}

// T-18, and the codes of certificates that no listener of ours would use.
func TestBadServersAreRefused(t *testing.T) {
	good := newIdentity(t, "good").TLSCertificate()
	old := newIdentity(t, "old", expires(-time.Hour))
	early := future(t)
	for name, c := range map[string]struct {
		server *tls.Config
		trust  configureReplicator
		want   error
	}{
		"TLS 1.1": {
			&tls.Config{Certificates: []tls.Certificate{good}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, //nolint:gosec // what is refused
			selfSigned, tandem.ErrTLSHandshake,
		},
		"expired":           {configOf(old), selfSigned, tandem.ErrCertExpired},
		"expired, by root":  {configOf(old), roots(old), tandem.ErrCertExpired},
		"not valid yet":     {configOf(early), selfSigned, tandem.ErrCertExpired},
		"expired, unknown":  {configOf(old), func(*tandem.ReplicatorConfiguration) {}, tandem.ErrCertUnknownRoot},
		"for clients alone": {configOf(newIdentity(t, "c", usage(tandem.ClientUsage))), func(*tandem.ReplicatorConfiguration) {}, tandem.ErrCertUnknownRoot},
	} {
		_, err := attempt(t, tlsServer(t, c.server), c.trust)
		wantError(t, name, err, c.want)
	}
	client := newIdentity(t, "client", usage(tandem.ClientUsage))
	_, err := attempt(t, tlsServer(t, configOf(client)), roots(client))
	wantError(t, "for clients alone, by root", err, tandem.ErrCertUntrusted)
}

func configOf(id *tandem.TLSIdentity) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{id.TLSCertificate()}, MinVersion: tls.VersionTLS12}
}

// ws to a port with TLS, wss to one without, and noise; the listener goes on.
func TestTheWrongProtocolDisturbsNobody(t *testing.T) {
	secure, _ := share(t)
	clear, _ := share(t, clearText)
	for _, url := range []string{
		strings.Replace(secure.URLs()[0], "wss:", "ws:", 1), strings.Replace(clear.URLs()[0], "ws:", "wss:", 1),
	} {
		if _, err := attempt(t, url, selfSigned); err == nil {
			t.Errorf("%s connects", url)
		}
	}
	for _, l := range []*tandem.URLEndpointListener{secure, clear} {
		conn, err := net.Dial("tcp", hostPort(l))
		check(t, err)
		_, _ = conn.Write(bytes.Repeat([]byte{0x16, 3, 1, 0xff}, 1000))
		_ = conn.(*net.TCPConn).CloseWrite()
		_, _ = io.Copy(io.Discard, conn)
		_ = conn.Close()
		if _, err := attempt(t, l.URLs()[0], selfSigned); err != nil {
			t.Errorf("the listener does not go on: %v", err)
		}
		eventually(t, func() bool { return l.Status().ConnectionCount == 0 })
	}
}

// I-30: another identity without another port, and without losing those who are connected.
func TestTheIdentityOfARunningListenerIsReplaced(t *testing.T) {
	l, theirs := share(t)
	port := l.Port()
	ours := newCollection(t)
	r := replicator(t, l.URLs()[0], ours, func(c *tandem.ReplicatorConfiguration) { c.Continuous = true })
	check(t, r.Start())
	check(t, r.Wait(t.Context()))
	next := newIdentity(t, "next")
	check(t, l.SetTLSIdentity(next))
	if got := presented(t, l)[0]; !got.Equal(next.Leaf()) {
		t.Error("new clients see the old certificate")
	}
	if got := l.TLSIdentity().Fingerprint(); got != next.Fingerprint() || l.Port() != port {
		t.Errorf("identity %s on port %d, want %s on %d", got, l.Port(), next.Fingerprint(), port)
	}
	put(t, ours, "later", `{}`)
	eventually(t, func() bool { _, err := theirs.Document(t.Context(), "later"); return err == nil })
	if got := r.ServerCertificate(); got.Equal(next.Leaf()) {
		t.Error("the replicator had to connect again")
	}
}

// Expired, early, for another use: a listener takes none of them, at any time.
func TestListenersRefuseIdentitiesThatCannotServe(t *testing.T) {
	running, _ := share(t)
	before := running.TLSIdentity().Fingerprint()
	for name, c := range map[string]struct {
		id   *tandem.TLSIdentity
		want error
	}{
		"expired":           {newIdentity(t, "x", expires(-time.Minute)), tandem.ErrCertExpired},
		"not valid yet":     {future(t), tandem.ErrCertExpired},
		"for clients alone": {newIdentity(t, "x", usage(tandem.ClientUsage)), tandem.ErrCrypto},
		"for issuing alone": {newAuthority(t, "x"), nil}, // it names no use in particular
		"none":              {nil, tandem.ErrInvalid},
	} {
		if c.want == nil {
			continue
		}
		wantError(t, name, running.SetTLSIdentity(c.id), c.want)
		if c.id == nil {
			continue
		}
		l, err := tandem.NewURLEndpointListener(tandem.URLEndpointListenerConfiguration{
			Collections: []*tandem.Collection{newCollection(t)}, NetworkInterface: "127.0.0.1", TLSIdentity: c.id,
		})
		check(t, err)
		wantError(t, "start: "+name, l.Start(), c.want)
		if l.Port() != 0 || l.URLs() != nil || l.TLSIdentity() != nil {
			t.Errorf("%s: something is left of the start", name)
		}
	}
	if got := running.TLSIdentity().Fingerprint(); got != before {
		t.Error("the identity was replaced")
	}
	stopped, _ := share(t)
	stopped.Stop()
	wantError(t, "stopped", stopped.SetTLSIdentity(newIdentity(t, "x")), tandem.ErrNotOpen)
	clear, _ := share(t, clearText)
	wantError(t, "clear text", clear.SetTLSIdentity(newIdentity(t, "x")), tandem.ErrInvalid)
}

// I-30
func TestAListenerWarnsOfExpiry(t *testing.T) {
	for name, c := range map[string]struct {
		left time.Duration
		want string
	}{"10 days": {10*24*time.Hour + time.Hour, "expires in 10 days"}, "a year": {365 * 24 * time.Hour, ""}} {
		var log logbook
		id := newIdentity(t, "till", expires(c.left))
		l, _ := share(t, withIdentity(id), func(cfg *tandem.URLEndpointListenerConfiguration) { cfg.Logger = log.logger() })
		warned := strings.Contains(log.String(), "level=WARN")
		if warned != (c.want != "") || !strings.Contains(log.String(), c.want) {
			t.Errorf("%s: the log says %q, want %q", name, log.String(), c.want)
		}
		if warned && !strings.Contains(log.String(), id.Fingerprint()) {
			t.Error("it does not say which certificate")
		}
		check(t, l.SetTLSIdentity(newIdentity(t, "till", expires(time.Hour+time.Minute))))
		if !strings.Contains(log.String(), "expires in 1 hour,") {
			t.Errorf("%s: nothing is said of the new identity: %q", name, log.String())
		}
	}
}

// T-13, A-10: the roots of the system are those of a process of its own. They convince a
// replicator that was told nothing else, and never a listener that has a list.
func TestTheRootsOfTheSystemAreTrusted(t *testing.T) {
	if file := os.Getenv(roleVariable); file != "" {
		checkSystemRoots(t, file)
		fmt.Print("result: done\n")
		return
	}
	if runtime.GOOS != "linux" {
		t.Skip("only on Linux can a test choose the roots of the system")
	}
	public := newAuthority(t, "a public CA")
	dir := t.TempDir()
	all, err := public.ExportPEM("")
	check(t, err)
	check(t, os.WriteFile(filepath.Join(dir, "ca.pem"), public.CertificatesPEM(), 0o600))
	check(t, os.WriteFile(filepath.Join(dir, "all.pem"), all, 0o600))
	output(t, process(t, filepath.Join(dir, "all.pem"), "SSL_CERT_FILE="+filepath.Join(dir, "ca.pem"), "SSL_CERT_DIR="+dir+"/none"))
}

func checkSystemRoots(t *testing.T, file string) {
	data, err := os.ReadFile(file)
	check(t, err)
	public, err := tandem.IdentityFromPEM(data, "")
	check(t, err)
	l, theirs := share(t, withIdentity(newIdentity(t, "server", issuedBy(public))))
	_, err = attempt(t, l.URLs()[0])
	wantSynced(t, "a server with a certificate of a public CA", theirs, err)

	own := newAuthority(t, "our own CA")
	l, theirs = share(t, withAuthenticator(tandem.ListenerRootsAuthenticator(own.Certificates())))
	client := newIdentity(t, "client", issuedBy(public))
	_, err = attempt(t, l.URLs()[0], selfSigned, as(tandem.ClientCertificateAuthenticator{Identity: client}))
	wantRefused(t, "a client with a certificate of a public CA", theirs, err, tandem.ErrCertRejected, tandem.ErrTLSHandshake)
}
