package tandem

import (
	"cmp"
	"crypto/x509"
	"net/http"
	"strings"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/transport"
)

// ReplicatorAuthenticator is how a replicator says who it is: a [BasicAuthenticator], a
// [SessionAuthenticator] or a [ClientCertificateAuthenticator].
type ReplicatorAuthenticator interface {
	check() error
	authenticate(cfg *transport.DialConfig)
}

// BasicAuthenticator sends a user name and a password (HTTP Basic). Use it with TLS only.
type BasicAuthenticator struct{ Username, Password string }

func (a BasicAuthenticator) check() error {
	if strings.Contains(a.Username, ":") {
		return fault.Invalid.In("configure replicator", "").Says("a user's name cannot hold a colon").
			Try("give the name without the password, which has a field of its own")
	}
	return nil
}

func (a BasicAuthenticator) authenticate(cfg *transport.DialConfig) {
	cfg.Credentials = &transport.Credentials{User: a.Username, Password: a.Password}
}

// SessionAuthenticator sends a session of Sync Gateway as a cookie.
type SessionAuthenticator struct {
	SessionID  string
	CookieName string // empty means "SyncGatewaySession"
}

func (a SessionAuthenticator) check() error {
	invalid := fault.Invalid.In("configure replicator", "").Try("take the session ID that Sync Gateway gave for the user")
	switch {
	case a.SessionID == "":
		return invalid.Says("the session has no ID")
	case a.cookie().Valid() != nil: // its error would tell the session
		return invalid.Says("the session's ID or the name of its cookie has characters that a cookie cannot hold")
	}
	return nil
}

func (a SessionAuthenticator) cookie() *http.Cookie {
	return &http.Cookie{Name: cmp.Or(a.CookieName, "SyncGatewaySession"), Value: a.SessionID}
}

func (a SessionAuthenticator) authenticate(cfg *transport.DialConfig) {
	if cfg.Headers == nil {
		cfg.Headers = http.Header{}
	}
	cfg.Headers.Add("Cookie", a.cookie().String())
}

// ClientCertificateAuthenticator shows a certificate in the TLS handshake, and proves that it
// has the key.
type ClientCertificateAuthenticator struct{ Identity *TLSIdentity }

func (a ClientCertificateAuthenticator) check() error {
	if a.Identity == nil || len(a.Identity.Certificates()) == 0 {
		return fault.Invalid.In("configure replicator", "").Says("the client certificate has no identity").
			Try("take an identity of CreateIdentity or GetIdentity")
	}
	return nil
}

func (a ClientCertificateAuthenticator) authenticate(cfg *transport.DialConfig) {
	cert := a.Identity.TLSCertificate()
	cfg.ClientCertificate = &cert
}

// ListenerAuthenticator decides which clients a listener lets in. Make it with
// [ListenerPasswordAuthenticator], [StaticPassword], [ListenerCertificateAuthenticator] or
// [ListenerRootsAuthenticator]; nil lets in everybody. A listener refuses the zero value, and an
// authenticator made with a nil function, with [ErrInvalid].
type ListenerAuthenticator struct{ auth *transport.Authenticator }

// ListenerPasswordAuthenticator asks for a user name and a password (HTTP Basic), and lets
// in those for which ok returns true. ok runs once for each connection, on any goroutine;
// the password's bytes are wiped when it returns. A panic counts as a refusal.
func ListenerPasswordAuthenticator(ok func(username string, password []byte) bool) *ListenerAuthenticator {
	if ok == nil {
		return new(ListenerAuthenticator)
	}
	return &ListenerAuthenticator{transport.Password(ok)}
}

// StaticPassword lets in one user with one password, compared in constant time.
func StaticPassword(username, password string) *ListenerAuthenticator {
	return &ListenerAuthenticator{transport.StaticPassword(username, password)}
}

// ListenerCertificateAuthenticator lets in clients for whose certificate chain, leaf first,
// ok returns true. ok alone decides; TLS has proved that the client has the leaf's key. ok runs
// once for each connection, on any goroutine. It needs TLS.
func ListenerCertificateAuthenticator(ok func(chain []*x509.Certificate) bool) *ListenerAuthenticator {
	if ok == nil {
		return new(ListenerAuthenticator)
	}
	return &ListenerAuthenticator{transport.ClientChain(ok)}
}

// ListenerRootsAuthenticator lets in clients whose certificate is one of roots, or whose
// chain ends there. No other root counts: without any, nobody is let in. It needs TLS.
func ListenerRootsAuthenticator(roots []*x509.Certificate) *ListenerAuthenticator {
	return &ListenerAuthenticator{transport.ClientRoots(roots)}
}
