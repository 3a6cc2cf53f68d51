package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/tandemdb/tandem"
)

// serveFlags are those of tandem serve.
type serveFlags struct {
	port           uint16
	networkAddress string
	collections    []string
	noTLS          bool
	login          loginFlags
	readOnly       bool
	delta          bool
	maxConnections int
	drain          bool
}

func newServe(a *app) *cobra.Command {
	var f serveFlags
	c := &cobra.Command{
		Use:   "serve DB",
		Short: "Let peers sync with a database",
		Long: "serve lets peers connect and sync with a database until it is stopped (Ctrl-C, SIGTERM). It\n" +
			"prints `listening URL` for each address under which it can be reached.\n\n" +
			"Connections use TLS. Without --identity the certificate is one that signs itself and stays\n" +
			"the same for the database; its fingerprint is shown.",
		Example: "  tandem serve travel --port 4984 --user u --password-file pw\n" +
			"  tandem serve travel --interface 127.0.0.1 --collection travel.airlines --read-only",
		Args: cobra.ExactArgs(1),
		RunE: a.do(func(ctx context.Context, args []string) error {
			return with(ctx, args[0], func(db *tandem.Database) error { return a.serve(ctx, db, &f) })
		}),
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
	f.login.add(c)
	flags.BoolVar(&f.readOnly, "read-only", false, "refuse changes from peers")
	flags.BoolVar(&f.delta, "delta", false, "send and take changes of documents as deltas")
	flags.IntVar(&f.maxConnections, "max-connections", 0, "most `peers` at once (default 1000)")
	flags.BoolVar(&f.drain, "drain", false, "at the end wait for peers that are replicating")
}

func (a *app) serve(ctx context.Context, db *tandem.Database, f *serveFlags) error {
	cfg, err := f.configuration(ctx, a, db)
	if err != nil {
		return err
	}
	listener, err := tandem.NewURLEndpointListener(cfg)
	if err != nil {
		return err
	}
	if err := listener.Start(); err != nil {
		return err
	}
	defer listener.Stop()
	if id := listener.TLSIdentity(); id != nil {
		a.note("fingerprint of the certificate: %s", id.Fingerprint())
	}
	for _, url := range listener.URLs() {
		fmt.Fprintln(a.out, "listening", url)
	}
	if err := a.out.Flush(); err != nil {
		return err
	}
	<-ctx.Done()
	return a.stopServing(listener, f.drain)
}

func (f *serveFlags) configuration(
	ctx context.Context, a *app, db *tandem.Database,
) (cfg tandem.URLEndpointListenerConfiguration, err error) {
	cfg = tandem.URLEndpointListenerConfiguration{
		Port:             f.port,
		NetworkInterface: f.networkAddress,
		DisableTLS:       f.noTLS,
		ReadOnly:         f.readOnly,
		EnableDeltaSync:  f.delta,
		MaxConnections:   f.maxConnections,
		Logger:           a.logger(),
	}
	if cfg.Collections, err = chooseCollections(ctx, db, f.collections, findCollection); err != nil {
		return cfg, err
	}
	cfg.Authenticator, err = f.authenticator(a)
	return cfg, err
}

// chooseCollections returns the named collections, or all of the database if none is named.
func chooseCollections(
	ctx context.Context, db *tandem.Database, names []string,
	find func(context.Context, *tandem.Database, string) (*tandem.Collection, error),
) ([]*tandem.Collection, error) {
	if len(names) == 0 {
		return db.Collections(ctx)
	}
	chosen := make([]*tandem.Collection, len(names))
	for i, name := range names {
		var err error
		if chosen[i], err = find(ctx, db, name); err != nil {
			return nil, err
		}
	}
	return chosen, nil
}

func (f *serveFlags) authenticator(a *app) (*tandem.ListenerAuthenticator, error) {
	user, password, err := f.login.login(a)
	if err != nil || user == "" {
		return nil, err
	}
	return tandem.StaticPassword(user, password), nil
}

// stopServing stops the listener; with drain it first waits for those that are replicating. A
// second signal ends the process meanwhile.
func (a *app) stopServing(listener *tandem.URLEndpointListener, drain bool) error {
	if !drain {
		return nil // the caller stops it
	}
	if active := listener.Status().ActiveConnectionCount; active > 0 {
		a.note("waiting for %s", count(active, "peer"))
	}
	return listener.StopWhenIdle(context.Background())
}
