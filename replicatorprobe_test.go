package tandem_test

import (
	"crypto/x509"
	"errors"
	"testing"

	"github.com/tandemdb/tandem"
)

func TestAConnectionIsTestedAndNothingElse(t *testing.T) {
	ctx := t.Context()
	here, there := openTemp(t, "here", tandem.Options{}), openTemp(t, "there", tandem.Options{})
	ours, err := here.DefaultCollection(ctx)
	check(t, err)
	check(t, ours.Put(ctx, "a", map[string]int{"n": 1}))
	theirs, err := there.DefaultCollection(ctx)
	check(t, err)
	l, err := tandem.NewURLEndpointListener(tandem.URLEndpointListenerConfiguration{
		Collections: []*tandem.Collection{theirs}, NetworkInterface: "127.0.0.1",
		IdentityStore: tandem.MemoryIdentityStore(), Authenticator: tandem.StaticPassword("sue", "sesame"),
	})
	check(t, err)
	check(t, l.Start())
	defer l.Stop()
	try := func(url, password string, trust bool) (*tandem.Replicator, error) {
		endpoint, err := tandem.NewURLEndpoint(url)
		check(t, err)
		cfg := tandem.ReplicatorConfiguration{
			Endpoint: endpoint, Authenticator: tandem.BasicAuthenticator{Username: "sue", Password: password},
			TrustOnFirstUse: func(*x509.Certificate) bool { return trust },
		}
		cfg.AddCollection(ours)
		r, err := tandem.NewReplicator(cfg)
		check(t, err)
		return r, r.TestConnection(ctx)
	}
	r, err := try(l.URLs()[0], "sesame", true)
	check(t, err)
	if cert := r.ServerCertificate(); cert == nil || tandem.Fingerprint(cert) != l.TLSIdentity().Fingerprint() {
		t.Errorf("the peer has shown %v", cert)
	}
	if _, err := try(l.URLs()[0], "wrong", true); !errors.Is(err, tandem.ErrUnauthorized) {
		t.Errorf("a wrong password: %v", err)
	}
	if _, err := try(l.URLs()[0], "sesame", false); !errors.Is(err, tandem.ErrCertUnknownRoot) {
		t.Errorf("a certificate that is not trusted: %v", err)
	}
	if _, err := try(l.URLs()[0]+"x", "sesame", true); !errors.Is(err, tandem.ErrNotFoundRemotely) {
		t.Errorf("a database that is not there: %v", err)
	}
	known, err := here.KnownServers(ctx)
	check(t, err)
	remotes, err := here.Remotes(ctx)
	check(t, err)
	count, err := theirs.Count(ctx)
	check(t, err)
	if len(known) > 0 || len(remotes) > 0 || count > 0 {
		t.Errorf("after the tests: known %v, met %v, pushed %d", known, remotes, count)
	}
}
