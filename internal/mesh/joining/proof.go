package joining

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"

	"github.com/tandemdb/tandem/internal/fault"
)

// Protocol is the name of the protocol in the TLS handshake (ALPN).
const Protocol = "tandem-join/1"

const exporterLabel = "EXPORTER-tandem-join"

// binding ties proofs to one connection and to the keys of both ends.
type binding struct {
	exporter        []byte
	joiner, inviter [sha256.Size]byte // of the public keys (SPKI)
}

// bind returns the binding of a connection after its handshake. own is the certificate that this end
// has shown.
func bind(conn *tls.Conn, own *x509.Certificate, joins bool) (b binding, err error) {
	state := conn.ConnectionState()
	if state.Version != tls.VersionTLS13 || state.NegotiatedProtocol != Protocol || len(state.PeerCertificates) == 0 {
		return b, fault.TLSHandshake.In("join group", "").Says("the other device does not speak %s over TLS 1.3", Protocol)
	}
	if b.exporter, err = state.ExportKeyingMaterial(exporterLabel, nil, 32); err != nil {
		return b, fault.TLSHandshake.In("join group", "").Because(err)
	}
	b.joiner, b.inviter = hashOf(own), hashOf(state.PeerCertificates[0])
	if !joins {
		b.joiner, b.inviter = b.inviter, b.joiner
	}
	return b, nil
}

func hashOf(cert *x509.Certificate) [sha256.Size]byte {
	return sha256.Sum256(cert.RawSubjectPublicKeyInfo)
}

// joinerProof is what the joiner sends.
func (k Key) joinerProof(b binding) []byte { return k.mac("joiner", b, nil) }

// inviterProof is what the inviter sends with a grant.
func (k Key) inviterProof(b binding, grant []byte) []byte {
	sum := sha256.Sum256(grant)
	return k.mac("inviter", b, sum[:])
}

func (k Key) mac(label string, b binding, rest []byte) []byte {
	m := hmac.New(sha256.New, k[:])
	for _, part := range [][]byte{[]byte(label), b.exporter, b.joiner[:], b.inviter[:], rest} {
		m.Write(part)
	}
	return m.Sum(nil)
}
