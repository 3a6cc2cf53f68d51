package identity_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"net/netip"
	"net/url"
	"testing"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/identity"
)

// checkSigns proves that the private key works and is that of the leaf.
func checkSigns(t *testing.T, id *identity.Identity) {
	t.Helper()
	signer, ok := id.TLSCertificate().PrivateKey.(crypto.Signer)
	if !ok {
		t.Fatal("the key is not a signer")
	}
	digest := sha256.Sum256([]byte("message"))
	sig, err := signer.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	if public, ok := id.Leaf().PublicKey.(*ecdsa.PublicKey); ok && !ecdsa.VerifyASN1(public, digest[:], sig) {
		t.Error("the signature does not verify")
	}
}

// I-01, I-03, I-04, I-07, I-28
func TestCreatedIdentityHasItsAttributes(t *testing.T) {
	link, _ := url.Parse("https://example.com/till/7")
	id := create(t, nil, identity.Options{
		CommonName: "till 7", Organization: "Öl & Co", OrganizationalUnit: "Tills", Country: "DE",
		Locality: "Köln", State: "NRW", Emails: []string{"till@example.com"}, DNSNames: []string{"till7.local", "*.tills.example.com"},
		IPs: []netip.Addr{netip.MustParseAddr("192.0.2.7"), netip.MustParseAddr("2001:db8::7")}, URIs: []*url.URL{link},
	})
	leaf := id.Leaf()
	if got, want := leaf.Subject.String(), "CN=till 7,OU=Tills,O=Öl & Co,L=Köln,ST=NRW,C=DE"; got != want {
		t.Errorf("subject is %s, want %s", got, want)
	}
	if leaf.Issuer.String() != leaf.Subject.String() || len(id.Certs()) != 1 {
		t.Error("not self-signed")
	}
	for _, host := range []string{"till7.local", "a.tills.example.com", "192.0.2.7", "2001:db8::7"} {
		if err := leaf.VerifyHostname(host); err != nil {
			t.Error(err)
		}
	}
	if len(leaf.EmailAddresses) != 1 || leaf.EmailAddresses[0] != "till@example.com" || len(leaf.URIs) != 1 {
		t.Errorf("e-mail %q, URIs %v", leaf.EmailAddresses, leaf.URIs)
	}
	if key, ok := leaf.PublicKey.(*ecdsa.PublicKey); !ok || key.Curve != elliptic.P256() {
		t.Errorf("key is %T, want P-256", leaf.PublicKey)
	}
	if id.Label() != "" {
		t.Errorf("label is %q", id.Label())
	}
	checkSigns(t, id)
}

// I-02
func TestCreatedIdentityIsForItsUse(t *testing.T) {
	const server, client = x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth
	for name, c := range map[string]struct {
		use  identity.Usage
		want []x509.ExtKeyUsage
	}{
		"default": {0, []x509.ExtKeyUsage{server, client}},
		"server":  {identity.Server, []x509.ExtKeyUsage{server}},
		"client":  {identity.Client, []x509.ExtKeyUsage{client}},
	} {
		t.Run(name, func(t *testing.T) {
			id := create(t, nil, identity.Options{CommonName: "x", Usage: c.use})
			got := id.Leaf().ExtKeyUsage
			if len(got) != len(c.want) || got[0] != c.want[0] {
				t.Errorf("got %v, want %v", got, c.want)
			}
			for _, use := range []identity.Usage{identity.Server, identity.Client} {
				err := id.Check(use, time.Now())
				if wanted := c.use == 0 || c.use == use; (err == nil) != wanted {
					t.Errorf("Check(%v) = %v", use, err)
				}
			}
		})
	}
}

// I-05, I-06, X-21
func TestCreatedIdentityExpires(t *testing.T) {
	now := time.Now()
	for name, c := range map[string]struct{ asked, want time.Time }{
		"default": {time.Time{}, now.AddDate(0, 0, 365)},
		"century": {time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)},
		"minute":  {now.Add(time.Minute), now.Add(time.Minute)},
	} {
		t.Run(name, func(t *testing.T) {
			id := create(t, nil, identity.Options{CommonName: "x", Expires: c.asked})
			if diff := id.Expiration().Sub(c.want).Abs(); diff > 5*time.Second {
				t.Errorf("expires at %v, want %v", id.Expiration(), c.want)
			}
			if err := id.Check(identity.Server, now); err != nil {
				t.Error(err)
			}
		})
	}
	past := identity.Options{CommonName: "x", Expires: now.Add(-48 * time.Hour)}
	_, err := identity.Create(nil, past)
	wantFault(t, err, fault.Invalid)
	past.AllowPast = true
	id := create(t, nil, past)
	wantFault(t, id.Check(identity.Server, now), fault.CertExpired)
}

// I-03, X-21
func TestCreateRefusesWhatCannotWork(t *testing.T) {
	plain := simple(t, "no authority")
	for name, c := range map[string]struct {
		opts identity.Options
		want *fault.Error
	}{
		"no common name":  {identity.Options{Organization: "x"}, fault.Crypto},
		"country":         {identity.Options{CommonName: "x", Country: "Germany"}, fault.Invalid},
		"usage":           {identity.Options{CommonName: "x", Usage: 99}, fault.Invalid},
		"year 10000":      {identity.Options{CommonName: "x", Expires: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}, fault.Invalid},
		"label, no store": {identity.Options{CommonName: "x", Label: "x"}, fault.Invalid},
		"issuer":          {identity.Options{CommonName: "x", Issuer: plain}, fault.Crypto},
		"host":            {identity.Options{CommonName: "x", DNSNames: []string{"a.example.com", "not a host"}}, fault.Invalid},
		"empty host":      {identity.Options{CommonName: "x", DNSNames: []string{""}}, fault.Invalid},
		"e-mail":          {identity.Options{CommonName: "x", Emails: []string{"ü@example.com"}}, fault.Invalid},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := identity.Create(nil, c.opts)
			wantFault(t, err, c.want)
		})
	}
}

//
func TestIssuedIdentityVerifiesAgainstItsIssuer(t *testing.T) {
	root := create(t, nil, identity.Options{CommonName: "root", Usage: identity.Issue})
	middle := create(t, nil, identity.Options{CommonName: "middle", Usage: identity.Issue, Issuer: root})
	leaf := create(t, nil, identity.Options{CommonName: "leaf", Issuer: middle, DNSNames: []string{"leaf.test"}})
	if len(middle.Certs()) != 2 || len(leaf.Certs()) != 3 {
		t.Fatalf("chains of %d and %d certificates", len(middle.Certs()), len(leaf.Certs()))
	}
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(root.Leaf())
	between.AddCert(leaf.Certificates()[1])
	_, err := leaf.Leaf().Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, DNSName: "leaf.test"})
	if err != nil {
		t.Error(err)
	}
}

// I-29, A-11, A-16
func TestOwnCertificateServesAsRoot(t *testing.T) {
	id := create(t, nil, identity.Options{CommonName: "client", Usage: identity.Client})
	roots := x509.NewCertPool()
	for _, cert := range id.Certificates() {
		roots.AddCert(cert)
	}
	_, err := id.Leaf().Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	if err != nil {
		t.Error(err)
	}
}

// I-30
func TestWarningComesThirtyDaysBeforeTheExpiry(t *testing.T) {
	id := simple(t, "x")
	end, begin := id.Expiration(), id.Leaf().NotBefore
	for name, c := range map[string]struct {
		at   time.Time
		want string
	}{
		"early":   {end.Add(-31 * 24 * time.Hour), ""},
		"days":    {end.Add(-29*24*time.Hour - time.Hour), "expires in 29 days, at " + end.Format(time.RFC3339)},
		"2 days":  {end.Add(-49 * time.Hour), "expires in 2 days, at " + end.Format(time.RFC3339)},
		"a day":   {end.Add(-47*time.Hour - time.Minute), "expires in 47 hours, at " + end.Format(time.RFC3339)},
		"an hour": {end.Add(-time.Hour - time.Minute), "expires in 1 hour, at " + end.Format(time.RFC3339)},
		"minutes": {end.Add(-time.Minute), "expires within the hour, at " + end.Format(time.RFC3339)},
		"hours":   {end.Add(-3*time.Hour - time.Minute), "expires in 3 hours, at " + end.Format(time.RFC3339)},
		"expired": {end.Add(time.Second), "expired at " + end.Format(time.RFC3339)},
		"future":  {begin.Add(-time.Hour), "is not valid before " + begin.Format(time.RFC3339)},
	} {
		if got := id.Warning(c.at); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
	wantFault(t, id.Check(0, begin.Add(-time.Second)), fault.CertExpired)
}

// X-24, I-27
func TestIdentityOfAKeyThatStaysInItsDevice(t *testing.T) {
	made := simple(t, "tpm")
	device := opaque{made.TLSCertificate().PrivateKey.(crypto.Signer)}
	id, err := identity.FromKeyAndCerts(device, made.Certificates())
	if err != nil {
		t.Fatal(err)
	}
	checkSigns(t, id)
	_, err = id.ExportPEM("")
	wantFault(t, err, fault.Unsupported)
	mustSave(t, identity.Memory(), "tpm", id)
	store := identity.Folder(t.TempDir(), identity.FolderOptions{})
	wantFault(t, store.Save("tpm", id, nil), fault.Unsupported)
	created := create(t, nil, identity.Options{CommonName: "x", Key: device})
	checkSigns(t, created)
}

type opaque struct{ crypto.Signer }

func TestIdentityNeedsTheKeyOfItsCertificate(t *testing.T) {
	one, two := simple(t, "one"), simple(t, "two")
	key := one.TLSCertificate().PrivateKey.(crypto.Signer)
	_, err := identity.FromKeyAndCerts(key, two.Certificates())
	wantFault(t, err, fault.Crypto)
	_, err = identity.FromKeyAndCerts(key, nil)
	wantFault(t, err, fault.Invalid)
	_, err = identity.FromKeyAndCerts(nil, two.Certificates())
	wantFault(t, err, fault.Invalid)
}

func TestIdentityDoesNotChange(t *testing.T) {
	id := simple(t, "x")
	before := id.Fingerprint()
	id.Certs()[0][40] ^= 1
	id.Certificates()[0] = nil
	id.TLSCertificate().Certificate[0][41] ^= 1
	if id.Fingerprint() != before || id.Leaf() == nil {
		t.Error("changed through what it returned")
	}
}
