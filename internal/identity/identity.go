package identity

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"slices"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
)

// Identity is a private key and the certificate chain that proves it. It is immutable and safe for
// concurrent use.
type Identity struct {
	label string
	certs []*x509.Certificate // leaf first, at least one
	key   crypto.Signer       // belongs to certs[0]
}

// FromKeyAndCerts returns the identity of a key and its certificates, leaf first. It has no label
// and is not stored. The key may live in a TPM, an HSM or an agent: only its methods Public and
// Sign are used. The public key is ECDSA, RSA or Ed25519.
//
// It fails with [fault.Crypto] if the key does not match the first certificate, with
// [fault.Unsupported] if no TLS handshake accepts the key, and with [fault.Invalid] if the key or a
// certificate is missing.
func FromKeyAndCerts(key crypto.Signer, certs []*x509.Certificate) (*Identity, error) {
	const op = "build identity"
	if key == nil {
		return nil, fault.Invalid.In(op, "").Says("there is no private key")
	}
	if len(certs) == 0 || slices.Contains(certs, nil) {
		return nil, fault.Invalid.In(op, "").Says("there is no certificate")
	}
	if len(certs) > maxCerts {
		return nil, fault.Invalid.In(op, "").Says("%d certificates are too many, %d are allowed", len(certs), maxCerts)
	}
	if !matches(certs[0], key.Public()) {
		return nil, fault.Crypto.In(op, "").Says("the private key does not belong to the first certificate").
			Try("put the certificate of the key first, or use the key the certificate was made for")
	}
	if err := checkKey(op, certs[0].PublicKey); err != nil {
		return nil, err
	}
	return &Identity{certs: slices.Clone(certs), key: key}, nil
}

// Label returns the label under which the identity is stored, or "".
func (id *Identity) Label() string { return id.label }

// Certs returns copies of the certificates in DER form, leaf first.
func (id *Identity) Certs() [][]byte {
	ders := make([][]byte, len(id.certs))
	for i, c := range id.certs {
		ders[i] = slices.Clone(c.Raw)
	}
	return ders
}

// Certificates returns the certificates, leaf first. They may serve as roots that accept this
// identity. The caller must not change them.
func (id *Identity) Certificates() []*x509.Certificate { return slices.Clone(id.certs) }

// Leaf returns the certificate of the key. The caller must not change it.
func (id *Identity) Leaf() *x509.Certificate { return id.certs[0] }

// Expiration returns the moment after which the leaf certificate is invalid.
func (id *Identity) Expiration() time.Time { return id.certs[0].NotAfter }

// Fingerprint returns the fingerprint of the leaf certificate, see [Fingerprint].
func (id *Identity) Fingerprint() string { return Fingerprint(id.certs[0]) }

// TLSCertificate returns the identity in the form of crypto/tls, with the whole chain, so that a
// peer may pin any certificate of it.
func (id *Identity) TLSCertificate() tls.Certificate {
	return tls.Certificate{Certificate: id.Certs(), PrivateKey: id.key, Leaf: id.certs[0]}
}

// labelled returns a copy of id under another label.
func (id *Identity) labelled(label string) *Identity {
	return &Identity{label: label, certs: id.certs, key: id.key}
}

// exportable reports whether the key itself is in memory, not only the means to use it.
func (id *Identity) exportable() bool {
	switch id.key.(type) {
	case *ecdsa.PrivateKey, *rsa.PrivateKey, ed25519.PrivateKey:
		return true
	}
	return false
}

// same reports whether a and b have the same leaf certificate. Nil equals only nil.
func same(a, b *Identity) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.certs[0].Equal(b.certs[0])
}

func matches(cert *x509.Certificate, public crypto.PublicKey) bool {
	switch key := cert.PublicKey.(type) {
	case *ecdsa.PublicKey:
		return key.Equal(public)
	case *rsa.PublicKey:
		return key.Equal(public)
	case ed25519.PublicKey:
		return key.Equal(public)
	}
	return false
}
