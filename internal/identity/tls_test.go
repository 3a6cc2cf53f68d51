package identity_test

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tandemdb/tandem/internal/identity"
)

// T-08, T-16, I-32, A-12: both sides show their whole chains.
func TestIdentityServesItsChain(t *testing.T) {
	root := create(t, nil, identity.Options{CommonName: "root", Usage: identity.Issue})
	middle := create(t, nil, identity.Options{CommonName: "middle", Usage: identity.Issue, Issuer: root})
	server := create(t, nil, identity.Options{
		CommonName: "server", Issuer: middle, Usage: identity.Server, DNSNames: []string{"server.test"},
	})
	client := create(t, nil, identity.Options{CommonName: "client", Issuer: middle, Usage: identity.Client})
	roots := x509.NewCertPool()
	roots.AddCert(root.Leaf())

	a, b := net.Pipe()
	t.Cleanup(func() { _, _ = a.Close(), b.Close() })
	dialed := tls.Client(a, &tls.Config{
		ServerName: "server.test", RootCAs: roots, Certificates: []tls.Certificate{client.TLSCertificate()},
	})
	accepted := tls.Server(b, &tls.Config{
		Certificates: []tls.Certificate{server.TLSCertificate()},
		ClientAuth:   tls.RequireAndVerifyClientCert, ClientCAs: roots,
	})
	failed := make(chan error, 1)
	go func() { failed <- accepted.HandshakeContext(t.Context()) }()
	if err := dialed.HandshakeContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-failed; err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(server.Certs(), raw(dialed.ConnectionState().PeerCertificates)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(client.Certs(), raw(accepted.ConnectionState().PeerCertificates)); diff != "" {
		t.Error(diff)
	}
}

func raw(certs []*x509.Certificate) [][]byte {
	var ders [][]byte
	for _, c := range certs {
		ders = append(ders, c.Raw)
	}
	return ders
}
