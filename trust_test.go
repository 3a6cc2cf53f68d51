package tandem_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/internal/store/storetest"
)

// newIdentity creates an identity for this machine's loopback address.
func newIdentity(t testing.TB, name string, configure ...func(*tandem.TLSIdentityOptions)) *tandem.TLSIdentity {
	t.Helper()
	o := tandem.TLSIdentityOptions{
		CommonName: name, DNSNames: []string{"localhost"},
		IPs: []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.IPv6Loopback()},
	}
	for _, c := range configure {
		c(&o)
	}
	id, err := tandem.CreateIdentity(nil, o)
	check(t, err)
	return id
}

func newAuthority(t testing.TB, name string) *tandem.TLSIdentity {
	return newIdentity(t, name, func(o *tandem.TLSIdentityOptions) { o.Usage = tandem.IssuerUsage })
}

func issuedBy(issuer *tandem.TLSIdentity) func(*tandem.TLSIdentityOptions) {
	return func(o *tandem.TLSIdentityOptions) { o.Issuer = issuer }
}

func usage(u tandem.TLSUsage) func(*tandem.TLSIdentityOptions) {
	return func(o *tandem.TLSIdentityOptions) { o.Usage = u }
}

func expires(in time.Duration) func(*tandem.TLSIdentityOptions) {
	return func(o *tandem.TLSIdentityOptions) { o.Expires, o.AllowPast = time.Now().Add(in), true }
}

// future is an identity that is valid in an hour.
func future(t testing.TB) *tandem.TLSIdentity {
	t.Helper()
	id := newIdentity(t, "early")
	key := id.TLSCertificate().PrivateKey
	template := *id.Leaf()
	template.NotBefore, template.NotAfter = time.Now().Add(time.Hour), time.Now().Add(2*time.Hour)
	der, err := x509.CreateCertificate(nil, &template, &template, id.Leaf().PublicKey, key)
	check(t, err)
	cert, err := x509.ParseCertificate(der)
	check(t, err)
	early, err := tandem.IdentityFromKeyAndCerts(signer(t, id), []*x509.Certificate{cert})
	check(t, err)
	return early
}

// share starts a listener with one document, "theirs", and returns it with its collection.
func share(t testing.TB, configure ...func(*tandem.URLEndpointListenerConfiguration),
) (*tandem.URLEndpointListener, *tandem.Collection) {
	t.Helper()
	coll := newCollection(t)
	put(t, coll, "theirs", `{"of":"the listener"}`)
	cfg := tandem.URLEndpointListenerConfiguration{Collections: []*tandem.Collection{coll}}
	for _, c := range configure {
		c(&cfg)
	}
	return serve(t, cfg), coll
}

func withIdentity(id *tandem.TLSIdentity) func(*tandem.URLEndpointListenerConfiguration) {
	return func(c *tandem.URLEndpointListenerConfiguration) { c.TLSIdentity = id }
}

func withAuthenticator(a *tandem.ListenerAuthenticator) func(*tandem.URLEndpointListenerConfiguration) {
	return func(c *tandem.URLEndpointListenerConfiguration) { c.Authenticator = a }
}

func clearText(c *tandem.URLEndpointListenerConfiguration) { c.DisableTLS = true }

type configureReplicator = func(*tandem.ReplicatorConfiguration)

func selfSigned(c *tandem.ReplicatorConfiguration) { c.AcceptOnlySelfSignedServerCertificate = true }

func roots(id *tandem.TLSIdentity) configureReplicator {
	return func(c *tandem.ReplicatorConfiguration) { c.TrustedRootCertificates = id.Certificates() }
}

func pinned(data []byte) configureReplicator {
	return func(c *tandem.ReplicatorConfiguration) { c.PinnedServerCertificate = data }
}

func as(a tandem.ReplicatorAuthenticator) configureReplicator {
	return func(c *tandem.ReplicatorConfiguration) { c.Authenticator = a }
}

// attempt replicates a new database that holds the document "ours" with url, once and with a
// single attempt, and returns the replicator and how it ended.
func attempt(t testing.TB, url string, configure ...configureReplicator) (*tandem.Replicator, error) {
	t.Helper()
	coll := newCollection(t)
	put(t, coll, "ours", `{"of":"the replicator"}`)
	return attemptWith(t, coll, url, configure...)
}

func attemptWith(t testing.TB, coll *tandem.Collection, url string, configure ...configureReplicator,
) (*tandem.Replicator, error) {
	t.Helper()
	endpoint, err := tandem.NewURLEndpoint(url)
	check(t, err)
	cfg := tandem.ReplicatorConfiguration{Endpoint: endpoint, MaxAttempts: 1}
	cfg.AddCollection(coll)
	for _, c := range configure {
		c(&cfg)
	}
	r, err := tandem.NewReplicator(cfg)
	check(t, err)
	t.Cleanup(r.Close)
	check(t, r.Start())
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	return r, r.Wait(ctx)
}

// wantSynced reports whether both documents are on the side of the listener.
func wantSynced(t testing.TB, what string, theirs *tandem.Collection, err error) {
	t.Helper()
	if err != nil {
		t.Errorf("%s: replication ended with %v", what, err)
		return
	}
	wantContents(t, theirs, map[string]string{"theirs": `{"of":"the listener"}`, "ours": `{"of":"the replicator"}`})
}

// wantRefused reports whether an attempt ended with one of the errors, and sent nothing.
func wantRefused(t testing.TB, what string, theirs *tandem.Collection, got error, want ...error) {
	t.Helper()
	ok := false
	for _, w := range want {
		ok = ok || errors.Is(got, w)
	}
	if !ok {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
	wantContents(t, theirs, map[string]string{"theirs": `{"of":"the listener"}`})
}

// logbook collects what is logged.
type logbook struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logbook) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logbook) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func (b *logbook) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(b, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// presented returns the chain that a listener shows.
func presented(t testing.TB, l *tandem.URLEndpointListener) []*x509.Certificate {
	t.Helper()
	conn, err := tls.Dial("tcp", hostPort(l), &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // it looks on
	check(t, err)
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates
}

func hostPort(l *tandem.URLEndpointListener) string {
	host := strings.SplitAfter(l.URLs()[0], "//")[1]
	host, _, _ = strings.Cut(host, "/")
	return host
}

// roleVariable tells a process of this test binary which part to play.
const roleVariable = "TANDEM_TEST_ROLE"

// process prepares another process that runs the same test in a role. It inherits what was set
// with t.Setenv.
func process(t testing.TB, role string, env ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(append(append(os.Environ(), storetest.Environment(t)...), roleVariable+"="+role), env...)
	return cmd
}

// output runs a process and returns what stands after "result: " in its output.
func output(t testing.TB, cmd *exec.Cmd) string {
	t.Helper()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, out)
	}
	_, result, found := strings.Cut(string(out), "result: ")
	if !found {
		t.Fatalf("no result in\n%s", out)
	}
	result, _, _ = strings.Cut(result, "\n")
	return result
}

func tlsServer(t testing.TB, cfg *tls.Config) (url string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	var serving sync.WaitGroup
	t.Cleanup(func() { _ = listener.Close(); serving.Wait() })
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer conn.Close()
				_ = conn.SetDeadline(time.Now().Add(patience))
				_ = tls.Server(conn, cfg).HandshakeContext(context.Background())
			})
		}
	})
	return "wss://" + listener.Addr().String() + "/db"
}
