package rest

import (
	"crypto/tls"
	"crypto/x509"

	"github.com/tandemdb/tandem/internal/users"
)

// ClientCertificates are certificates of clients that stand for a login. A password or a session in a
// request comes before them.
type ClientCertificates struct {
	// Roots issue the certificates, or are certificates of clients themselves. [Handler.Serve] asks each
	// client for a certificate, and refuses others in the handshake. A server of your own sets
	// ClientCAs and ClientAuth of its [tls.Config] itself: what it has verified counts.
	Roots []*x509.Certificate

	// Everybody lets in all clients with such a certificate, as users without a role and with all rights
	// to documents. Without it a client is the user of [Configuration].Users whose name is the common name of
	// the certificate, and nobody if there is none.
	Everybody bool
}

// certificatePrefix begins the names of those whom Everybody lets in, so that no user has the same.
const certificatePrefix = "CN="

// identifyByCertificate sets c.who from the certificate of the connection, and reports whether it names
// somebody.
func (c *call) identifyByCertificate() bool {
	allowed := c.h.cfg.ClientCertificates
	if allowed == nil || c.r.TLS == nil || len(c.r.TLS.VerifiedChains) == 0 {
		return false
	}
	name := c.r.TLS.VerifiedChains[0][0].Subject.CommonName
	if allowed.Everybody {
		name = certificatePrefix + name
		c.who = caller{name: name, user: &users.User{Name: name}, byCertificate: true}
		return true
	}
	u := c.h.users.Load().Find(name)
	if u == nil {
		return false
	}
	c.who = caller{name: name, user: u, byCertificate: true}
	return true
}

// isForeign reports whether the caller is not of the users, and is let in by a certificate alone.
func (c *call) isForeign() bool {
	return c.who.byCertificate && c.h.cfg.ClientCertificates.Everybody
}

// askForCertificates returns the TLS of a server that asks its clients for the certificates that count.
func (h *Handler) askForCertificates(cfg *tls.Config) *tls.Config {
	allowed := h.cfg.ClientCertificates
	if cfg == nil || allowed == nil || cfg.ClientAuth != tls.NoClientCert {
		return cfg
	}
	cfg = cfg.Clone()
	cfg.ClientAuth, cfg.ClientCAs = tls.VerifyClientCertIfGiven, x509.NewCertPool()
	for _, root := range allowed.Roots {
		cfg.ClientCAs.AddCert(root)
	}
	return cfg
}
