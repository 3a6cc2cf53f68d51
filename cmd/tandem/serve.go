package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/tandemdb/tandem"
)

// serveFlags are the flags of tandem serve.
type serveFlags struct {
	port           uint16
	networkAddress string
	collections    []string
	noTLS          bool
	identity       string
	login          loginFlags
	usersFile      string
	clientCA       string
	allowedOrigins []string
	readOnly       bool
	delta          bool
	advertise      bool
	name           string
	maxConnections int
	metrics        string
	drain          bool
	rest           restFlags
	mesh           serveMeshFlags
	leaving        atomic.Bool // serve is at its end
}

func newServe(a *app) *cobra.Command {
	var f serveFlags
	c := &cobra.Command{
		Use:   "serve DB...",
		Short: "Let peers sync with databases, and programs use them by HTTP",
		Long: "serve lets peers connect and sync with databases until it is stopped (Ctrl-C, SIGTERM). It\n" +
			"prints `listening URL` for each address under which peers can reach it, and then a line for\n" +
			"each peer that connects, leaves or is refused. Peers reach several databases at one port.\n\n" +
			"Connections use TLS. Without --identity, serve uses a self-signed certificate that stays the\n" +
			"same for the database; it prints the certificate's fingerprint. SIGHUP makes serve read the\n" +
			"identity again.\n\n" +
			"Without --user, --users-file or --client-ca, serve accepts every peer.\n\n" + usersHelp + "\n\n" + restHelp,
		Example: "  tandem serve travel --port 4984 --user u --password-file pw\n" +
			"  tandem serve travel --interface 127.0.0.1 --collection travel.airlines --read-only\n" +
			"  tandem serve travel --users-file users --advertise\n" +
			"  tandem serve travel shop --users-file users --rest --rest-write\n" +
			"  tandem serve travel --rest --page --mesh",
		Args: cobra.ArbitraryArgs,
		RunE: a.do(func(ctx context.Context, args []string) error { return a.serveAll(ctx, args, &f) }),
	}
	f.add(c)
	return c
}

func (f *serveFlags) add(c *cobra.Command) {
	flags := c.Flags()
	flags.Uint16Var(&f.port, "port", 0, "TCP `port`; 0 chooses a free one")
	flags.StringVar(&f.networkAddress, "interface", "", "IP `address` or name of the network interface (default all)")
	flags.StringArrayVar(&f.collections, "collection", nil, "`scope.collection` to share; repeatable (default all)")
	flags.BoolVar(&f.noTLS, "no-tls", false, "speak clear text; for tests only")
	flags.StringVar(&f.identity, "identity", "", "`label` of the TLS identity (see tandem identity)")
	f.login.add(c)
	flags.StringVar(&f.usersFile, "users-file", "", "`file` of users and the hashes of their passwords")
	flags.StringVar(&f.clientCA, "client-ca", "", "let in peers with a certificate of one of the roots in this PEM `file`")
	flags.StringArrayVar(&f.allowedOrigins, "allow-origin", nil,
		"`origin` whose pages may sync in a browser, such as https://app.example.com; repeatable")
	flags.BoolVar(&f.readOnly, "read-only", false, "refuse changes from peers")
	flags.BoolVar(&f.delta, "delta", false, "send and take changes of documents as deltas")
	flags.BoolVar(&f.advertise, "advertise", false, "let peers on the local network find this one (tandem discover)")
	flags.StringVar(&f.name, "name", "", "`name` to advertise (default database@host)")
	flags.IntVar(&f.maxConnections, "max-connections", 0, "most `peers` at once (default 1000)")
	flags.StringVar(&f.metrics, "metrics", "", "answer Prometheus, and load balancers at /_ready, at this `host:port`; without a host on this machine only")
	flags.BoolVar(&f.drain, "drain", false, "at the end wait for peers that are replicating")
	f.rest.add(c)
	f.mesh.add(c)
	before(c, func() error { return checkCollections(f.collections...) })
	exclusive(c, "user", "users-file", "client-ca")
	exclusive(c, "no-tls", "identity")
	exclusive(c, "no-tls", "client-ca")
}

// serveAll opens the databases of the command line, or of the configuration file, and serves them.
func (a *app) serveAll(ctx context.Context, args []string, f *serveFlags) error {
	defer runtime.KeepAlive(roomForGarbage())
	wanted, err := f.rest.databases(args)
	if err != nil {
		return err
	}
	if f.rest.on() {
		a.keepLog()
	}
	if c := f.rest.config; c != nil && c.Users != "" {
		f.usersFile = c.in(c.Users)
	}
	return a.withAll(ctx, wanted, func(dbs []*tandem.Database) error { return a.serve(ctx, dbs, f) })
}

func (a *app) serve(ctx context.Context, dbs []*tandem.Database, f *serveFlags) error {
	if f.rest.config != nil {
		if err := f.rest.config.createCollections(ctx, dbs); err != nil {
			return err
		}
	}
	cfg, who, err := f.configuration(ctx, a, dbs)
	if err != nil {
		return err
	}
	listener, err := tandem.NewURLEndpointListener(cfg)
	if err != nil {
		return invalidSetting(err)
	}
	defer listener.AddClientListener(a.showPeer).Remove()
	if err := listener.Start(); err != nil {
		return err
	}
	defer listener.Stop()
	if f.metrics != "" {
		url, stop, err := serveMetrics(ctx, f.metrics, metrics{listener, dbs, &f.leaving})
		if err != nil {
			return err
		}
		defer stop()
		a.note("metrics at %s", url)
	}
	if cfg.Authenticator == nil && !cfg.DisablePort {
		a.warnOpen(f.readOnly)
	}
	if err := a.announce(listener); err != nil {
		return err
	}
	stop, err := f.mesh.start(ctx, a, dbs, f.networkAddress)
	defer stop()
	if err != nil {
		return err
	}
	var server *restServer
	if f.rest.on() {
		if server, err = a.startRest(ctx, dbs, f, listener, who); err != nil {
			return err
		}
		defer server.stop(ctx)
		who.changed = server.handler.SetUsers
	}
	again := func() error { return f.reload(listener, who) }
	a.awaitStop(ctx, listener, server.ended(), again)
	if err := errors.Join(listener.Err(), server.failure()); err != nil {
		return err
	}
	f.leaving.Store(true)
	server.leave()
	return a.stopServing(ctx, listener, f.drain)
}

// announce prints the listener's URLs and its certificate's fingerprint.
func (a *app) announce(listener *tandem.URLEndpointListener) error {
	if id := listener.TLSIdentity(); id != nil {
		a.note("fingerprint of the certificate: %s", id.Fingerprint())
		a.warnExpiry(id)
	}
	if name := listener.AdvertisedName(); name != "" {
		a.note("advertised as %q", name)
	}
	for _, url := range listener.URLs() {
		fmt.Fprintln(a.out, "listening", url)
	}
	return a.out.Flush()
}

// warnOpen warns about a listener that accepts everybody.
func (a *app) warnOpen(readOnly bool) {
	may := ", and may change documents"
	if readOnly {
		may = ""
	}
	a.note("warning: everybody who reaches the port is let in%s; choose whom with --user, --users-file or --client-ca", may)
}

// warnExpiry warns about an identity that expires soon.
func (a *app) warnExpiry(id *tandem.TLSIdentity) {
	if warning := id.Warning(time.Now()); warning != "" {
		a.note("warning: the certificate %s", warning)
	}
}

// awaitStop waits until ctx, the listener or the server of HTTP ends, and calls reload at each SIGHUP.
func (a *app) awaitStop(ctx context.Context, listener *tandem.URLEndpointListener, ended <-chan struct{}, reload func() error) {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	for {
		select {
		case <-ctx.Done():
			return
		case <-listener.Done():
			return
		case <-ended:
			return
		case <-hangups:
			if err := reload(); err != nil {
				a.note("not read again: %v", err)
				continue
			}
			a.note("identity and users were read again")
		}
	}
}

// stopServing stops the listener; with drain it first waits for replicating peers. A second signal
// ends the process meanwhile.
func (a *app) stopServing(ctx context.Context, listener *tandem.URLEndpointListener, drain bool) error {
	if !drain {
		return nil // the caller stops it
	}
	if active := listener.Status().ActiveConnectionCount; active > 0 {
		a.note("waiting for %s", count(active, "peer"))
	}
	return listener.StopWhenIdle(context.WithoutCancel(ctx))
}
