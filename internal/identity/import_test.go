package identity_test

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/fuzzing"
	"github.com/tandemdb/tandem/internal/identity"
)

func read(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("pkcs", "testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// I-15, I-16, I-17, I-20, I-28, I-31, I-32, X-23
func TestPKCS12IsImported(t *testing.T) {
	encoded := []byte(base64.StdEncoding.EncodeToString(read(t, "legacy.p12")))
	for name, c := range map[string]struct {
		data     []byte
		password string
		opts     identity.PKCS12Options
		names    []string // common names, leaf first
	}{
		"modern":         {read(t, "modern.p12"), "secret", identity.PKCS12Options{}, []string{"Test leaf", "Test root"}},
		"legacy":         {read(t, "legacy.p12"), "secret", identity.PKCS12Options{}, []string{"Test leaf", "Test root"}},
		"Base64":         {encoded, "secret", identity.PKCS12Options{}, []string{"Test leaf", "Test root"}},
		"Base64 wrapped": {wrap(encoded), "secret", identity.PKCS12Options{}, []string{"Test leaf", "Test root"}},
		"RSA":            {read(t, "unicode.p12"), "pä߀😀", identity.PKCS12Options{Alias: "Müller €"}, []string{"Test RSA"}},
		"Java, one":      {read(t, "java.p12"), "secret", identity.PKCS12Options{Alias: "one"}, []string{"one"}},
		"Java, two":      {read(t, "java.p12"), "secret", identity.PKCS12Options{Alias: "Two"}, []string{"Two"}},
	} {
		t.Run(name, func(t *testing.T) {
			id, err := identity.FromPKCS12(c.data, c.password, c.opts)
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, cert := range id.Certificates() {
				names = append(names, cert.Subject.CommonName)
			}
			if diff := cmp.Diff(c.names, names); diff != "" {
				t.Error(diff)
			}
			checkSigns(t, id)
			eachStore(t, func(t *testing.T, store identity.Store, reopen func() identity.Store) {
				mustSave(t, store, "imported", id)
				if diff := cmp.Diff(id.Certs(), load(t, reopen(), "imported").Certs()); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

// I-16, I-18
func TestPKCS12IsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		data     []byte
		password string
		opts     identity.PKCS12Options
		want     *fault.Error
	}{
		"wrong password":     {read(t, "modern.p12"), "guess", identity.PKCS12Options{}, fault.Crypto},
		"wrong key password": {read(t, "modern.p12"), "secret", identity.PKCS12Options{KeyPassword: "x"}, fault.Crypto},
		"unknown alias":      {read(t, "java.p12"), "secret", identity.PKCS12Options{Alias: "three"}, fault.NotFound},
		"no key under alias": {read(t, "java.p12"), "secret", identity.PKCS12Options{Alias: "trusted"}, fault.NotFound},
		"alias missing":      {read(t, "java.p12"), "secret", identity.PKCS12Options{}, fault.Invalid},
		"truncated":          {read(t, "modern.p12")[:700], "secret", identity.PKCS12Options{}, fault.WrongFormat},
		"empty":              {nil, "", identity.PKCS12Options{}, fault.WrongFormat},
		"PEM":                {read(t, "leaf.pem"), "secret", identity.PKCS12Options{}, fault.WrongFormat},
		"huge":               {make([]byte, 2<<20), "secret", identity.PKCS12Options{}, fault.WrongFormat},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := identity.FromPKCS12(c.data, c.password, c.opts)
			wantFault(t, err, c.want)
			if c.password != "" && strings.Contains(err.Error()+fault.HintOf(err), c.password) {
				t.Errorf("the error tells the password: %v", err)
			}
		})
	}
}

func TestExportedIdentityIsImportedAgain(t *testing.T) {
	root := create(t, nil, identity.Options{CommonName: "root", Usage: identity.Issue})
	store := identity.Memory()
	id := create(t, store, identity.Options{CommonName: "leaf", Issuer: root, Label: "Ünïcode / 😀"})
	for name, again := range map[string]func() (*identity.Identity, error){
		"PEM": func() (*identity.Identity, error) {
			data, err := id.ExportPEM("")
			if err != nil {
				return nil, err
			}
			return identity.FromPEM(data, "")
		},
		"encrypted PEM": func() (*identity.Identity, error) {
			data, err := id.ExportPEM("secret")
			if err != nil {
				return nil, err
			}
			if bytes.Contains(data, []byte("BEGIN PRIVATE KEY")) {
				t.Error("the key is not encrypted")
			}
			return identity.FromPEM(data, "secret")
		},
		"PKCS#12": func() (*identity.Identity, error) {
			data, err := id.ExportPKCS12("secret")
			if err != nil {
				return nil, err
			}
			return identity.FromPKCS12(data, "secret", identity.PKCS12Options{Alias: id.Label()})
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := again()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(id.Certs(), got.Certs()); diff != "" {
				t.Error(diff)
			}
			checkSigns(t, got)
		})
	}
}

func TestPEMIdentityIsRead(t *testing.T) {
	chain := append(read(t, "root.pem"), read(t, "leaf.pem")...) // the key's certificate comes second
	for _, name := range []string{"pbkdf2", "sha512", "scrypt", "v1", "des3", "sec1"} {
		id, err := identity.FromPEM(append(read(t, name+".pem"), chain...), "secret")
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if len(id.Certs()) != 2 || id.Leaf().Subject.CommonName != "Test leaf" {
			t.Errorf("%s: %d certificates, leaf %v", name, len(id.Certs()), id.Leaf().Subject)
		}
	}
	if _, err := identity.FromPEM(append(read(t, "pkcs1.pem"), read(t, "rsa.pem")...), "secret"); err != nil {
		t.Error(err)
	}
}

func TestPEMIdentityIsRefused(t *testing.T) {
	key, certs := read(t, "pbkdf2.pem"), read(t, "leaf.pem")
	for name, c := range map[string]struct {
		data     []byte
		password string
		want     *fault.Error
	}{
		"no key":          {certs, "", fault.WrongFormat},
		"no certificate":  {key, "secret", fault.WrongFormat},
		"two keys":        {slicesOf(key, key, certs), "secret", fault.WrongFormat},
		"wrong password":  {slicesOf(key, certs), "guess", fault.Crypto},
		"old, wrong one":  {slicesOf(read(t, "sec1.pem"), certs), "guess", fault.Crypto},
		"mismatched":      {slicesOf(key, read(t, "rsa.pem")), "secret", fault.Crypto},
		"broken key":      {slicesOf([]byte("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"), certs), "", fault.WrongFormat},
		"broken cert":     {slicesOf(key, []byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")), "secret", fault.WrongFormat},
		"not PEM at all":  {[]byte("hello"), "", fault.WrongFormat},
		"huge, and empty": {make([]byte, 2<<20), "", fault.WrongFormat},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := identity.FromPEM(c.data, c.password)
			wantFault(t, err, c.want)
		})
	}
}

//
func TestCertificatesAreReadInEveryForm(t *testing.T) {
	id := simple(t, "x")
	der, pem := id.Certs()[0], id.CertificatesPEM()
	b64 := func(data []byte) []byte { return []byte(base64.StdEncoding.EncodeToString(data)) }
	withKey, err := id.ExportPEM("")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		data []byte
		want int
	}{
		"DER": {der, 1}, "two DER": {slicesOf(der, der), 2}, "PEM": {pem, 1}, "two PEM": {slicesOf(pem, pem), 2},
		"Base64": {b64(der), 1}, "wrapped Base64": {wrap(b64(der)), 1}, "Base64 of PEM": {b64(pem), 1},
		"text before": {slicesOf([]byte("My server:\n\n"), pem), 1}, "PEM with key": {withKey, 1},
		"unpadded": {bytes.TrimRight(b64(der), "="), 1},
	} {
		certs, err := identity.ParseCertificates(c.data)
		if err != nil || len(certs) != c.want || !bytes.Equal(certs[0].Raw, der) {
			t.Errorf("%s: got %d certificates, %v", name, len(certs), err)
		}
	}
	for name, data := range map[string][]byte{
		"nothing": nil, "text": []byte("hello"), "truncated": der[:100], "trailing": append(bytes.Clone(der), 1),
		"empty PEM": []byte("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"),
	} {
		_, err := identity.ParseCertificates(data)
		if err == nil {
			t.Errorf("%s is accepted", name)
			continue
		}
		wantFault(t, err, fault.WrongFormat)
	}
}

func TestFingerprintHasOneForm(t *testing.T) {
	id := simple(t, "x")
	want := id.Fingerprint()
	if len(want) != 95 || strings.ToUpper(want) != want || strings.Count(want, ":") != 31 {
		t.Errorf("got %q", want)
	}
	bare := strings.ReplaceAll(want, ":", "")
	sum := sha256.Sum256(id.Leaf().Raw)
	for _, text := range []string{want, strings.ToLower(want), bare, " " + want + "\n", "SHA256:" + bare, "sha256 Fingerprint=" + want} {
		if got, err := identity.ParseFingerprint(text); err != nil || !bytes.Equal(got, sum[:]) {
			t.Errorf("%q: got %x, %v, want %x", text, got, err, sum)
		}
	}
	for _, text := range []string{"", want[:94], want + ":00", "zz" + want[2:]} {
		_, err := identity.ParseFingerprint(text)
		wantFault(t, err, fault.Invalid)
	}
}

// mostForKey bounds what an encrypted key costs: scrypt, which allocates up to 64 MiB for a key, is the worst of it.
const mostForKey = 256 << 20

func FuzzFromPEM(f *testing.F) {
	for _, name := range []string{"sec1.pem", "v1.pem", "leaf.pem", "pkcs1.pem"} {
		f.Add(append(read(f, name), read(f, "leaf.pem")...))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		fuzzing.Within(t, mostForKey, func() {
			id, err := identity.FromPEM(data, "secret")
			checkForeign(t, id, err)
		})
	})
}

func FuzzParseCertificates(f *testing.F) {
	f.Add(read(f, "leaf.pem"))
	f.Add([]byte(base64.StdEncoding.EncodeToString(read(f, "leaf.pem"))))
	f.Fuzz(func(t *testing.T, data []byte) {
		fuzzing.Bounded(t, len(data), func() {
			if _, err := identity.ParseCertificates(data); err != nil {
				checkForeign(t, nil, err)
			}
		})
	})
}

func FuzzFromPKCS12(f *testing.F) {
	for _, name := range []string{"aes.p12", "legacy.p12", "nomac.p12", "plain.p12"} {
		f.Add(read(f, name))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		fuzzing.Within(t, mostForKey, func() {
			id, err := identity.FromPKCS12(data, "secret", identity.PKCS12Options{})
			checkForeign(t, id, err)
		})
	})
}

// checkForeign demands a fault or an identity that works.
func checkForeign(t *testing.T, id *identity.Identity, err error) {
	t.Helper()
	switch {
	case err != nil && fault.Of(err) == nil:
		t.Fatalf("%v is not a fault", err)
	case err == nil && (id.Leaf() == nil || id.TLSCertificate().PrivateKey.(crypto.Signer) == nil):
		t.Fatal("an identity without certificate or key")
	}
}

func slicesOf(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func wrap(text []byte) []byte {
	var out []byte
	for len(text) > 64 {
		out = append(append(out, text[:64]...), '\r', '\n')
		text = text[64:]
	}
	return append(out, text...)
}
