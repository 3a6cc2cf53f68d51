package couchbaselite

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"io"
	"math/big"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/tandemdb/tandem"
)

var accessStories = []tell{
	{
		name: "a password", prepare: withPassword,
		run: func(s *story) {
			s.put("theirs", `{}`)
			s.save("ours", `{}`)
			s.sync(nil)
			s.settled(nil)
		},
	},
	{
		name: "a wrong password", prepare: withPassword,
		run: func(s *story) {
			s.put("theirs", `{}`)
			s.refused(args{"password": "wrong"}, 10401)
		},
	},
	{
		name: "no password where one is needed", prepare: withPassword,
		run: func(s *story) {
			s.peer.user = ""
			s.refused(nil, 10401)
		},
	},
	{
		name: "a read-only listener", prepare: func(_ testing.TB, p *peer) { p.readOnly = true },
		run: func(s *story) {
			s.save("ours", `{}`)
			s.sync(args{"type": "pull"})
			s.put("theirs", `{}`)
			s.refused(args{"type": "push"}, 10403)
			if got := s.tandemDocuments(); len(got) != 1 {
				s.Errorf("a read-only listener has taken a document: %v", got)
			}
		},
	},
	{
		name: "a database of another name",
		run:  func(s *story) { s.refused(args{"url": s.peer.url() + "x"}, 10404) },
	},
	{
		name: "a listener that does not share the app's collection",
		prepare: func(t testing.TB, p *peer) {
			var err error
			p.shares, err = p.db.CreateCollection(t.Context(), "travel", "hotels")
			check(t, err)
		},
		run: func(s *story) {
			s.put("theirs", `{}`)
			s.refused(nil, 10404)
		},
	},
	{
		name: "a database of version vectors is of another generation", versioning: tandem.VersionVectors,
		run: func(s *story) {
			s.put("theirs", `{}`)
			s.save("ours", `{}`)
			r := s.trySync(nil)
			if r.Error == nil {
				s.Errorf("a sync with a peer of the other generation ends well, want an error")
			}
			if len(s.tandemDocuments()) != 1 || len(s.appDocuments()) != 1 {
				s.Errorf("peers of two generations have exchanged something")
			}
		},
	},
	{
		name: "a certificate that is not the pinned one",
		run: func(s *story) {
			if !s.peer.tls {
				s.Skip("needs TLS")
			}
			other := newPeer(s, library, true, tandem.RevTrees)
			other.listen(s)
			s.refused(args{"certificate": other.certificate(s)}, 0)
		},
	},
	{
		name: "a certificate that expires while it is pinned", libraryOnly: true,
		prepare: func(t testing.TB, p *peer) { p.identity = newIdentity(t, time.Now().Add(2*time.Second)) },
		run: func(s *story) {
			if !s.peer.tls {
				s.Skip("needs TLS")
			}
			s.put("theirs", `{}`)
			s.until("the certificate has expired", func() bool { return time.Now().After(s.peer.identity.Expiration()) })
			s.refused(nil, 5014)
			s.peer.stop()
			s.peer.identity = newIdentity(s, time.Now().Add(time.Hour))
			s.peer.listen(s)
			s.sync(nil)
			s.settled(nil)
		},
	},
	{
		// Tandem's clock shows in the certificate that it makes of itself.
		name: "a clock a day ahead of the app's",
		run: func(s *story) {
			if !s.peer.tls {
				s.Skip("needs TLS")
			}
			s.put("theirs", `{}`)
			certificate := certificateOfTomorrow(s)
			s.given = args{"url": behindTLS(s, certificate, s.peer), "certificate": base64.StdEncoding.EncodeToString(certificate.Certificate[0])}
			s.refused(nil, 5008)
		},
	},
	{
		name: "a certificate that nobody has signed, without a pin",
		run: func(s *story) {
			if !s.peer.tls {
				s.Skip("needs TLS")
			}
			s.given = args{"certificate": nil}
			s.refused(nil, 0)
		},
	},
}

func withPassword(_ testing.TB, p *peer) { p.user, p.password = "ann", "secret" }

// refused has the app sync once, which has to end with an error; code 0 takes any.
func (s *story) refused(more args, code int) {
	s.Helper()
	r := s.trySync(more)
	if r.Error == nil || code != 0 && r.Error.Code != code {
		s.Errorf("the app's sync ended with %v, want an error with code %d", r.Error, code)
	}
	s.sound()
}

func newIdentity(t testing.TB, expires time.Time) *tandem.TLSIdentity {
	t.Helper()
	id, err := tandem.CreateIdentity(tandem.MemoryIdentityStore(), tandem.TLSIdentityOptions{
		CommonName: "127.0.0.1", Expires: expires,
	})
	check(t, err)
	return id
}

// certificateOfTomorrow is one that a machine has made whose clock is a day ahead.
func certificateOfTomorrow(t testing.TB) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	tomorrow := time.Now().Add(24 * time.Hour)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "127.0.0.1"},
		NotBefore: tomorrow, NotAfter: tomorrow.Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	check(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// behindTLS gives the URL of a server that shows the certificate, and hands on what it hears to the peer.
func behindTLS(t testing.TB, certificate tls.Certificate, p *peer) string {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12})
	check(t, err)
	var served sync.WaitGroup
	served.Go(func() {
		for {
			app, err := l.Accept()
			if err != nil {
				return // closed with the test
			}
			served.Go(func() { handOn(app, p) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		served.Wait()
	})
	return "wss://" + l.Addr().String() + "/shop"
}

func handOn(app net.Conn, p *peer) {
	defer func() { _ = app.Close() }()
	behind, err := tls.Dial("tcp", p.address(), &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // our own
	if err != nil {
		return
	}
	go func() { // ends with the app's connection
		_, _ = io.Copy(behind, app)
		_ = behind.Close()
	}()
	_, _ = io.Copy(app, behind)
}
