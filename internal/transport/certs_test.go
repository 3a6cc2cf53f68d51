package transport_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"testing"
	"time"
)

// signed is a certificate with its key and the chain above it.
type signed struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	up   *signed // nil if self-signed
}

// issue makes a certificate for 127.0.0.1, signed by up or by itself.
func issue(t testing.TB, up *signed, change func(*x509.Certificate)) *signed {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return issueFor(t, key, up, change)
}

// renew makes another certificate of the key of old. The chain shows old after it.
func renew(t testing.TB, old *signed) *signed {
	t.Helper()
	renewed := issueFor(t, old.key, nil, nil)
	renewed.up = old
	return renewed
}

func issueFor(t testing.TB, key *ecdsa.PrivateKey, up *signed, change func(*x509.Certificate)) *signed {
	t.Helper()
	serial, _ := rand.Int(rand.Reader, big.NewInt(1<<62))
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "test " + serial.String()},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"},
	}
	if change != nil {
		change(template)
	}
	parent, signer := template, key
	if up != nil {
		parent, signer = up.cert, up.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &signed{cert, key, up}
}

// authority is a change for issue: the certificate may sign others.
func authority(c *x509.Certificate) {
	c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign
	c.ExtKeyUsage, c.IPAddresses, c.DNSNames = nil, nil, nil
}

// chain returns the certificates from s up to the root.
func (s *signed) chain() []*x509.Certificate {
	var chain []*x509.Certificate
	for ; s != nil; s = s.up {
		chain = append(chain, s.cert)
	}
	return chain
}

// tls returns what a peer presents: the whole chain.
func (s *signed) tls() *tls.Certificate {
	c := &tls.Certificate{PrivateKey: s.key}
	for _, cert := range s.chain() {
		c.Certificate = append(c.Certificate, cert.Raw)
	}
	return c
}

// hangUpAfterHandshake accepts one client, asks it for a certificate, and resets the connection as
// soon as the client has sent one.
func hangUpAfterHandshake(l net.Listener, server *signed) {
	nc, err := l.Accept()
	if err != nil {
		return
	}
	secure := tls.Server(nc, &tls.Config{
		Certificates: []tls.Certificate{*server.tls()}, ClientAuth: tls.RequestClientCert,
	})
	_ = secure.Handshake()
	_ = nc.(*net.TCPConn).SetLinger(0)
	_ = nc.Close()
}
