package couchbaselite

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/tandemdb/tandem"
)

// side is who listens.
type side string

const (
	library side = "library"
	command side = "tandem serve"
)

// peer is Tandem: a database that is open in this process, and a listener of it, in this process
// or in one of its own.
type peer struct {
	side side
	tls  bool
	path string
	db   *tandem.Database
	docs *tandem.Collection

	// The following may be set before listen.
	user, password string
	readOnly       bool
	shares         *tandem.Collection // nil for the default collection
	identity       *tandem.TLSIdentity

	port     int
	listener *tandem.URLEndpointListener
	process  *exec.Cmd
}

func newPeer(t testing.TB, who side, withTLS bool, versioning tandem.Versioning) *peer {
	t.Helper()
	p := &peer{side: who, tls: withTLS, path: filepath.Join(t.TempDir(), "shop")}
	var err error
	p.db, err = tandem.Open(t.Context(), p.path, tandem.Options{Versioning: versioning})
	check(t, err)
	p.docs, err = p.db.DefaultCollection(t.Context())
	check(t, err)
	t.Cleanup(func() {
		p.stop()
		check(t, p.db.Close())
	})
	return p
}

// listen starts to listen, on the port of before if there was one.
func (p *peer) listen(t testing.TB) {
	t.Helper()
	if p.side == library {
		p.listenHere(t)
	} else {
		p.serve(t)
	}
}

func (p *peer) listenHere(t testing.TB) {
	t.Helper()
	cfg := tandem.URLEndpointListenerConfiguration{
		Collections: []*tandem.Collection{cmp.Or(p.shares, p.docs)}, NetworkInterface: "127.0.0.1", Port: uint16(p.port),
		DisableTLS: !p.tls, ReadOnly: p.readOnly, TLSIdentity: p.identity, IdentityStore: tandem.MemoryIdentityStore(),
	}
	if p.user != "" {
		cfg.Authenticator = tandem.StaticPassword(p.user, p.password)
	}
	var err error
	p.listener, err = tandem.NewURLEndpointListener(cfg)
	check(t, err)
	check(t, p.listener.Start())
	p.port, err = portOf(p.listener.URLs()[0])
	check(t, err)
}

func (p *peer) serve(t testing.TB) {
	t.Helper()
	arguments := []string{"serve", p.path, "--interface", "127.0.0.1", "--port", strconv.Itoa(p.port)}
	if !p.tls {
		arguments = append(arguments, "--no-tls")
	}
	if p.shares != nil {
		arguments = append(arguments, "--collection", p.shares.FullName())
	}
	if p.readOnly {
		arguments = append(arguments, "--read-only")
	}
	p.process = exec.CommandContext(context.Background(), filepath.Join(*buildFolder, "tandem"), arguments...) //nolint:gosec // the test's own
	p.process.Env = append(os.Environ(), tandem.IdentityFolderVariable+"="+filepath.Join(filepath.Dir(p.path), "identities"))
	if p.user != "" {
		file := filepath.Join(filepath.Dir(p.path), "password")
		check(t, os.WriteFile(file, []byte(p.password), 0o600))
		p.process.Args = append(p.process.Args, "--user", p.user, "--password-file", file)
	}
	output, err := p.process.StdoutPipe()
	check(t, err)
	p.process.Stderr = &logWriter{t}
	check(t, p.process.Start())
	line, err := bufio.NewReader(output).ReadString('\n')
	check(t, err)
	url, ok := strings.CutPrefix(strings.TrimSpace(line), "listening ")
	if !ok {
		t.Fatalf("tandem serve: got %q, want its URL", line)
	}
	p.port, err = portOf(url)
	check(t, err)
}

// logWriter writes what a process says to the test's log.
type logWriter struct{ t testing.TB }

func (w *logWriter) Write(text []byte) (int, error) {
	w.t.Logf("tandem serve: %s", text)
	return len(text), nil
}

// stop ends the listening as its user would.
func (p *peer) stop() {
	if p.listener != nil {
		p.listener.Stop()
	}
	if p.process != nil {
		_ = p.process.Process.Signal(os.Interrupt)
		_ = p.process.Wait() // its exit status is another test's
	}
	p.listener, p.process = nil, nil
}

// cut kills the process that listens. A listener in this process can only stop.
func (p *peer) cut() {
	if p.process == nil {
		p.stop()
		return
	}
	_ = p.process.Process.Kill()
	_ = p.process.Wait()
	p.process = nil
}

// address is where the peer listens.
func (p *peer) address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(p.port)) }

// url is the URL that the app connects to.
func (p *peer) url() string { return fmt.Sprintf("%s://%s/shop", scheme(p.tls), p.address()) }

// certificate is the one that the listener shows, as the driver takes it.
func (p *peer) certificate(t testing.TB) string {
	t.Helper()
	c, err := tls.Dial("tcp", p.address(), &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // to pin it
	check(t, err)
	defer func() { _ = c.Close() }()
	return base64.StdEncoding.EncodeToString(c.ConnectionState().PeerCertificates[0].Raw)
}

func portOf(url string) (int, error) {
	_, rest, _ := strings.Cut(url, "://")
	host, _, _ := strings.Cut(rest, "/")
	_, port, err := net.SplitHostPort(host)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(port)
}
