package identity

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"slices"
)

// arrange orders certs as a chain: first the certificate of the key, then each certificate's
// issuer, then other certificates of the key. If rest is set, the remaining certificates follow in
// their old order; otherwise they are dropped. Without a certificate for the key the order stays.
func arrange(certs []*x509.Certificate, public crypto.PublicKey, rest bool) []*x509.Certificate {
	at := slices.IndexFunc(certs, func(c *x509.Certificate) bool { return matches(c, public) })
	if at < 0 {
		return certs
	}
	pool := slices.Clone(certs)
	var chain []*x509.Certificate
	for at >= 0 {
		last := pool[at]
		chain = append(chain, last)
		pool = slices.DeleteFunc(pool, last.Equal)
		at = slices.IndexFunc(pool, func(c *x509.Certificate) bool { return issued(last, c) })
	}
	for _, cert := range pool {
		if rest || matches(cert, public) {
			chain = append(chain, cert)
		}
	}
	return chain
}

func issued(cert, by *x509.Certificate) bool {
	return !cert.Equal(by) && bytes.Equal(cert.RawIssuer, by.RawSubject) && cert.CheckSignatureFrom(by) == nil
}
