package tandem_test

import (
	"crypto"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/tandemdb/tandem"
)

// An identity is created once, kept in a store and found by its label.
func ExampleCreateIdentity() {
	store := tandem.MemoryIdentityStore()
	id := got(tandem.CreateIdentity(store, tandem.TLSIdentityOptions{
		CommonName: "till 7", Usage: tandem.ClientUsage, Label: "till",
		Expires: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC),
	}))
	fmt.Println(id.Label(), id.Expiration().Format(time.DateOnly), id.Leaf().Subject.CommonName)
	found := got(tandem.GetIdentity(store, "till"))
	fmt.Println(found.Fingerprint() == tandem.Fingerprint(id.Leaf()), found.Check(tandem.ServerUsage, time.Now()) != nil)
	fmt.Printf("%q\n", id.Warning(time.Now()))
	ensure(tandem.DeleteIdentity(store, "till"))
	fmt.Println(got(store.Labels()))
	// Output:
	// till 2100-01-01 till 7
	// true true
	// ""
	// []
}

// Identities move between programs as PEM.
func ExampleTLSIdentity_ExportPEM() {
	store := tandem.MemoryIdentityStore()
	id := got(tandem.CreateIdentity(nil, tandem.TLSIdentityOptions{CommonName: "till 7"}))
	fromPEM := got(tandem.IdentityFromPEM(got(id.ExportPEM("")), "")) // in clear text
	key, _ := id.TLSCertificate().PrivateKey.(crypto.Signer)          // may be a key in hardware
	fromKey := got(tandem.IdentityFromKeyAndCerts(key, id.Certificates()))
	fmt.Println(fromPEM.Fingerprint() == id.Fingerprint(), fromKey.Fingerprint() == id.Fingerprint())
	saved := got(tandem.SaveIdentity(store, "till", fromPEM))
	pinned := got(tandem.ParseCertificates(saved.CertificatesPEM()))
	fmt.Println(saved.Label(), len(pinned), len(saved.Certs()))
	// Output:
	// true true
	// till 1 1
}

// PKCS#12 files are for other programs, too. Their passwords are slow to guess, and so to use.
func ExampleTLSIdentity_ExportPKCS12() {
	id := got(tandem.CreateIdentity(nil, tandem.TLSIdentityOptions{CommonName: "till 7"}))
	file := got(id.ExportPKCS12("secret"))
	same := got(tandem.IdentityFromPKCS12(file, "secret", tandem.PKCS12Options{}))
	imported := got(tandem.ImportPKCS12(tandem.MemoryIdentityStore(), "till", file, "secret", tandem.PKCS12Options{}))
	fmt.Println(same.Fingerprint() == imported.Fingerprint())
}

// A store may be a folder, a PKCS#12 file, the key store of the operating system, or the user's default.
func ExampleFolderIdentityStore() {
	folder := got(os.MkdirTemp("", "example"))
	defer os.RemoveAll(folder)
	ensure(os.Setenv(tandem.IdentityFolderVariable, filepath.Join(folder, "default")))
	defer func() { ensure(os.Unsetenv(tandem.IdentityFolderVariable)) }()

	for _, store := range []tandem.TLSIdentityStore{
		tandem.FolderIdentityStore(filepath.Join(folder, "ids"), tandem.IdentityFolderOptions{}),
		got(tandem.DefaultIdentityStore()),
	} {
		id := got(tandem.CreateIdentity(store, tandem.TLSIdentityOptions{CommonName: "till 7", Label: "till"}))
		fmt.Println(id.Label(), got(store.Labels()))
	}
	_ = tandem.PKCS12IdentityStore(filepath.Join(folder, "ids.p12"), "secret")
	_ = tandem.KeyringIdentityStore("till 7") // which asks the user, perhaps
	// Output:
	// till [till]
	// till [till]
}

// A listener without an identity makes one for its database, and keeps it.
func ExampleAnonymousIdentity() {
	tasks, remove := exampleTasks()
	defer remove()
	store := tandem.MemoryIdentityStore()

	id := got(tandem.AnonymousIdentity(store, tasks.Database()))
	again := got(tandem.AnonymousIdentity(store, tasks.Database()))
	fmt.Println(again.Fingerprint() == id.Fingerprint(), len(got(tandem.AnonymousIdentities(store))))
	// Output: true 1
}
