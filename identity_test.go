package tandem_test

import (
	"crypto"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/internal/identity"
	"github.com/tandemdb/tandem/internal/testsize"
)

// quickStore is a store of ours that derives keys in fewer rounds.
type quickStore struct{ identity.Store }

func (s quickStore) Load(label string) (*tandem.TLSIdentity, error) {
	id, err := s.Store.Load(label)
	return (*tandem.TLSIdentity)(id), err
}

func (s quickStore) Save(label string, id, replaces *tandem.TLSIdentity) error {
	return s.Store.Save(label, (*identity.Identity)(id), (*identity.Identity)(replaces))
}

func signer(t testing.TB, id *tandem.TLSIdentity) crypto.Signer {
	t.Helper()
	key, ok := id.TLSCertificate().PrivateKey.(crypto.Signer)
	if !ok {
		t.Fatal("the key cannot sign")
	}
	return key
}

// eachIdentityStore runs a test with every store. reopen returns the same store as another
// program would open it.
func eachIdentityStore(t *testing.T, test func(t *testing.T, reopen func() tandem.TLSIdentityStore)) {
	memory := tandem.MemoryIdentityStore()
	dir := t.TempDir()
	for name, reopen := range map[string]func() tandem.TLSIdentityStore{
		"memory": func() tandem.TLSIdentityStore { return memory },
		"folder": func() tandem.TLSIdentityStore {
			return tandem.FolderIdentityStore(filepath.Join(dir, "plain"), tandem.IdentityFolderOptions{})
		},
		"folder with passphrase": func() tandem.TLSIdentityStore {
			return tandem.FolderIdentityStore(filepath.Join(dir, "secret"), tandem.IdentityFolderOptions{Passphrase: "pp", Rounds: 1000})
		},
		"PKCS#12": func() tandem.TLSIdentityStore { // that of PKCS12IdentityStore, and faster
			return quickStore{identity.PKCS12File(filepath.Join(dir, "ids.p12"), "pw", 1000)}
		},
		"default": func() tandem.TLSIdentityStore { return nil },
		"own":     func() tandem.TLSIdentityStore { return ownStore{memory} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(tandem.IdentityFolderVariable, filepath.Join(dir, "default"))
			test(t, reopen)
		})
	}
}

// ownStore is a store that a program brings.
type ownStore struct{ kept tandem.TLSIdentityStore }

func (s ownStore) Load(label string) (*tandem.TLSIdentity, error) { return s.kept.Load("own-" + label) }

func (s ownStore) Save(label string, id, replaces *tandem.TLSIdentity) error {
	return s.kept.Save("own-"+label, id, replaces)
}

func (s ownStore) Delete(label string) error { return s.kept.Delete("own-" + label) }

func (s ownStore) Labels() ([]string, error) { return s.kept.Labels() }

// I-01, I-08, I-09, I-10, I-11, I-12, I-13, I-21, I-22, I-26, T-20, X-21: the life of a label.
func TestIdentitiesAreKeptUnderLabels(t *testing.T) {
	eachIdentityStore(t, func(t *testing.T, reopen func() tandem.TLSIdentityStore) {
		const label = "till 7/../ä"
		if id, err := tandem.GetIdentity(reopen(), label); id != nil || err != nil {
			t.Fatalf("an unknown label gives %v, %v", id, err)
		}
		options := tandem.TLSIdentityOptions{CommonName: "till 7", Label: label, Usage: tandem.ServerUsage}
		made, err := tandem.CreateIdentity(reopen(), options)
		check(t, err)
		if made.Label() == "" || len(made.Certs()) != 1 {
			t.Errorf("label %q with %d certificates", made.Label(), len(made.Certs()))
		}
		_, err = tandem.CreateIdentity(reopen(), options)
		wantError(t, "a taken label", err, tandem.ErrCrypto)
		got, err := tandem.GetIdentity(reopen(), label)
		check(t, err)
		if diff := cmp.Diff(made.Certs(), got.Certs()); diff != "" {
			t.Error(diff)
		}
		l, theirs := share(t, withIdentity(got)) // so the key is usable
		_, err = attempt(t, l.URLs()[0], pinned(made.Leaf().Raw))
		wantSynced(t, "with the stored identity", theirs, err)
		check(t, tandem.DeleteIdentity(reopen(), label))
		if id, err := tandem.GetIdentity(reopen(), label); id != nil || err != nil {
			t.Errorf("after its deletion there is %v, %v", id, err)
		}
		wantError(t, "a label that is not there", tandem.DeleteIdentity(reopen(), label), tandem.ErrNotFound)
		again, err := tandem.SaveIdentity(reopen(), label, got)
		check(t, err)
		if again.Fingerprint() != got.Fingerprint() || again.Label() == "" {
			t.Error("saving has changed the identity")
		}
		check(t, tandem.DeleteIdentity(reopen(), label))
	})
}

// I-08, T-20, I-31: a second process finds what the first has made, and makes nothing.
func TestAnotherProcessFindsTheIdentity(t *testing.T) {
	t.Setenv(tandem.IdentityFolderVariable, cmpOr(os.Getenv(tandem.IdentityFolderVariable), t.TempDir()))
	id, err := tandem.GetIdentity(nil, "app")
	check(t, err)
	if id == nil {
		id, err = tandem.CreateIdentity(nil, tandem.TLSIdentityOptions{CommonName: "app", Label: "app"})
		check(t, err)
	}
	if os.Getenv(roleVariable) != "" {
		fmt.Print("result: " + id.Fingerprint() + "\n")
		return
	}
	if got := output(t, process(t, "second")); got != id.Fingerprint() {
		t.Errorf("the second process has %s, want %s", got, id.Fingerprint())
	}
}

func cmpOr(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// I-07
func TestIdentitiesWithoutLabelAreNotStored(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ids")
	store := tandem.FolderIdentityStore(dir, tandem.IdentityFolderOptions{})
	id, err := tandem.CreateIdentity(store, tandem.TLSIdentityOptions{CommonName: "x"})
	check(t, err)
	if id.Label() != "" {
		t.Errorf("its label is %q", id.Label())
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Error("something was written")
	}
}

// I-02, I-03, I-04, I-05, I-28, X-21
func TestACertificateSaysWhatWasAskedFor(t *testing.T) {
	for name, c := range map[string]struct {
		usage tandem.TLSUsage
		want  []x509.ExtKeyUsage
	}{
		"server": {tandem.ServerUsage, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}},
		"client": {tandem.ClientUsage, []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}},
		"both":   {0, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}},
	} {
		if got := newIdentity(t, name, usage(c.usage)).Leaf().ExtKeyUsage; !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	far := time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
	id, err := tandem.CreateIdentity(nil, tandem.TLSIdentityOptions{
		CommonName: "till 7", Organization: "Shop", OrganizationalUnit: "Tills", Country: "CH", Locality: "Bern",
		State: "BE", Emails: []string{"it@shop.example"}, DNSNames: []string{"till7.local"},
		IPs: []netip.Addr{netip.MustParseAddr("192.0.2.7")}, Expires: far,
	})
	check(t, err)
	leaf := id.Leaf()
	if got, want := leaf.Subject.String(), "CN=till 7,OU=Tills,O=Shop,L=Bern,ST=BE,C=CH"; got != want {
		t.Errorf("subject %s, want %s", got, want)
	}
	if !slices.Equal(leaf.EmailAddresses, []string{"it@shop.example"}) || leaf.VerifyHostname("till7.local") != nil ||
		leaf.VerifyHostname("192.0.2.7") != nil {
		t.Errorf("alternative names: %v %v %v", leaf.EmailAddresses, leaf.DNSNames, leaf.IPAddresses)
	}
	if !id.Expiration().Equal(far) || id.Warning(time.Now()) != "" {
		t.Errorf("it expires at %v (%q), want %v", id.Expiration(), id.Warning(time.Now()), far)
	}
	year := newIdentity(t, "default").Expiration().Sub(time.Now().AddDate(0, 0, 365))
	if year.Abs() > 5*time.Second {
		t.Errorf("the default validity differs from a year by %v", year)
	}
}

// I-03, I-06, X-21, and other wishes that cannot be fulfilled: the store stays as it was.
func TestImpossibleIdentitiesAreNotCreated(t *testing.T) {
	issuer := newIdentity(t, "no issuer")
	for name, c := range map[string]struct {
		o    tandem.TLSIdentityOptions
		want error
	}{
		"no common name":     {tandem.TLSIdentityOptions{Label: "x"}, tandem.ErrCrypto},
		"in the past":        {tandem.TLSIdentityOptions{CommonName: "x", Label: "x", Expires: time.Now().Add(-time.Second)}, tandem.ErrInvalid},
		"by a mere identity": {tandem.TLSIdentityOptions{CommonName: "x", Label: "x", Issuer: issuer}, tandem.ErrCrypto},
		"control characters": {tandem.TLSIdentityOptions{CommonName: "x", Label: "a\nb"}, tandem.ErrInvalid},
		"an endless label":   {tandem.TLSIdentityOptions{CommonName: "x", Label: strings.Repeat("x", 257)}, tandem.ErrInvalid},
	} {
		store := tandem.MemoryIdentityStore()
		_, err := tandem.CreateIdentity(store, c.o)
		wantError(t, name, err, c.want)
		if labels, err := store.Labels(); len(labels) != 0 || err != nil {
			t.Errorf("%s: the store has %q (%v)", name, labels, err)
		}
	}
}

// I-23, I-24: nobody else can read the keys, and labels lead nowhere.
func TestTheFolderKeepsKeysToItself(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has other permissions")
	}
	for name, o := range map[string]tandem.IdentityFolderOptions{"plain": {}, "encrypted": {Passphrase: "pp", Rounds: 1000}} {
		parent := t.TempDir()
		dir := filepath.Join(parent, "ids")
		_, err := tandem.CreateIdentity(tandem.FolderIdentityStore(dir, o),
			tandem.TLSIdentityOptions{CommonName: "x", Label: "../../escape"})
		check(t, err)
		keys := 0
		check(t, filepath.WalkDir(parent, func(path string, entry os.DirEntry, err error) error {
			check(t, err)
			info, err := entry.Info()
			check(t, err)
			if want := os.FileMode(0o600); path != parent && !entry.IsDir() && info.Mode().Perm() != want {
				t.Errorf("%s: %s has mode %o", name, path, info.Mode().Perm())
			}
			if path == dir && info.Mode().Perm() != 0o700 {
				t.Errorf("%s: the folder has mode %o", name, info.Mode().Perm())
			}
			if filepath.Ext(path) != ".pem" {
				return nil
			}
			keys++
			data, err := os.ReadFile(path)
			check(t, err)
			if readable := strings.Contains(string(data), "BEGIN PRIVATE KEY"); readable != (o.Passphrase == "") {
				t.Errorf("%s: the key can be read: %v", name, readable)
			}
			return nil
		}))
		if entries, _ := os.ReadDir(parent); keys != 1 || len(entries) != 1 {
			t.Errorf("%s: %d keys, %d entries beside the folder", name, keys, len(entries))
		}
		_, err = tandem.GetIdentity(tandem.FolderIdentityStore(dir, tandem.IdentityFolderOptions{Passphrase: "no", Rounds: 1000}), "../../escape")
		wantError(t, name+", another passphrase", err, tandem.ErrCrypto)
	}
}

// I-14: stores that were tampered with are errors, and stay as they are.
func TestADamagedStoreIsReportedAndLeftAlone(t *testing.T) {
	dir := t.TempDir()
	store := tandem.FolderIdentityStore(dir, tandem.IdentityFolderOptions{})
	for _, label := range []string{"a", "b"} {
		_, err := tandem.CreateIdentity(store, tandem.TLSIdentityOptions{CommonName: label, Label: label})
		check(t, err)
	}
	labels := filepath.Join(dir, "labels.json")
	good, err := os.ReadFile(labels)
	check(t, err)
	for name, damage := range map[string]string{
		"no JSON": "{", "another format": `{"format":"x","version":1}`,
		"a path": `{"format":"tandem-identities","version":1,"identities":{"a":{"file":"../../etc/passwd","fingerprint":""}}}`,
	} {
		check(t, os.WriteFile(labels, []byte(damage), 0o600))
		if _, err := tandem.GetIdentity(store, "a"); err == nil {
			t.Errorf("%s: the identity is there", name)
		}
		if err := tandem.DeleteIdentity(store, "a"); err == nil {
			t.Errorf("%s: deletion says nothing", name)
		}
		if now, _ := os.ReadFile(labels); string(now) != damage {
			t.Errorf("%s: the store was changed", name)
		}
	}
	check(t, os.WriteFile(labels, good, 0o600))
	for _, file := range pemFiles(t, dir) { // swapped keys and certificates
		check(t, os.Rename(file, file+".x"))
	}
	swapped := pemFiles(t, dir, ".x")
	check(t, os.Rename(swapped[0], strings.TrimSuffix(swapped[1], ".x")))
	check(t, os.Rename(swapped[1], strings.TrimSuffix(swapped[0], ".x")))
	_, err = tandem.GetIdentity(store, "a")
	wantError(t, "swapped files", err, tandem.ErrCorrupt)
	check(t, tandem.DeleteIdentity(store, "a"))
}

func pemFiles(t *testing.T, dir string, suffix ...string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.pem"+strings.Join(suffix, "")))
	check(t, err)
	return files
}

// I-15, I-16, I-17, I-18, I-19, I-20, I-31, X-23
func TestPKCS12FilesAreImportedOrRefused(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("internal", "identity", "pkcs", "testdata", "modern.p12")) // of OpenSSL
	check(t, err)
	id, err := tandem.IdentityFromPKCS12(data, "secret", tandem.PKCS12Options{})
	check(t, err)
	if id.Label() != "" || len(id.Certs()) != 2 {
		t.Errorf("straight from the file: label %q, %d certificates", id.Label(), len(id.Certs()))
	}
	eachIdentityStore(t, func(t *testing.T, reopen func() tandem.TLSIdentityStore) {
		for name, form := range map[string][]byte{"DER": data, "Base64": []byte(base64.StdEncoding.EncodeToString(data))} {
			imported, err := tandem.ImportPKCS12(reopen(), name, form, "secret", tandem.PKCS12Options{})
			check(t, err)
			got, err := tandem.GetIdentity(reopen(), name)
			check(t, err)
			if diff := cmp.Diff(id.Certs(), got.Certs()); diff != "" || imported.Fingerprint() != got.Fingerprint() {
				t.Errorf("%s: the chain is another: %s", name, diff)
			}
			check(t, tandem.DeleteIdentity(reopen(), name))
		}
		for name, c := range map[string]struct {
			data     []byte
			password string
			o        tandem.PKCS12Options
			want     error
		}{
			"wrong password":     {data, "no", tandem.PKCS12Options{}, tandem.ErrCrypto},
			"wrong key password": {data, "secret", tandem.PKCS12Options{KeyPassword: "no"}, tandem.ErrCrypto},
			"unknown alias":      {data, "secret", tandem.PKCS12Options{Alias: "nobody"}, tandem.ErrNotFound},
			"truncated":          {data[:len(data)/2], "secret", tandem.PKCS12Options{}, nil},
			"nothing":            {nil, "secret", tandem.PKCS12Options{}, nil},
		} {
			_, err := tandem.ImportPKCS12(reopen(), "bad", c.data, c.password, c.o)
			if err == nil || c.want != nil {
				wantError(t, name, err, c.want)
			}
			if id, err := tandem.GetIdentity(reopen(), "bad"); id != nil || err != nil {
				t.Errorf("%s: there is %v (%v)", name, id, err)
			}
		}
	})
}

// I-16: one file with two entries, each found by its alias.
func TestAnAliasChoosesAmongSeveralPKCS12Entries(t *testing.T) {
	testsize.Whole(t)
	path := filepath.Join(t.TempDir(), "two.p12")
	file := tandem.PKCS12IdentityStore(path, "pw")
	for _, name := range []string{"one", "two"} {
		_, err := tandem.CreateIdentity(file, tandem.TLSIdentityOptions{CommonName: name, Label: name})
		check(t, err)
	}
	data, err := os.ReadFile(path)
	check(t, err)
	for _, name := range []string{"one", "two"} {
		id, err := tandem.IdentityFromPKCS12(data, "pw", tandem.PKCS12Options{Alias: name})
		check(t, err)
		if got := id.Leaf().Subject.CommonName; got != name {
			t.Errorf("alias %s gives %s", name, got)
		}
	}
	_, err = tandem.IdentityFromPKCS12(data, "pw", tandem.PKCS12Options{})
	wantError(t, "without alias", err, tandem.ErrInvalid)
}

// I-27, I-32, X-22: a chain of three, from PEM in any order, is served whole.
func TestAChainOfThreeIsKeptWhole(t *testing.T) {
	root := newAuthority(t, "root")
	middle := newIdentity(t, "middle", issuedBy(root), usage(tandem.IssuerUsage))
	leaf := newIdentity(t, "leaf", issuedBy(middle))
	if len(middle.Certs()) != 2 || len(leaf.Certs()) != 3 {
		t.Fatalf("chains of %d and %d", len(middle.Certs()), len(leaf.Certs()))
	}
	data, err := leaf.ExportPEM("pw")
	check(t, err)
	_, err = tandem.IdentityFromPEM(data, "no")
	wantError(t, "wrong password", err, tandem.ErrCrypto)
	id, err := tandem.IdentityFromPEM(data, "pw")
	check(t, err)
	l, theirs := share(t, withIdentity(id))
	chain := presented(t, l)
	if len(chain) < 2 || !chain[0].Equal(leaf.Leaf()) || !chain[1].Equal(middle.Leaf()) {
		t.Errorf("the listener shows %d certificates", len(chain))
	}
	_, err = attempt(t, l.URLs()[0], roots(root))
	wantSynced(t, "by the root alone", theirs, err)
	_, err = tandem.IdentityFromKeyAndCerts(signer(t, root), id.Certificates())
	wantError(t, "another key", err, tandem.ErrCrypto)
}

// device is a key that can be used, and not be taken.
type device struct {
	key  crypto.Signer
	used atomic.Int32
}

func (d *device) Public() crypto.PublicKey { return d.key.Public() }

func (d *device) Sign(random io.Reader, digest []byte, o crypto.SignerOpts) ([]byte, error) {
	d.used.Add(1)
	return d.key.Sign(random, digest, o)
}

// I-27, X-24
func TestAKeyMayStayInItsDevice(t *testing.T) {
	server, client := &device{key: signer(t, newIdentity(t, "a"))}, &device{key: signer(t, newIdentity(t, "b"))}
	withKey := func(key crypto.Signer) func(*tandem.TLSIdentityOptions) {
		return func(o *tandem.TLSIdentityOptions) { o.Key = key }
	}
	serverID := newIdentity(t, "server", withKey(server))
	clientID, err := tandem.IdentityFromKeyAndCerts(client, newIdentity(t, "client", withKey(client)).Certificates())
	check(t, err)
	server.used.Store(0)
	client.used.Store(0)
	l, theirs := share(t, withIdentity(serverID), withAuthenticator(tandem.ListenerRootsAuthenticator(clientID.Certificates())))
	_, err = attempt(t, l.URLs()[0], roots(serverID), as(tandem.ClientCertificateAuthenticator{Identity: clientID}))
	wantSynced(t, "with keys in devices", theirs, err)
	if server.used.Load() == 0 || client.used.Load() == 0 {
		t.Errorf("the devices were used %d and %d times", server.used.Load(), client.used.Load())
	}
	if _, err := serverID.ExportPKCS12("pw"); err == nil {
		t.Error("the key has left its device")
	}
	dir := filepath.Join(t.TempDir(), "ids")
	if _, err := tandem.SaveIdentity(tandem.FolderIdentityStore(dir, tandem.IdentityFolderOptions{}), "x", serverID); err == nil {
		t.Error("a folder keeps a key that it does not have")
	}
	kept, err := tandem.SaveIdentity(tandem.MemoryIdentityStore(), "x", serverID)
	check(t, err)
	if kept.Label() != "x" {
		t.Error("it has no label in memory")
	}
}

// I-25: the store of the operating system, where there is one.
func TestKeyringStore(t *testing.T) {
	store := tandem.KeyringIdentityStore("tandem-test-" + time.Now().Format("150405.000000"))
	_, err := tandem.CreateIdentity(store, tandem.TLSIdentityOptions{CommonName: "x", Label: "x"})
	if err != nil {
		wantError(t, "without a key store", err, tandem.ErrCrypto)
		t.Skip("there is no key store: ", err)
	}
	got, err := tandem.GetIdentity(store, "x")
	check(t, err)
	if got == nil {
		t.Error("the identity is not there")
	}
	check(t, tandem.DeleteIdentity(store, "x"))
}
