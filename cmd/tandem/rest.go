package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/rest"
)

// restHelp describes the HTTP port of serve.
const restHelp = "With --rest, programs also use the databases by HTTP, as those of Couchbase Edge Server: serve prints\n" +
	"`rest URL` when it is ready, docs/rest.md has the endpoints. Everybody has to log in, also on this\n" +
	"machine: as one of the users or, where there are none, as admin with a password that is made at each\n" +
	"start and ends with serve. It is in the file rest-login of the first database, for curl --netrc-file.\n" +
	"Users only read unless --rest-write is given. Beyond this machine the port needs TLS and users."

// restDefault is where --rest listens without an address.
const restDefault = "127.0.0.1:59840"

// unixPrefix begins the address of a Unix socket.
const unixPrefix = "unix:"

// restFlags are the flags of tandem serve about HTTP.
type restFlags struct {
	address  string
	write    bool
	hosts    []string
	insecure bool
	proxies  []string
	file     string
	page     bool
	static   string

	config *restConfig                        // from file, after databases
	https  atomic.Pointer[tandem.TLSIdentity] // of config, after secure
}

func (f *restFlags) add(c *cobra.Command) {
	flags := c.Flags()
	flags.StringVar(&f.address, "rest", "", "serve HTTP at this `host:port`; port 0 is a free one, and unix:PATH a socket (default "+restDefault+")")
	flags.Lookup("rest").NoOptDefVal = restDefault
	flags.BoolVar(&f.write, "rest-write", false, "let users change documents by HTTP, as far as their rights go")
	flags.StringArrayVar(&f.hosts, "rest-host", nil, "`name` of this machine that clients of HTTP use; repeatable")
	flags.BoolVar(&f.insecure, "rest-insecure", false, "serve HTTP beyond this machine without TLS; passwords can be read on the way")
	flags.StringArrayVar(&f.proxies, "rest-proxy", nil, "`address` or network of a reverse proxy to believe X-Forwarded-For of; repeatable")
	flags.StringVar(&f.file, "config", "", "`file` with the configuration of a Couchbase Edge Server, in place of databases and --rest")
	flags.BoolVar(&f.page, "page", false, "serve a page for people at /_tandem/ of the port of HTTP")
	flags.StringVar(&f.static, "rest-static", "", "serve the files of an app in a browser from `folder`, at /app/ of the port of HTTP")
	exclusive(c, "page", "rest-static")
	exclusive(c, "config", "rest")
	exclusive(c, "config", "rest-write")
	for _, other := range []string{"users-file", "user", "client-ca"} {
		exclusive(c, "config", other)
	}
	exclusive(c, "config", "collection")
	for _, needing := range []string{"rest-write", "rest-host", "rest-insecure", "rest-proxy", "page", "rest-static"} {
		before(c, func() error {
			if c.Flags().Changed(needing) && !f.on() {
				return usage("--%s needs --rest", needing)
			}
			return nil
		})
	}
}

// on reports whether HTTP is served.
func (f *restFlags) on() bool { return f.address != "" || f.file != "" }

// alone reports whether peers sync on the port of HTTP alone, as with an Edge Server.
func (f *restFlags) alone() bool { return f.config != nil }

// databases returns the databases to open. An address after --rest comes as an operand, since the flag
// needs no value.
func (f *restFlags) databases(args []string) (wanted []wantedDatabase, err error) {
	if f.file != "" {
		if len(args) > 0 {
			return nil, usage("--config names the databases: give no other")
		}
		if f.config, err = readRestConfig(f.file); err != nil {
			return nil, err
		}
		f.address, f.write = f.config.Interface, false
		return f.config.wanted()
	}
	for _, arg := range args {
		if f.address == restDefault && isAddress(arg) && !tandem.Exists(arg) {
			f.address = arg
			continue
		}
		wanted = append(wanted, wantedDatabase{path: arg, options: tandem.Options{MustExist: true}})
	}
	if len(wanted) == 0 {
		return nil, usage("tandem serve takes DB..., not 0 arguments")
	}
	return wanted, nil
}

func isAddress(text string) bool {
	_, port, err := net.SplitHostPort(text)
	return strings.HasPrefix(text, unixPrefix) || err == nil && strings.Trim(port, "0123456789") == "" && port != ""
}

// restServer is a running server of HTTP.
type restServer struct {
	handler *rest.Handler
	served  chan struct{} // closed when the server has ended
	err     error         // why it has ended by itself; read after served
	passing bool          // an admin was made for this run
	address string        // the file that is to have the URL, for tandem console; "" for none
	tidy    []func()
}

// startRest serves HTTP beside a listener, and says where.
func (a *app) startRest(
	ctx context.Context, dbs []*tandem.Database, f *serveFlags, listener *tandem.URLEndpointListener, who *logins,
) (*restServer, error) {
	s := new(restServer)
	url, err := a.prepareRest(ctx, s, dbs, f, listener, who)
	if err != nil {
		s.clean()
		return nil, err
	}
	if err := s.handler.StartReplications(ctx); err != nil {
		s.stop(ctx)
		return nil, err
	}
	s.noteAddress(url)
	fmt.Fprintln(a.out, "rest", url)
	if f.rest.page {
		fmt.Fprintln(a.out, "page", url+s.pagePath())
	}
	return s, a.out.Flush()
}

// noteAddress writes the URL beside the login of the admin, for tandem console. Without it there is a link at
// the start alone.
func (s *restServer) noteAddress(url string) {
	if s.address != "" && os.WriteFile(s.address, []byte(url+"\n"), 0o600) == nil {
		s.tidy = append(s.tidy, func() { _ = os.Remove(s.address) })
	}
}

// prepareRest opens the socket and makes the handler. It returns the address for clients.
func (a *app) prepareRest(
	ctx context.Context, s *restServer, dbs []*tandem.Database, f *serveFlags, listener *tandem.URLEndpointListener, who *logins,
) (url string, err error) {
	socket, err := f.rest.listen(ctx)
	if err != nil {
		return "", err
	}
	s.tidy = append(s.tidy, func() { _ = socket.Close() })
	cfg, err := a.restConfiguration(s, dbs, f, listener)
	if err != nil {
		return "", err
	}
	if err := a.restUsers(s, &cfg, dbs[0], who, socket.Addr()); err != nil {
		return "", err
	}
	secured, err := f.rest.secure(a, socket.Addr(), listener)
	if err != nil {
		return "", err
	}
	if s.handler, err = rest.NewHandler(cfg); err != nil {
		return "", err
	}
	s.serve(socket, secured)
	return f.rest.url(socket.Addr(), secured != nil, listener), nil
}

// pagePath is where people begin at the page: where the run has an admin of its own, a link logs in once.
func (s *restServer) pagePath() string {
	if path, err := s.handler.PageLink(adminName); err == nil && s.passing {
		return path
	}
	return "/_tandem/"
}

// serve answers requests until stop. Without cfg it speaks clear text.
func (s *restServer) serve(socket net.Listener, cfg *tls.Config) {
	s.served = make(chan struct{})
	go func() {
		defer close(s.served)
		s.err = s.handler.Serve(socket, cfg) // ends with stop
	}()
}

// restStopTime bounds the wait for answers under way.
const restStopTime = 10 * time.Second

// stop ends feeds and tasks, and waits for other answers for a while.
func (s *restServer) stop(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), restStopTime)
	defer cancel()
	_ = s.handler.Close(ctx)
	s.clean() // closes the socket, if answers take longer
	<-s.served
}

// leave tells load balancers to send new clients elsewhere.
func (s *restServer) leave() {
	if s != nil {
		s.handler.Leave()
	}
}

// ended returns a channel that is closed when the server has ended; nil without one.
func (s *restServer) ended() <-chan struct{} {
	if s == nil {
		return nil
	}
	return s.served
}

// failure returns why the server has ended by itself, nil while it runs.
func (s *restServer) failure() error {
	select {
	case <-s.ended():
		return s.err
	default:
		return nil
	}
}

func (s *restServer) clean() {
	for _, tidy := range s.tidy {
		tidy()
	}
}

// listen opens the socket.
func (f *restFlags) listen(ctx context.Context) (net.Listener, error) {
	network, address := "tcp", f.address
	if path, ok := strings.CutPrefix(f.address, unixPrefix); ok {
		network, address = "unix", path
		removeStale(path)
	} else if host, port, err := net.SplitHostPort(f.address); err != nil {
		return nil, usage("--rest %s: want host:port, :port or unix:PATH", f.address)
	} else if host == "" {
		address = net.JoinHostPort("127.0.0.1", port)
	}
	var config net.ListenConfig
	socket, err := config.Listen(ctx, network, address)
	if err != nil {
		return nil, withHint(fmt.Errorf("serve HTTP at %s: %w", f.address, err), "choose another address for --rest; port 0 is a free one")
	}
	if network == "unix" {
		err = os.Chmod(address, 0o600)
	}
	return socket, err
}

// removeStale removes the socket of a server that was killed. Nobody listens there.
func removeStale(path string) {
	info, err := os.Lstat(path)
	if err != nil || info.Mode().Type() != os.ModeSocket {
		return
	}
	if conn, err := net.Dial("unix", path); err == nil {
		_ = conn.Close()
		return
	}
	_ = os.Remove(path)
}

// isLocal reports whether an address can be reached from this machine alone.
func isLocal(addr net.Addr) bool {
	tcp, ok := addr.(*net.TCPAddr)
	return !ok || tcp.IP.IsLoopback()
}

// secure returns the TLS of an address that others reach, nil for clear text. Without a certificate it
// fails.
func (f *restFlags) secure(a *app, at net.Addr, listener *tandem.URLEndpointListener) (*tls.Config, error) {
	certificate := listener.TLSIdentity
	given := f.config != nil && f.config.HTTPS != nil
	if given {
		if err := f.reload(); err != nil {
			return nil, err
		}
		certificate = f.https.Load
	}
	switch {
	case isLocal(at) && !given:
		return nil, nil //nolint:nilnil // clear text
	case f.insecure && !given:
		a.note("warning: --rest-insecure: passwords and documents can be read on the way to %s", at)
		return nil, nil //nolint:nilnil // clear text
	case certificate() == nil:
		return nil, withHint(fmt.Errorf("serve HTTP at %s: there is no certificate for TLS, and others reach this address", at),
			"leave out --no-tls, give https in the configuration, or listen on 127.0.0.1")
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			id := certificate()
			if id == nil {
				return nil, errors.New("there is no certificate any more")
			}
			c := id.TLSCertificate()
			return &c, nil
		},
	}, nil
}

// reload reads the certificate of the configuration.
func (f *restFlags) reload() error {
	if f.config == nil || f.config.HTTPS == nil {
		return nil
	}
	id, err := f.config.identity()
	if err == nil {
		f.https.Store(id)
	}
	return err
}

// url returns the address for clients.
func (f *restFlags) url(addr net.Addr, secure bool, listener *tandem.URLEndpointListener) string {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok {
		return f.address
	}
	u := url.URL{Scheme: "http", Host: addr.String()}
	if secure {
		u.Scheme = "https"
	}
	if tcp.IP.IsUnspecified() {
		host := "localhost"
		if names := hostsOf(listener); len(names) > 0 {
			host = names[0]
		}
		u.Host = net.JoinHostPort(host, fmt.Sprint(tcp.Port))
	}
	return u.String()
}

// hostsOf returns the hosts of the URLs of a listener.
func hostsOf(listener *tandem.URLEndpointListener) (hosts []string) {
	for _, text := range listener.URLs() {
		if u, err := url.Parse(text); err == nil {
			hosts = append(hosts, u.Hostname())
		}
	}
	return hosts
}

// networks reads the flags --rest-proxy.
func (f *restFlags) networks() (all []netip.Prefix, err error) {
	for _, text := range f.proxies {
		network, err := netip.ParsePrefix(text)
		if err != nil {
			address, failed := netip.ParseAddr(text)
			if failed != nil {
				return nil, usage("--rest-proxy %s: want an IP address or a network such as 10.0.0.0/8", text)
			}
			network = netip.PrefixFrom(address, address.BitLen())
		}
		all = append(all, network)
	}
	return all, nil
}
