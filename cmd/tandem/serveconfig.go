package main

import (
	"context"
	"errors"
	"os"
	"strings"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/rest"
)

// logins are those whom serve lets in.
type logins struct {
	file     *userFile // nil without a users file
	user     string    // of --user, or ""
	password string
	byCA     bool // peers show certificates

	changed func(*rest.Users) // called after the file was read again; may be nil
}

// reload reads the users file again. Peers whose user is gone, or has fewer rights, are disconnected.
func (l *logins) reload(listener *tandem.URLEndpointListener) error {
	if l.file == nil {
		return nil
	}
	before := l.file.current.Load()
	if err := l.file.reload(); err != nil {
		return err
	}
	now := l.file.current.Load()
	if l.changed != nil {
		l.changed(now)
	}
	for _, client := range listener.Clients() {
		if client.User != "" && !now.Keeps(before, client.User) {
			listener.Disconnect(client.ID)
		}
	}
	return nil
}

// configuration returns the configuration of the listener.
func (f *serveFlags) configuration(ctx context.Context, a *app, dbs []*tandem.Database) (
	cfg tandem.URLEndpointListenerConfiguration, who *logins, err error,
) {
	cfg = tandem.URLEndpointListenerConfiguration{
		Port:             f.port,
		NetworkInterface: f.networkAddress,
		DisableTLS:       f.noTLS,
		DisablePort:      f.rest.alone(),
		AllowedOrigins:   f.allowedOrigins,
		ReadOnly:         f.readOnly,
		EnableDeltaSync:  f.delta,
		MaxConnections:   f.maxConnections,
		Advertise:        f.advertisedName(dbs[0]),
		Logger:           a.logger(),
	}
	if f.maxConnections < 0 {
		return cfg, nil, usage("--max-connections cannot be negative")
	}
	if len(dbs) > 1 && len(f.collections) > 0 {
		return cfg, nil, usage("--collection does not say which of %d databases it is about", len(dbs))
	}
	for _, db := range dbs {
		chosen, err := chooseCollections(ctx, db, f.collections, findCollection)
		if err != nil {
			return cfg, nil, err
		}
		cfg.Collections = append(cfg.Collections, chosen...)
	}
	if c := f.rest.config; c != nil && c.CORS != nil {
		cfg.AllowedOrigins = append(cfg.AllowedOrigins, c.CORS.Origins...)
	}
	if cfg.TLSIdentity, err = loadIdentity(f.identity); err != nil {
		return cfg, nil, err
	}
	if !f.noTLS && f.identity == "" && !cfg.DisablePort {
		if cfg.IdentityStore, err = identityStore(); err != nil {
			return cfg, nil, err
		}
	}
	if cfg.Authenticator, who, err = f.authenticator(a); err == nil && who.file != nil {
		cfg.Access = who.file.access(f.rest.config.namesOf(dbs))
	}
	return cfg, who, err
}

// reload reads again the files that flags name.
func (f *serveFlags) reload(l *tandem.URLEndpointListener, who *logins) error {
	if err := errors.Join(who.reload(l), f.rest.reload()); err != nil || f.identity == "" {
		return err
	}
	id, err := loadIdentity(f.identity)
	if err != nil {
		return err
	}
	return l.SetTLSIdentity(id)
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

// authenticator returns the authenticator, nil to accept everybody.
func (f *serveFlags) authenticator(a *app) (auth *tandem.ListenerAuthenticator, who *logins, err error) {
	who = new(logins)
	switch {
	case f.usersFile != "":
		if who.file, err = readUsers(f.usersFile); err != nil {
			return nil, nil, err
		}
		return who.file.authenticator(), who, nil
	case f.clientCA != "":
		who.byCA = true
		roots, err := readCertificates(f.clientCA)
		return tandem.ListenerRootsAuthenticator(roots), who, err
	}
	if who.user, who.password, err = f.login.login(a); err != nil || who.user == "" {
		return nil, who, err
	}
	return tandem.StaticPassword(who.user, who.password), who, nil
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
