package identity_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tandemdb/tandem/internal/identity"
)

// openssl runs the outside witness in dir, or skips the test where there is none.
func openssl(t *testing.T, dir string, args ...string) string {
	t.Helper()
	path, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl is not installed")
	}
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("openssl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// I-15
func TestOpenSSLReadsExportedIdentities(t *testing.T) {
	dir := t.TempDir()
	root := create(t, nil, identity.Options{CommonName: "witness root", Usage: identity.Issue})
	id := create(t, identity.Memory(), identity.Options{CommonName: "witness leaf", Issuer: root, Label: "till"})
	p12, err := id.ExportPKCS12("pä€")
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, "id.p12"), p12)
	out := openssl(t, dir, "pkcs12", "-in", "id.p12", "-passin", "pass:pä€", "-nodes", "-info")
	for _, want := range []string{"MAC: sha256", "AES-256-CBC", "friendlyName: till", "witness root", "BEGIN PRIVATE KEY"} {
		if !strings.Contains(out, want) {
			t.Errorf("openssl pkcs12 does not show %q:\n%s", want, out)
		}
	}
	pem, err := id.ExportPEM("secret")
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, "id.pem"), pem)
	openssl(t, dir, "pkey", "-in", "id.pem", "-passin", "pass:secret", "-check", "-noout")
	out = openssl(t, dir, "x509", "-in", "id.pem", "-noout", "-fingerprint", "-sha256")
	if _, print, _ := strings.Cut(strings.TrimSpace(out), "="); print != id.Fingerprint() {
		t.Errorf("openssl's fingerprint is %s, ours %s", print, id.Fingerprint())
	}
	writeFile(t, filepath.Join(dir, "root.pem"), root.CertificatesPEM())
	openssl(t, dir, "verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", "root.pem", "id.pem")
}

// I-15, X-23
func TestIdentitiesOfTheInstalledOpenSSLAreImported(t *testing.T) {
	dir := t.TempDir()
	openssl(t, dir, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "cert.pem",
		"-subj", "/CN=fresh", "-days", "2")
	for name, extra := range map[string][]string{
		"modern": nil,
		"legacy": {"-legacy"},
		"3des":   {"-certpbe", "PBE-SHA1-3DES", "-keypbe", "PBE-SHA1-3DES", "-macalg", "sha1"},
	} {
		t.Run(name, func(t *testing.T) {
			args := []string{"pkcs12", "-export", "-inkey", "key.pem", "-in", "cert.pem", "-out", name, "-passout", "pass:x"}
			if name == "legacy" && strings.HasPrefix(openssl(t, dir, "version"), "OpenSSL 1") {
				t.Skip("this OpenSSL knows no -legacy")
			}
			openssl(t, dir, append(args, extra...)...)
			data, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			id, err := identity.FromPKCS12(data, "x", identity.PKCS12Options{})
			if err != nil {
				t.Fatal(err)
			}
			checkSigns(t, id)
		})
	}
}

// I-22: what is in the store, openssl sees, and what openssl makes is a store.
func TestPKCS12StoreIsAnOrdinaryFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "store.p12")
	store := identity.PKCS12File(path, "secret", fewRounds)
	root := create(t, nil, identity.Options{CommonName: "shared root", Usage: identity.Issue})
	for i := range 3 {
		name := fmt.Sprintf("entry %d", i)
		create(t, store, identity.Options{CommonName: name, Issuer: root, Label: name})
	}
	count := func(text string) int {
		out := openssl(t, dir, "pkcs12", "-in", "store.p12", "-passin", "pass:secret", "-nodes")
		return strings.Count(out, text)
	}
	if keys, certs := count("BEGIN PRIVATE KEY"), count("BEGIN CERTIFICATE"); keys != 3 || certs != 4 {
		t.Errorf("%d keys and %d certificates, want 3 and 4", keys, certs)
	}
	if err := store.Delete("entry 1"); err != nil {
		t.Fatal(err)
	}
	if keys, certs := count("BEGIN PRIVATE KEY"), count("BEGIN CERTIFICATE"); keys != 2 || certs != 3 {
		t.Errorf("%d keys and %d certificates after deleting, want 2 and 3", keys, certs)
	}
	if len(load(t, store, "entry 2").Certs()) != 2 {
		t.Error("deleting one took the root of the others")
	}
	writeFile(t, path, read(t, "modern.p12"))
	if id := load(t, store, "till"); len(id.Certs()) != 2 {
		t.Errorf("%d certificates", len(id.Certs()))
	}
}
