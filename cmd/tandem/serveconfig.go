package main

import (
	"context"
	"os"
	"strings"

	"github.com/tandemdb/tandem"
)

// configuration returns the configuration of the listener. reload reads the files named by flags
// again.
func (f *serveFlags) configuration(ctx context.Context, a *app, db *tandem.Database) (
	cfg tandem.URLEndpointListenerConfiguration, reload func(*tandem.URLEndpointListener) error, err error,
) {
	cfg = tandem.URLEndpointListenerConfiguration{
		Port:             f.port,
		NetworkInterface: f.networkAddress,
		DisableTLS:       f.noTLS,
		AllowedOrigins:   f.allowedOrigins,
		ReadOnly:         f.readOnly,
		EnableDeltaSync:  f.delta,
		MaxConnections:   f.maxConnections,
		Advertise:        f.advertisedName(db),
		Logger:           a.logger(),
	}
	if f.maxConnections < 0 {
		return cfg, nil, usage("--max-connections cannot be negative")
	}
	if cfg.Collections, err = chooseCollections(ctx, db, f.collections, findCollection); err != nil {
		return cfg, nil, err
	}
	if cfg.TLSIdentity, err = loadIdentity(f.identity); err != nil {
		return cfg, nil, err
	}
	if !f.noTLS && f.identity == "" {
		if cfg.IdentityStore, err = identityStore(); err != nil {
			return cfg, nil, err
		}
	}
	auth, reloadUsers, err := f.authenticator(a)
	cfg.Authenticator = auth
	return cfg, func(l *tandem.URLEndpointListener) error { //nolint:contextcheck // as listener.Start
		if err := reloadUsers(); err != nil || f.identity == "" {
			return err
		}
		id, err := loadIdentity(f.identity)
		if err != nil {
			return err
		}
		return l.SetTLSIdentity(id)
	}, err
}

// advertisedName returns the name to advertise, or "".
func (f *serveFlags) advertisedName(db *tandem.Database) string {
	if !f.advertise || f.name != "" {
		return f.name
	}
	name := db.Name()
	if host, err := os.Hostname(); err == nil {
		name += "@" + host
	}
	return strings.ToValidUTF8(name[:min(len(name), 63)], "")
}

// authenticator returns the authenticator, nil to accept everybody, and a function that reads the
// users again.
func (f *serveFlags) authenticator(a *app) (*tandem.ListenerAuthenticator, func() error, error) {
	nothing := func() error { return nil }
	switch {
	case f.usersFile != "":
		return usersAuthenticator(f.usersFile)
	case f.clientCA != "":
		roots, err := readCertificates(f.clientCA)
		return tandem.ListenerRootsAuthenticator(roots), nothing, err
	}
	user, password, err := f.login.login(a)
	if err != nil || user == "" {
		return nil, nothing, err
	}
	return tandem.StaticPassword(user, password), nothing, nil
}

// chooseCollections returns the named collections, or all collections of the database.
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
