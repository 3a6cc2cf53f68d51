package joining

import (
	"context"
	"crypto/hmac"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"net"

	"github.com/tandemdb/tandem/internal/fault"
)

// Ask joins over a TCP connection, which it closes. own is the certificate and key that the joiner
// will use. It returns what an inviter has sent that has proved the code, or a grant that says
// [Refused]. An error may be worth another attempt.
func Ask(ctx context.Context, tcp net.Conn, own tls.Certificate, code Code, name string) (*Grant, error) {
	conn := tls.Client(tcp, &tls.Config{
		MinVersion: tls.VersionTLS13, NextProtos: []string{Protocol}, Certificates: []tls.Certificate{own},
		InsecureSkipVerify: true, //nolint:gosec // the proofs say who it is
	})
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = tcp.Close() })()
	grant, err := ask(ctx, conn, own.Leaf, code, name)
	if err != nil && ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return grant, err
}

func ask(ctx context.Context, conn *tls.Conn, own *x509.Certificate, code Code, name string) (*Grant, error) {
	if err := conn.HandshakeContext(ctx); err != nil {
		return nil, fault.TLSHandshake.In("join group", "").Because(err)
	}
	b, err := bind(conn, own, true)
	if err != nil {
		return nil, err
	}
	key := code.Key()
	if err := writeMessage(conn, request{Proof: key.joinerProof(b), Name: name}); err != nil {
		return nil, lost(err)
	}
	var a answer
	if err := readMessage(conn, maxAnswer, &a); err != nil {
		return nil, lost(err)
	}
	if !hmac.Equal(a.Proof, key.inviterProof(b, a.Grant)) {
		return &Grant{Ended: Refused}, nil
	}
	grant := new(Grant)
	if err := json.Unmarshal(a.Grant, grant); err != nil {
		return nil, fault.ProtocolError.In("join group", "").Says("the grant cannot be read")
	}
	grant.Inviter = b.inviter
	return grant, nil
}

func lost(err error) error {
	if fault.Of(err) != nil {
		return err
	}
	return fault.ConnectionLost.In("join group", "").Because(err)
}
