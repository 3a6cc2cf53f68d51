package main

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/crypto/argon2"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/rest"
)

// restConfiguration returns the configuration of the handler, without users.
func (a *app) restConfiguration(s *restServer, dbs []*tandem.Database, f *serveFlags, listener *tandem.URLEndpointListener) (cfg rest.Configuration, err error) {
	cfg = rest.Configuration{
		Sync: listener, Log: a.log, Logger: a.logger(),
		Hosts: append(hostsOf(listener), f.rest.hosts...), Page: f.rest.page, Metrics: metrics{listener, dbs, &f.leaving},
	}
	if err := f.rest.openStatic(s, &cfg); err != nil {
		return cfg, err
	}
	if cfg.Proxies, err = f.rest.networks(); err != nil {
		return cfg, err
	}
	if cfg.Identities, err = identityStore(); err != nil {
		return cfg, err
	}
	for _, db := range dbs {
		cfg.Databases = append(cfg.Databases, rest.Database{Database: db, ClientWrites: f.rest.write, Mesh: f.mesh.members[db]})
	}
	switch {
	case f.rest.config != nil:
		err = f.rest.config.apply(s, &cfg)
	case f.clientCA != "": // peers with a certificate may read and write everything
		cfg.ClientCertificates = &rest.ClientCertificates{Everybody: true}
		cfg.ClientCertificates.Roots, err = readCertificates(f.clientCA)
	}
	return cfg, err
}

// openStatic opens the folder of an app. Nothing outside of it is served, also where it has links.
func (f *restFlags) openStatic(s *restServer, cfg *rest.Configuration) error {
	if f.static == "" {
		return nil
	}
	root, err := os.OpenRoot(f.static)
	if err != nil {
		return withHint(fmt.Errorf("serve the app of --rest-static: %w", err), "name a folder with an index.html")
	}
	s.tidy = append(s.tidy, func() { _ = root.Close() })
	cfg.Static = root.FS()
	return nil
}

// restUsers sets those who may log in. Where serve knows none, it makes an admin with a password for
// this run: the port is open to every program and every page on this machine.
func (a *app) restUsers(s *restServer, cfg *rest.Configuration, first *tandem.Database, who *logins, at net.Addr) (err error) {
	switch {
	case who.file != nil:
		cfg.Users = who.file.current.Load()
	case who.user != "":
		cfg.Users, err = singleUser(who.user, who.password)
	case cfg.Anonymous:
	case cfg.Static != nil:
		return usageError{
			text: "--rest-static serves an app, and there are no users for it to log in as",
			hint: "name them with --users-file or --user; an admin does not log in to an app",
		}
	case who.byCA && !isLocal(at): // others could guess the password of an admin
	case !isLocal(at):
		return usageError{
			text: "serve HTTP beyond this machine: there are no users",
			hint: "name them with --users-file or --user, or listen on 127.0.0.1",
		}
	default:
		host := "localhost"
		if tcp, ok := at.(*net.TCPAddr); ok {
			host = tcp.IP.String()
		}
		cfg.Users, err = a.passingAdmin(s, first, host)
	}
	return err
}

// singleUser is the user of --user. He has no role: devices may know his password.
func singleUser(name, password string) (*rest.Users, error) {
	return usersOf(name, map[string]any{"password": hashed(password)})
}

func usersOf(name string, entry map[string]any) (*rest.Users, error) {
	text, err := json.Marshal(map[string]any{name: entry})
	if err != nil {
		return nil, err
	}
	return rest.ParseUsers(text)
}

// hashed returns a hash of a password that stays in memory.
func hashed(password string) string {
	const memory, time, threads = 19 << 10, 2, 1
	salt := make([]byte, 16)
	_, _ = rand.Read(salt) // never fails
	key := argon2.IDKey([]byte(password), salt, time, memory, threads, 32)
	encode := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, memory, time, threads, encode(salt), encode(key))
}

// The admin of a run.
const (
	adminName     = "admin"
	adminFileName = "rest-login" // in the folder of the first database
)

// passingAdmin makes an admin for this run, and writes the login to a file that only this user of the
// system reads, in the form of curl's --netrc-file: so the password stands in no command line, no
// history and no log. A terminal also shows it.
func (a *app) passingAdmin(s *restServer, first *tandem.Database, host string) (*rest.Users, error) {
	password := rand.Text()
	users, err := usersOf(adminName, map[string]any{"password": hashed(password), "roles": []string{"admin"}})
	if err != nil {
		return nil, err
	}
	s.passing = true
	file := filepath.Join(first.Path(), adminFileName)
	s.address = filepath.Join(first.Path(), addressFileName)
	_ = os.Remove(file) // of a run that was killed
	var text strings.Builder
	for _, host := range slices.Compact([]string{"localhost", "127.0.0.1", host}) { // and no other host gets the password
		fmt.Fprintf(&text, "machine %s login %s password %s\n", host, adminName, password)
	}
	switch err := os.WriteFile(file, []byte(text.String()), 0o600); {
	case err == nil:
		s.tidy = append(s.tidy, func() { _ = os.Remove(file) })
		a.note("there are no users: until serve ends, log in as %s by curl --netrc-file %s", adminName, file)
	case a.screen == nil:
		return nil, withHint(fmt.Errorf("write the login of the admin: %w", err), "name users with --users-file or --user")
	}
	if a.screen != nil {
		a.note("its password is %s", password)
	}
	return users, nil
}
