package tandem

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/identity"
	"github.com/tandemdb/tandem/internal/store"
	"github.com/tandemdb/tandem/internal/transport"
)

// KnownServer is a server whose certificate was trusted on first use: see
// [ReplicatorConfiguration].TrustOnFirstUse.
type KnownServer struct {
	Address     string    `json:"-"`           // host:port
	Fingerprint string    `json:"fingerprint"` // of its certificate, in the form of [Fingerprint]
	Since       time.Time `json:"since"`       // when it was first met
}

const knownServerSpace = "known-servers"

// KnownServers returns the servers that replicators of the database have trusted on first
// use, by address.
func (db *Database) KnownServers(ctx context.Context) ([]KnownServer, error) {
	var known []KnownServer
	err := db.view(ctx, func(tx *store.Tx) error {
		known = nil
		return tx.Infos(knownServerSpace, func(address string, text []byte) error {
			server, err := parseKnownServer(address, text)
			if err == nil {
				known = append(known, *server)
			}
			return err
		})
	})
	return known, err
}

// ForgetServer removes the remembered certificate of the server at an endpoint. Call it when the
// server's certificate was replaced on purpose: the next one then counts as the first. Forgetting
// an unknown server, or an endpoint of another kind, does nothing.
func (db *Database) ForgetServer(ctx context.Context, endpoint Endpoint) error {
	server, _ := endpoint.(URLEndpoint)
	return db.update(ctx, func(tx *store.Tx) error {
		return tx.SetInfo(knownServerSpace, server.endpoint.Address(), nil)
	})
}

func (db *Database) knownServer(ctx context.Context, address string) (known *KnownServer, err error) {
	err = db.view(ctx, func(tx *store.Tx) error {
		known, err = loadKnownServer(tx, address)
		return err
	})
	return known, err
}

// loadKnownServer returns nil for an unknown server.
func loadKnownServer(tx *store.Tx, address string) (*KnownServer, error) {
	text, err := tx.Info(knownServerSpace, address)
	if err != nil || text == nil {
		return nil, err
	}
	return parseKnownServer(address, text)
}

func parseKnownServer(address string, text []byte) (*KnownServer, error) {
	known := KnownServer{Address: address}
	if err := json.Unmarshal(text, &known); err != nil {
		return nil, fault.CorruptData.In("read known server", address).Because(err)
	}
	return &known, nil
}

// heedsKnown reports whether a certificate that was trusted on first use decides: with trust on
// first use, or without any other setting for certificates.
func (c ReplicatorConfiguration) heedsKnown() bool {
	says := c.AcceptOnlySelfSignedServerCertificate || len(c.TrustedRootCertificates) > 0
	return c.server().endpoint.Secure() && c.PinnedServerCertificate == nil && c.PinnedServerFingerprint == "" &&
		(c.TrustOnFirstUse != nil || !says)
}

// trust returns the rules for certificates of the next connection.
func (r *Replicator) trust(ctx context.Context) (transport.Trust, error) {
	trust, err := r.cfg.trust()
	if err != nil || !r.cfg.heedsKnown() {
		return trust, err
	}
	known, err := r.db.knownServer(ctx, r.cfg.server().endpoint.Address())
	switch {
	case err != nil:
		return trust, err
	case known == nil && r.cfg.TrustOnFirstUse == nil:
		return trust, nil
	case known == nil:
		trust.FirstUse = r.meeting()
		return trust, nil
	}
	trust.PinnedSHA256, err = identity.ParseFingerprint(known.Fingerprint)
	return trust, err
}

// meeting returns the function that decides about certificates during one attempt to connect. The
// program decides about the first certificate; servers after a redirect must show the same one.
func (r *Replicator) meeting() func(*x509.Certificate) bool {
	var trusted *x509.Certificate
	return func(cert *x509.Certificate) bool {
		if trusted != nil {
			return cert.Equal(trusted)
		}
		if !r.meet(cert) {
			return false
		}
		trusted = cert
		return true
	}
}

// meet asks the program whether to trust a certificate.
func (r *Replicator) meet(cert *x509.Certificate) (trusted bool) {
	defer func() {
		if p := recover(); p != nil {
			trusted = false
			if r.cfg.Logger != nil {
				r.cfg.Logger.Error("replicator: trust on first use panicked", "panic", p)
			}
		}
	}()
	return r.cfg.TrustOnFirstUse(cert)
}

// remember stores the certificate of a server that was trusted on first use and has now proved that
// it has the key.
func (r *Replicator) remember(ctx context.Context, chain []*x509.Certificate) error {
	if r.cfg.TrustOnFirstUse == nil || !r.cfg.heedsKnown() || len(chain) == 0 {
		return nil
	}
	address := r.cfg.server().endpoint.Address()
	server := KnownServer{Fingerprint: Fingerprint(chain[0]), Since: time.Now().UTC().Truncate(time.Second)}
	if known, err := r.db.knownServer(ctx, address); err != nil || known != nil && known.owns(chain) {
		return err
	}
	text, err := json.Marshal(server)
	if err != nil {
		return fault.Unexpected.In("remember server", address).Because(err)
	}
	return r.db.store.Update(ctx, func(tx *store.Tx) error {
		known, err := loadKnownServer(tx, address)
		if err != nil {
			return err
		}
		if known != nil && !known.owns(chain) { // another replicator was first
			return changedServer(r.cfg.server(), *known)
		}
		return tx.SetInfo(knownServerSpace, address, text)
	})
}

// owns reports whether the server is the one that has shown chain.
func (s *KnownServer) owns(chain []*x509.Certificate) bool {
	sum, err := identity.ParseFingerprint(s.Fingerprint)
	return err == nil && transport.Owns(chain, sum)
}

// explain gives err another form if a known server has shown another certificate than before.
func (r *Replicator) explain(ctx context.Context, err error) error {
	if !r.cfg.heedsKnown() || !errors.Is(err, fault.CertUnknownRoot) {
		return err
	}
	known, loadErr := r.db.knownServer(ctx, r.cfg.server().endpoint.Address())
	if loadErr != nil || known == nil {
		return err
	}
	return changedServer(r.cfg.server(), *known)
}

func changedServer(endpoint URLEndpoint, known KnownServer) error {
	return fault.CertUnknownRoot.In("connect to", endpoint.String()).
		Says("the server's certificate is not the one trusted since %s, which has the fingerprint %s",
			known.Since.Format(time.DateOnly), known.Fingerprint).
		Try("find out whether somebody has replaced the server; if that was on purpose, forget the old certificate, with Database.ForgetServer")
}
