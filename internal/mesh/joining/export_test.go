package joining

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/netip"
	"time"
)

// ReadRequest reads a joiner's message, as Answer does.
func ReadRequest(r io.Reader) error { return readMessage(r, maxRequest, new(request)) }

// ReadAnswer reads an inviter's message, as Ask does.
func ReadAnswer(r io.Reader) error { return readMessage(r, maxAnswer, new(answer)) }

// Allow is what decides whether a wrong proof is answered.
func (l *Limit) Allow(now time.Time, from netip.Addr) bool { return l.allow(now, from) }

// JoinerProof is the proof of a joiner on a connection.
func JoinerProof(conn *tls.Conn, own *x509.Certificate, key Key) ([]byte, error) {
	b, err := bind(conn, own, true)
	return key.joinerProof(b), err
}

// Send sends a joiner's message with a proof, and reads the answer.
func Send(conn io.ReadWriter, proof []byte) (grant, theirs []byte, err error) {
	if err := writeMessage(conn, request{Proof: proof}); err != nil {
		return nil, nil, err
	}
	var a answer
	err = readMessage(conn, maxAnswer, &a)
	return a.Grant, a.Proof, err
}

// Reply answers a joiner with anything.
func Reply(conn io.Writer, grant, proof []byte) error {
	return writeMessage(conn, answer{Proof: proof, Grant: grant})
}

// ProofOf reads the proof of a joiner.
func ProofOf(conn io.Reader) ([]byte, error) {
	var r request
	err := readMessage(conn, maxRequest, &r)
	return r.Proof, err
}

// Proofs are those of both ends, for given parts; without a grant, both have the same parts.
func Proofs(key Key, exporter byte, joiner, inviter byte, grant string) (ours, theirs []byte) {
	b := binding{exporter: []byte{exporter}}
	b.joiner[0], b.inviter[0] = joiner, inviter
	return key.joinerProof(b), key.inviterProof(b, []byte(grant))
}

// BareProof is what the inviter's proof would be without a grant.
func BareProof(key Key, exporter byte, joiner, inviter byte) []byte {
	b := binding{exporter: []byte{exporter}}
	b.joiner[0], b.inviter[0] = joiner, inviter
	return key.mac("inviter", b, nil)
}
