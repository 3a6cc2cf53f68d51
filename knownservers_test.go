package tandem_test

import (
	"crypto/x509"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/tandemdb/tandem"
)

func firstUse(ask func(*x509.Certificate) bool) configureReplicator {
	return func(c *tandem.ReplicatorConfiguration) { c.TrustOnFirstUse = ask }
}

// Trust on first use: asked once, kept in the database, and never again for another certificate.
func TestTrustOnFirstUseHoldsFromThenOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	db := openAt(t, path, tandem.Options{})
	ours := defaultIn(t, db)
	l, theirs := share(t)
	url := l.URLs()[0]
	var asked atomic.Int32
	ask := func(answer bool) configureReplicator {
		return firstUse(func(cert *x509.Certificate) bool {
			asked.Add(1)
			return cert.Equal(l.TLSIdentity().Leaf()) && answer
		})
	}
	_, err := attemptWith(t, ours, url, ask(false))
	wantRefused(t, "refused", theirs, err, tandem.ErrCertUnknownRoot)
	wantKnown(t, db, "")
	_, err = attemptWith(t, ours, url, ask(true))
	check(t, err)
	first := l.TLSIdentity().Fingerprint()
	wantKnown(t, db, first)
	check(t, db.Close())

	db = openAt(t, path, tandem.Options{})
	ours = defaultIn(t, db)
	_, err = attemptWith(t, ours, url, ask(false))
	check(t, err)
	_, err = attemptWith(t, ours, url)
	check(t, err) // which says nothing about certificates
	_, err = attemptWith(t, ours, url, roots(newIdentity(t, "another root")))
	wantError(t, "other roots", err, tandem.ErrCertUnknownRoot)
	if n := asked.Load(); n != 2 {
		t.Errorf("it was asked %d times, want 2", n)
	}
	check(t, l.SetTLSIdentity(newIdentity(t, "an impostor")))
	r, err := attemptWith(t, ours, url, ask(true))
	wantError(t, "another certificate", err, tandem.ErrCertUnknownRoot)
	if !strings.Contains(err.Error(), first) {
		t.Errorf("it does not say which certificate was trusted: %v", err)
	}
	if tandem.HintOf(err) == "" || !r.ServerCertificate().Equal(l.TLSIdentity().Leaf()) {
		t.Error("there is no hint, or not the certificate that was seen")
	}
	_, err = attemptWith(t, ours, url)
	wantError(t, "another certificate, and nothing said", err, tandem.ErrCertUnknownRoot)
	if n := asked.Load(); n != 2 {
		t.Error("it was asked about another certificate")
	}
	wantKnown(t, db, first)
	endpoint, err := tandem.NewURLEndpoint(url)
	check(t, err)
	check(t, db.ForgetServer(t.Context(), endpoint))
	check(t, db.ForgetServer(t.Context(), endpoint))
	_, err = attemptWith(t, ours, url, ask(true))
	check(t, err)
	wantKnown(t, db, l.TLSIdentity().Fingerprint())
}

// wantKnown compares the only known server's fingerprint; "" means that there is none.
func wantKnown(t *testing.T, db *tandem.Database, want string) {
	t.Helper()
	known, err := db.KnownServers(t.Context())
	check(t, err)
	got := ""
	for _, server := range known {
		got += server.Fingerprint
		if server.Address == "" || server.Since.IsZero() {
			t.Errorf("known server %+v", server)
		}
	}
	if got != want {
		t.Errorf("known is %q, want %q", got, want)
	}
}

// A server that does not let us in is not remembered; nor does a pin or clear text ask.
func TestTrustOnFirstUseIsForConnectionsThatComeAbout(t *testing.T) {
	ours := newCollection(t)
	l, _ := share(t, withAuthenticator(tandem.StaticPassword("u", "p")))
	yes := firstUse(func(*x509.Certificate) bool { return true })
	_, err := attemptWith(t, ours, l.URLs()[0], yes)
	wantError(t, "without password", err, tandem.ErrUnauthorized)
	wantKnown(t, ours.Database(), "")

	l, _ = share(t)
	panics := firstUse(func(*x509.Certificate) bool { panic("no") })
	_, err = attemptWith(t, ours, l.URLs()[0], panics)
	wantError(t, "a panic", err, tandem.ErrCertUnknownRoot)
	_, err = attemptWith(t, ours, l.URLs()[0], panics, pinned(l.TLSIdentity().Leaf().Raw))
	check(t, err)
	l, _ = share(t, clearText)
	_, err = attemptWith(t, ours, l.URLs()[0], panics)
	check(t, err)
	wantKnown(t, ours.Database(), "")
	cfg := tandem.ReplicatorConfiguration{AcceptOnlySelfSignedServerCertificate: true}
	yes(&cfg)
	wantError(t, "with self-signed only", cfg.Validate(), tandem.ErrInvalid)
}
