package rest

import (
	"cmp"
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/internal/fault"
)

// Configuration says what a [Handler] serves, and to whom. Databases is needed, and Users or
// Anonymous.
type Configuration struct {
	// Databases are served, each under a name of its own.
	Databases []Database

	// Users may log in. [Handler.SetUsers] replaces them.
	Users *Users

	// Anonymous lets in requests without a login: they have the rights of a user without a role.
	Anonymous bool

	// ClientCertificates lets clients log in by a certificate, beside passwords. Nil does not.
	ClientCertificates *ClientCertificates

	// Hosts are the names under which clients reach the server, such as "box.local". The addresses of
	// the device need no entry, nor "localhost" on the device itself; other names are answered 421.
	Hosts []string

	// Proxies are the addresses of reverse proxies, whose X-Forwarded-For and X-Forwarded-Proto count.
	Proxies []netip.Prefix

	// CORS lets pages of other sites use the server.
	CORS CORS

	// Limits bound what clients may use.
	Limits Limits

	// Audit records who has done what.
	Audit Audit

	// UUID names the server to clients, and should never change. Empty means that of the first
	// database.
	UUID string

	// Metrics answers GET /metrics, for admins. Nil means that there is none.
	Metrics http.Handler

	// Replications are begun by [Handler.StartReplications], and may replicate everything with everybody.
	Replications []Replication

	// ReplicationTargets are the only peers that users may have the server replicate with: a host, or
	// a host:port. If there are none, only admins may name a peer: users could make the server
	// connect to what they cannot reach themselves, and carry data off.
	ReplicationTargets []string

	// Sync is a listener that takes the WebSockets of GET /{db}/_blipsync, and whose clients
	// GET /_active_tasks lists. A user who is logged in is not asked again: the listener's Access
	// function should give him what [Users.Access] says. Nil answers 501.
	Sync *tandem.URLEndpointListener

	// Identities are those that GET /_identities shows, without their keys. Nil answers 501.
	Identities tandem.TLSIdentityStore

	// Log answers GET /_log. Nil answers 501. Its records come from those who log to it, as Logger may.
	Log *Log

	// Page serves a page for people at /_tandem/, which shows what the server does, and what users may
	// see of the databases. [Handler.PageLink] makes a link to log in to it.
	Page bool

	// Static are the files of an app, served under /app/ to everybody: a page from there, with its scripts,
	// may use the databases without CORS, by a session of its user. What those scripts could use is refused
	// then: sessions and certificates of admins, their passwords in requests of browsers, and Page. Names
	// that begin with a dot are not served.
	Static fs.FS

	// Logger receives one record for each request, and errors. Nil logs nothing.
	Logger *slog.Logger
}

// Database is one database that a [Handler] serves.
type Database struct {
	// Database is open, and stays so until the handler is closed.
	Database *tandem.Database

	// Name is the name in URLs. Empty means the name of the database.
	Name string

	// ClientWrites lets users change documents, as far as their rights go.
	ClientWrites bool

	// AdHocQueries lets users send queries of their own. Admins always may.
	AdHocQueries bool

	// Queries are what users may run by name.
	Queries map[string]NamedQuery

	// Mesh is a member that keeps the database in sync with a mesh, which admins see, and to which they
	// invite devices. The caller starts and stops it. Nil answers 501.
	Mesh *tandem.MultipeerReplicator
}

// Validate reports everything that cannot work, as [tandem.ErrInvalid].
func (c Configuration) Validate() error {
	var errs []error
	check := func(ok bool, text, hint string) {
		if !ok {
			errs = append(errs, fault.Invalid.In("configure REST", "").Says("%s", text).Try(hint))
		}
	}
	check(len(c.Databases) > 0, "there is no database to serve", "set Databases")
	names := make(map[string]bool)
	for _, d := range c.Databases {
		if d.Database == nil {
			check(false, "a database is nil", "set Database to an open one")
			continue
		}
		name := d.name()
		check(!strings.HasPrefix(name, "_"), "the name "+name+" begins with an underscore, as the server's own paths do", "set Name to another")
		check(!names[name], "two databases have the name "+name, "set Name of one to another")
		names[name] = true
	}
	check(c.Static == nil || !names[appName], "a database has the name "+appName+", which is the path of Static", "set Name to another")
	check(c.Static == nil || !c.Page, "the scripts of an app could use the page as its user does", "serve Page and Static by two handlers, at two ports")
	check(c.Users != nil || c.Anonymous || c.ClientCertificates != nil, "nobody may log in", "set Users, or Anonymous to let everybody in")
	return errors.Join(append(errs, c.CORS.validate())...)
}

func (d Database) name() string { return cmp.Or(d.Name, d.Database.Name()) }

func (c Configuration) clone() Configuration {
	c.Databases = slices.Clone(c.Databases)
	c.Proxies = slices.Clone(c.Proxies)
	c.Limits = c.Limits.withDefaults()
	return c
}
