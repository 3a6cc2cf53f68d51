package transport

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"slices"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
)

// Trust decides which server certificates are accepted. Its zero value trusts the system's roots.
// One field decides, in the order Chain, Pinned, PinnedSHA256, FirstUse, SelfSignedOnly, Roots.
type Trust struct {
	// Chain decides about the whole chain, leaf first, by the error that it returns; names do not
	// matter. When it is called, the server has not yet proved that it has the leaf's key; when Dial
	// returns, it has. Nil does not decide.
	Chain func([]*x509.Certificate) error
	// Pinned is a certificate in DER. A server is accepted if its chain contains this certificate
	// as its leaf, as an earlier certificate of the leaf's key, or as an issuer that signed the
	// chain below it. Names and dates are ignored: every holder of a certificate from a pinned
	// issuer is trusted. Empty means no pin.
	Pinned []byte
	// PinnedSHA256 is the SHA-256 of the server's own certificate in DER, or of an earlier
	// certificate of the same key in its chain. Names and dates are ignored. Empty means no pin.
	PinnedSHA256 []byte
	// FirstUse decides about the server's own certificate; names and dates are ignored. When it is
	// called, the server has not yet proved that it has the key; when Dial returns, it has. Nil
	// does not decide.
	FirstUse func(*x509.Certificate) bool
	// SelfSignedOnly accepts exactly the certificates that are signed with their own key and valid
	// today, for any host name. The connection is encrypted, but the peer's identity is not proved.
	SelfSignedOnly bool
	// Roots replace the system's roots. Empty means the system's roots.
	Roots []*x509.Certificate
}

// verify returns nil for an accepted chain, leaf first. Otherwise it returns the error of the first
// check that fails, in the order of the cases below.
func (t Trust) verify(chain []*x509.Certificate, host string) error {
	switch {
	case len(chain) == 0:
		return fault.TLSHandshake.Says("the server has no certificate")
	case t.Chain != nil:
		return t.verifyWhole(chain)
	case len(t.Pinned) > 0:
		return t.verifyPin(chain)
	case len(t.PinnedSHA256) > 0:
		return t.verifyFingerprint(chain)
	case t.FirstUse != nil:
		return t.verifyFirstUse(chain[0])
	case t.SelfSignedOnly:
		return verifySelfSigned(chain[0])
	}
	return verifyChain(chain, host, pool(t.Roots))
}

func (t Trust) verifyWhole(chain []*x509.Certificate) error {
	if err := t.Chain(chain); err != nil {
		return fault.CertUntrusted.Says("the server's certificate was refused (%s, issued by %s, fingerprint %s): %v",
			named(chain[0].Subject), named(chain[0].Issuer), fingerprint(chain[0]), err)
	}
	return nil
}

func (t Trust) verifyPin(chain []*x509.Certificate) error {
	for i, cert := range chain {
		if !bytes.Equal(cert.Raw, t.Pinned) {
			continue
		}
		if ofOneKey(cert, chain[0]) || verifyAt(chain, pool(chain[i:i+1]), goodTime(chain[:i+1])) == nil {
			return nil
		}
	}
	return notPinned()
}

func (t Trust) verifyFingerprint(chain []*x509.Certificate) error {
	if !Owns(chain, t.PinnedSHA256) {
		return notPinned()
	}
	return nil
}

// Owns reports whether a peer that has proved to have the key of chain's leaf owns the certificate
// with this SHA-256. That certificate is the leaf, or another certificate of the leaf's key in
// chain, such as the one before its renewal.
func Owns(chain []*x509.Certificate, sum []byte) bool {
	return slices.ContainsFunc(chain, func(cert *x509.Certificate) bool {
		own := sha256.Sum256(cert.Raw)
		return bytes.Equal(own[:], sum) && ofOneKey(cert, chain[0])
	})
}

func ofOneKey(a, b *x509.Certificate) bool {
	return bytes.Equal(a.RawSubjectPublicKeyInfo, b.RawSubjectPublicKeyInfo)
}

func (t Trust) verifyFirstUse(leaf *x509.Certificate) error {
	if !t.FirstUse(leaf) {
		return fault.CertUnknownRoot.Says("the server's certificate was not trusted on first use")
	}
	return nil
}

func notPinned() error {
	return fault.CertUnknownRoot.Says("the server's certificate is not the pinned one").
		Try("pin the certificate that the server has now, if it was replaced on purpose")
}

func verifySelfSigned(leaf *x509.Certificate) error {
	if !selfSigned(leaf) {
		return fault.CertUntrusted.Says("the server's certificate is not self-signed").
			Try("turn off accepting only self-signed certificates for this server")
	}
	return verifyDates(leaf)
}

// selfSigned does not require the right to sign other certificates, unlike x509's own check.
func selfSigned(cert *x509.Certificate) bool {
	return bytes.Equal(cert.RawIssuer, cert.RawSubject) &&
		cert.CheckSignature(cert.SignatureAlgorithm, cert.RawTBSCertificate, cert.Signature) == nil
}

func verifyDates(leaf *x509.Certificate) error {
	switch now := time.Now(); {
	case now.After(leaf.NotAfter):
		return fault.CertExpired.Says("the server's certificate expired on %s", leaf.NotAfter.Format(time.DateOnly)).
			Try("give the server a new certificate, or correct this device's clock")
	case now.Before(leaf.NotBefore):
		return fault.CertExpired.Says("the server's certificate is valid only from %s", leaf.NotBefore.Format(time.DateOnly)).
			Try("correct this device's clock")
	}
	return nil
}

func verifyChain(chain []*x509.Certificate, host string, roots *x509.CertPool) error {
	leaf := chain[0]
	err := verifyAt(chain, roots, time.Now())
	if expired(err) {
		// An untrusted root matters more than an expired date, so check the rest at a good time.
		then := verifyAt(chain, roots, goodTime(chain))
		if !unknownRoot(then) {
			return dateFault(leaf, err)
		}
		err = then
	}
	switch {
	case unknownRoot(err):
		return fault.CertUnknownRoot.Because(shortError{err, issuance(leaf)}).
			Try("pin the server's certificate, name its root, or accept only self-signed certificates")
	case err != nil:
		return fault.CertUntrusted.Because(err)
	}
	if err := leaf.VerifyHostname(host); err != nil {
		return fault.CertNameMismatch.Because(err).Try("use the host name for which the certificate was made")
	}
	return nil
}

// verifyAt checks chain's signatures, dates and usage, but no names.
func verifyAt(chain []*x509.Certificate, roots *x509.CertPool, at time.Time) error {
	_, err := chain[0].Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: pool(chain[1:]), CurrentTime: at,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	return err
}

// goodTime returns the moment nearest to now at which the whole chain was valid, if there is one.
func goodTime(chain []*x509.Certificate) time.Time {
	from, to := chain[0].NotBefore, chain[0].NotAfter
	for _, cert := range chain[1:] {
		if cert.NotBefore.After(from) {
			from = cert.NotBefore
		}
		if cert.NotAfter.Before(to) {
			to = cert.NotAfter
		}
	}
	switch now := time.Now(); {
	case now.After(to):
		return to.Add(-time.Second)
	case now.Before(from):
		return from.Add(time.Second)
	default:
		return now
	}
}

func dateFault(leaf *x509.Certificate, cause error) error {
	if err := verifyDates(leaf); err != nil {
		return err
	}
	return fault.CertExpired.Because(cause) // an issuer's certificate has expired
}

func expired(err error) bool {
	var invalid x509.CertificateInvalidError
	return errors.As(err, &invalid) && invalid.Reason == x509.Expired
}

// issuance says who has issued a certificate.
func issuance(cert *x509.Certificate) string {
	if bytes.Equal(cert.RawIssuer, cert.RawSubject) {
		return "it is self-signed"
	}
	return "it was issued by " + cert.Issuer.String()
}

func unknownRoot(err error) bool {
	var unknown x509.UnknownAuthorityError
	return errors.As(err, &unknown)
}

// pool returns nil, which means the system's roots, for an empty list.
func pool(certs []*x509.Certificate) *x509.CertPool {
	if len(certs) == 0 {
		return nil
	}
	p := x509.NewCertPool()
	for _, cert := range certs {
		p.AddCert(cert)
	}
	return p
}
