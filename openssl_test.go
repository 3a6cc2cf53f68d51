package tandem_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tandemdb/tandem"
)

// openssl runs the program, and returns what it says and whether it was content.
func openssl(t *testing.T, args ...string) (string, bool) {
	t.Helper()
	path, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl is not installed")
	}
	cmd := exec.CommandContext(t.Context(), path, args...) //nolint:gosec // arguments of the test
	out, err := cmd.CombinedOutput()
	return string(out), err == nil
}

// T-08, T-18, I-32: which versions of TLS are spoken, and the chain that is shown.
func TestOpenSSLAsClient(t *testing.T) {
	root := newAuthority(t, "the root")
	middle := newIdentity(t, "the middle", issuedBy(root), usage(tandem.IssuerUsage))
	l, _ := share(t, withIdentity(newIdentity(t, "the leaf", issuedBy(middle))))
	for version, want := range map[string]bool{"-tls1_1": false, "-tls1_2": true, "-tls1_3": true} {
		out, ok := openssl(t, "s_client", "-connect", hostPort(l), version, "-cipher", "DEFAULT@SECLEVEL=0", "-showcerts")
		if ok != want {
			t.Errorf("%s: connected is %v\n%s", version, ok, out)
		}
		if !want {
			if !strings.Contains(out, "alert protocol version") {
				t.Errorf("%s: it is not the listener that refuses:\n%s", version, out)
			}
			continue
		}
		leaf, middle := strings.Index(out, "0 s:CN = the leaf"), strings.Index(out, "1 s:CN = the middle")
		if leaf < 0 || middle < leaf {
			t.Errorf("%s: the chain is not as configured\n%s", version, out)
		}
	}
}

// a listener that knows clients by certificate asks for one.
func TestOpenSSLIsAskedForACertificate(t *testing.T) {
	client := newIdentity(t, "client")
	l, _ := share(t, withAuthenticator(tandem.ListenerRootsAuthenticator(client.Certificates())))
	file := filepath.Join(t.TempDir(), "client.pem")
	data, err := client.ExportPEM("")
	check(t, err)
	check(t, os.WriteFile(file, data, 0o600))
	without, ok := openssl(t, "s_client", "-connect", hostPort(l), "-tls1_2")
	if ok || !strings.Contains(without, "alert") {
		t.Errorf("without a certificate:\n%s", without)
	}
	with, ok := openssl(t, "s_client", "-connect", hostPort(l), "-tls1_2", "-cert", file, "-key", file)
	if !ok {
		t.Errorf("with a certificate:\n%s", with)
	}
}

// I-15, I-16, X-23: OpenSSL reads what was exported, and what it writes is imported, with
// ciphers old and new.
func TestOpenSSLAndPKCS12(t *testing.T) {
	dir := t.TempDir()
	id := newIdentity(t, "till", issuedBy(newAuthority(t, "CA")))
	exported, err := id.ExportPKCS12("päss")
	check(t, err)
	file, plain := filepath.Join(dir, "out.p12"), filepath.Join(dir, "plain.pem")
	check(t, os.WriteFile(file, exported, 0o600))
	if out, ok := openssl(t, "pkcs12", "-in", file, "-passin", "pass:päss", "-nodes", "-out", plain); !ok {
		t.Fatal(out)
	}
	data, err := os.ReadFile(plain)
	check(t, err)
	read, err := tandem.IdentityFromPEM(data, "")
	check(t, err)
	if read.Fingerprint() != id.Fingerprint() || len(read.Certs()) != 2 {
		t.Error("OpenSSL has read another identity")
	}
	for name, ciphers := range map[string][]string{"modern": nil, "legacy": {"-legacy"}} {
		args := append([]string{"pkcs12", "-export", "-in", plain, "-out", file, "-passout", "pass:pw", "-name", "x"}, ciphers...)
		if out, ok := openssl(t, args...); !ok {
			t.Logf("%s: %s", name, out) // not every OpenSSL still has them
			continue
		}
		data, err := os.ReadFile(file)
		check(t, err)
		got, err := tandem.ImportPKCS12(tandem.MemoryIdentityStore(), "x", data, "pw", tandem.PKCS12Options{Alias: "x"})
		check(t, err)
		if got.Fingerprint() != id.Fingerprint() || len(got.Certs()) != 2 {
			t.Errorf("%s: another identity was imported", name)
		}
		_, err = tandem.IdentityFromPKCS12(data, "no", tandem.PKCS12Options{})
		wantError(t, name, err, tandem.ErrCrypto)
	}
}
