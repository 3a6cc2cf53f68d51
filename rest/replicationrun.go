package rest

import (
	"cmp"
	"context"
	"crypto/x509"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/internal/users"
)

// maxReplicatedCollections bounds the collections of one replication.
const maxReplicatedCollections = 1000

// parsedReplication is a replication whose settings were looked at.
type parsedReplication struct {
	Replication
	db       *served
	local    keyspace // of Source or Target
	endpoint tandem.URLEndpoint
	push     bool // Source is here
}

// parse finds out which end of a replication is the local one. The error never shows a URL, which
// may have a password.
func (h *Handler) parse(what Replication) (p parsedReplication, err error) {
	p.Replication = what
	from, to := isURL(what.Source), isURL(what.Target)
	local, remote := what.Source, what.Target
	switch {
	case what.Source == "" || what.Target == "":
		return p, refuse(http.StatusBadRequest, "source and target are needed").
			try(`give the name of a database, and the ws:// or wss:// URL of a peer`)
	case from == to:
		return p, refuse(http.StatusBadRequest, "one of source and target has to be a database of this server, and the other the URL of a peer").
			try("write the URL of the peer as wss://host:port/database")
	case from:
		local, remote = what.Target, what.Source
	}
	p.push = to
	ks, ok := parseKeyspace(local)
	if !ok {
		return p, refuse(http.StatusBadRequest, "source or target is no name of a database")
	}
	p.local, p.db = ks, h.served[ks.database]
	if p.endpoint, err = tandem.NewURLEndpoint(remote); err != nil {
		return p, refuse(http.StatusBadRequest, "the URL of the peer cannot be used").
			try("write wss://host:port/database, without a user or password: those belong into auth")
	}
	return p, nil
}

func isURL(text string) bool { return strings.Contains(text, "://") }

// pulls and pushes tell the directions.
func (p *parsedReplication) pushes() bool { return p.push || p.Bidirectional }

func (p *parsedReplication) pulls() bool { return !p.push || p.Bidirectional }

func (p *parsedReplication) kind() tandem.ReplicatorType {
	switch {
	case p.Bidirectional:
		return tandem.PushAndPull
	case p.push:
		return tandem.Push
	}
	return tandem.Pull
}

// needed is the right to each collection that a replication needs.
func (p *parsedReplication) needed() (right users.Right) {
	if p.pushes() {
		right |= users.Read
	}
	if p.pulls() {
		right |= users.Write
	}
	return right
}

// names returns the collections to replicate.
func (p *parsedReplication) names() (all []ReplicatedCollection, err error) {
	if len(p.Collections) == 0 {
		return []ReplicatedCollection{{Name: p.local.scope + "." + p.local.collection, Channels: p.Channels, DocumentIDs: p.DocumentIDs}}, nil
	}
	if len(p.Collections) > maxReplicatedCollections {
		return nil, refuse(http.StatusBadRequest, "there are more than %d collections", maxReplicatedCollections)
	}
	for _, coll := range p.Collections {
		scope, name, err := tandem.ParseCollectionName(coll.Name)
		if err != nil {
			return nil, refuse(http.StatusBadRequest, "%.300q is no name of a collection", coll.Name)
		}
		coll.Name = scope + "." + name
		if coll.Channels == nil {
			coll.Channels = p.Channels
		}
		if coll.DocumentIDs == nil {
			coll.DocumentIDs = p.DocumentIDs
		}
		all = append(all, coll)
	}
	return all, nil
}

// allowed reports whether rights suffice for all collections.
func (p *parsedReplication) allowed(rights func(scope, name string) users.Right) error {
	names, err := p.names()
	if err != nil {
		return err
	}
	for _, coll := range names {
		scope, name, _ := strings.Cut(coll.Name, ".")
		if needed := p.needed(); rights(scope, name)&needed != needed {
			return refuse(http.StatusForbidden, "you have no access to %s that would do, or there is no such place", p.db.name+"."+coll.Name).
				try("a push needs the right to read, a pull the right to write")
		}
	}
	return nil
}

// reaches reports whether a host is among the targets: "host" allows each port, "host:port" one.
func reaches(targets []string, u *url.URL) bool {
	host, port := u.Hostname(), cmp.Or(u.Port(), map[string]string{"ws": "80", "wss": "443", "http": "80"}[u.Scheme])
	return slices.ContainsFunc(targets, func(target string) bool {
		return strings.EqualFold(strings.Trim(target, "[]"), host) || strings.EqualFold(target, net.JoinHostPort(host, port))
	})
}

// mayReach checks where a replication connects to: to the hosts that the configuration lists, or
// anywhere if it lists none and an admin asks.
func (h *Handler) mayReach(p *parsedReplication, proxy *url.URL, isAdmin bool) error {
	targets := h.cfg.ReplicationTargets
	if len(targets) == 0 {
		if !isAdmin {
			return refuse(http.StatusForbidden, "only an admin may name the peer of a replication here").
				try("have the hosts that users may replicate with listed in replication_targets")
		}
		return nil
	}
	for _, u := range []*url.URL{urlOf(p.endpoint), proxy} {
		if u != nil && u.Host != "" {
			if err := h.checkTarget(u); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkTarget checks a host, if the configuration lists those that are allowed.
func (h *Handler) checkTarget(u *url.URL) error {
	if targets := h.cfg.ReplicationTargets; len(targets) == 0 || reaches(targets, u) {
		return nil
	}
	return refuse(http.StatusForbidden, "replications with the host %.300s are not allowed", u.Host).
		try("the allowed ones are listed in replication_targets")
}

func urlOf(endpoint tandem.URLEndpoint) *url.URL {
	u, _ := url.Parse(endpoint.String()) // it was parsed before
	return u
}

// resolvers are the values of conflicts.
func resolver(name string) (tandem.ConflictResolver, error) {
	switch name {
	case "", "default":
		return nil, nil //nolint:nilnil // the default rules
	case "local":
		return tandem.LocalWins, nil
	case "remote":
		return tandem.RemoteWins, nil
	case "latest":
		return tandem.LatestWins, nil
	case "merge":
		return tandem.MergeFields, nil
	case "ask":
		return tandem.LeaveOpen, nil
	}
	return nil, refuse(http.StatusBadRequest, "conflicts is %.40q, want default, local, remote, latest, merge or ask", name)
}

// configuration returns the configuration of the replicator.
func (p *parsedReplication) configuration(ctx context.Context) (cfg tandem.ReplicatorConfiguration, err error) {
	cfg = tandem.ReplicatorConfiguration{
		Endpoint: p.endpoint, Type: p.kind(), Continuous: p.Continuous,
		PinnedServerFingerprint: p.PinnedFingerprint, Headers: http.Header{},
	}
	if p.TrustOnFirstUse {
		cfg.TrustOnFirstUse = func(*x509.Certificate) bool { return true }
	}
	for name, value := range p.Headers {
		cfg.Headers.Add(name, string(value))
	}
	steps := []func(*tandem.ReplicatorConfiguration) error{
		p.certificates, p.authenticator, p.proxy,
		func(cfg *tandem.ReplicatorConfiguration) error { return p.collections(ctx, cfg) },
	}
	for _, step := range steps {
		if err := step(&cfg); err != nil {
			return cfg, err
		}
	}
	if err := cfg.Validate(); err != nil && len(p.Headers) > 0 && errorsAboutHeaders(cfg) {
		return cfg, refuse(http.StatusBadRequest, "headers: a name or value is not allowed")
	} else if err != nil {
		return cfg, err
	}
	return cfg, nil
}

// errorsAboutHeaders reports whether a configuration is valid but for its headers, whose values no
// error may show.
func errorsAboutHeaders(cfg tandem.ReplicatorConfiguration) bool {
	cfg.Headers = nil
	return cfg.Validate() == nil
}

func (p *parsedReplication) certificates(cfg *tandem.ReplicatorConfiguration) (err error) {
	if p.PinnedCertificate != "" {
		if certs, err := tandem.ParseCertificates([]byte(p.PinnedCertificate)); err != nil || len(certs) != 1 {
			return refuse(http.StatusBadRequest, "pinned_cert is not the PEM text of one certificate")
		}
		cfg.PinnedServerCertificate = []byte(p.PinnedCertificate)
	}
	if p.TrustedRoots != "" {
		if cfg.TrustedRootCertificates, err = tandem.ParseCertificates([]byte(p.TrustedRoots)); err != nil {
			return refuse(http.StatusBadRequest, "trusted_root_certs is not the PEM text of certificates")
		}
	}
	return nil
}

func (p *parsedReplication) authenticator(cfg *tandem.ReplicatorConfiguration) error {
	auth := p.Auth
	if auth == nil {
		return nil
	}
	ways := 0
	for _, given := range []bool{auth.User != "", auth.SessionCookie != "", auth.ClientCertificate != ""} {
		if given {
			ways++
		}
	}
	switch {
	case auth.OpenIDToken != "":
		return refuse(http.StatusNotImplemented, "openid_token is not supported").try("use a user, a session or a certificate")
	case ways != 1:
		return refuse(http.StatusBadRequest, "auth wants one of user and password, session_cookie, and tls_client_cert with tls_client_cert_key")
	case auth.User != "":
		cfg.Authenticator = tandem.BasicAuthenticator{Username: auth.User, Password: string(auth.Password)}
	case auth.SessionCookie != "":
		cfg.Authenticator = tandem.SessionAuthenticator{SessionID: string(auth.SessionCookie)}
	default:
		id, err := tandem.IdentityFromPEM([]byte(auth.ClientCertificate+"\n"+string(auth.ClientKey)), "")
		if err != nil {
			return refuse(http.StatusBadRequest, "tls_client_cert and tls_client_cert_key are not the PEM text of a certificate and its key")
		}
		cfg.Authenticator = tandem.ClientCertificateAuthenticator{Identity: id}
	}
	return nil
}

// proxy sets the proxy. An error does not show the URL.
func (p *parsedReplication) proxy(cfg *tandem.ReplicatorConfiguration) error {
	switch p.Proxy {
	case "":
		return nil
	case "none":
		cfg.Proxy = new(url.URL)
		return nil
	}
	u, err := url.Parse(string(p.Proxy))
	if err == nil && u.Scheme == "https" {
		return refuse(http.StatusNotImplemented, "proxies by https are not supported").try("use one by http: what passes is encrypted by wss")
	}
	if err != nil || u.Scheme != "http" || u.Hostname() == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
		return refuse(http.StatusBadRequest, "proxy is not http://host:port, nor none")
	}
	cfg.Proxy = u
	return nil
}

func (p *parsedReplication) collections(ctx context.Context, cfg *tandem.ReplicatorConfiguration) error {
	resolve, err := resolver(p.Conflicts)
	if err != nil {
		return err
	}
	names, err := p.names()
	if err != nil {
		return err
	}
	for _, wanted := range names {
		scope, name, _ := strings.Cut(wanted.Name, ".")
		coll, err := p.db.collection(ctx, scope, name)
		if err != nil {
			return err
		}
		cfg.Collections = append(cfg.Collections, tandem.CollectionConfiguration{
			Collection: coll, Channels: wanted.Channels, DocumentIDs: wanted.DocumentIDs, ConflictResolver: resolve,
		})
	}
	return nil
}
