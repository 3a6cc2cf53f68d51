package identity

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"slices"

	"github.com/tandemdb/tandem/internal/fault"
)

const (
	leastRSA = 1024 // bits; with fewer bits no handshake succeeds
	goodRSA  = 2048 // bits; many peers refuse fewer bits
)

// checkKey refuses keys with which no TLS handshake succeeds.
func checkKey(op string, public crypto.PublicKey) error {
	unsupported := fault.Unsupported.In(op, "").Try("make a key on P-256, or an RSA key of 2048 bits or more")
	switch key := public.(type) {
	case *ecdsa.PublicKey:
		if name := key.Curve.Params().Name; !slices.Contains([]string{"P-256", "P-384", "P-521"}, name) {
			return unsupported.Says("the key is on the curve %s, which TLS does not use", name)
		}
	case *rsa.PublicKey:
		if bits := key.N.BitLen(); bits < leastRSA {
			return unsupported.Says("the RSA key has %d bits, which is too weak for TLS", bits)
		}
	}
	return nil
}

// weaknesses lists the properties for which many peers refuse the identity, though a handshake can
// succeed.
func (id *Identity) weaknesses() (texts []string) {
	for i, cert := range id.certs {
		who := ""
		if i > 0 {
			who = "issuer " + cert.Subject.CommonName + ": "
		}
		if key, ok := cert.PublicKey.(*rsa.PublicKey); ok && key.N.BitLen() < goodRSA {
			texts = append(texts, fmt.Sprintf("%shas an RSA key of %d bits, and many peers refuse fewer than %d",
				who, key.N.BitLen(), goodRSA))
		}
		if usesSHA1(cert) && (i == 0 || !isRoot(cert)) { // nobody verifies the signature of a root
			texts = append(texts, who+"is signed with SHA-1, which most peers refuse")
		}
	}
	return texts
}

func usesSHA1(cert *x509.Certificate) bool {
	return slices.Contains([]x509.SignatureAlgorithm{
		x509.SHA1WithRSA, x509.ECDSAWithSHA1, x509.DSAWithSHA1, x509.MD5WithRSA, x509.MD2WithRSA,
	}, cert.SignatureAlgorithm)
}

func isRoot(cert *x509.Certificate) bool { return bytes.Equal(cert.RawIssuer, cert.RawSubject) }
