package tandem

import (
	"crypto"
	"crypto/x509"
	"time"

	"github.com/tandemdb/tandem/internal/identity"
)

// TLSIdentity is a private key and the certificate chain that proves it. It is immutable and
// safe for use from any goroutine.
type TLSIdentity = identity.Identity

// TLSIdentityOptions describe an identity to be created. CommonName is the only one needed.
type TLSIdentityOptions = identity.Options

// TLSIdentityStore keeps identities under labels. Implement it to keep them elsewhere, or
// take one of [DefaultIdentityStore], [MemoryIdentityStore], [FolderIdentityStore],
// [KeyringIdentityStore] and [PKCS12IdentityStore].
type TLSIdentityStore = identity.Store

// TLSUsage says what an identity may be used for, as a set of bits.
type TLSUsage = identity.Usage

// The usages.
const (
	ServerUsage = identity.Server // to prove a listener to its clients
	ClientUsage = identity.Client // to prove a replicator to a listener
	IssuerUsage = identity.Issue  // to sign other identities
)

// PKCS12Options choose what [IdentityFromPKCS12] takes from a file. The zero value takes its
// only key.
type PKCS12Options = identity.PKCS12Options

// DefaultIdentityStore returns the store for this operating system and user. On Linux it is
// a folder in the user's configuration folder, which works on a bare server; see
// [FolderIdentityStore] for its form.
func DefaultIdentityStore() (TLSIdentityStore, error) { return identity.Default() }

// MemoryIdentityStore returns an empty store that lives as long as the process.
func MemoryIdentityStore() TLSIdentityStore { return identity.Memory() }

// FolderIdentityStore returns the store in a folder, with the keys encrypted under passphrase;
// an empty passphrase leaves them to the permissions of the files.
func FolderIdentityStore(path, passphrase string) TLSIdentityStore {
	return identity.Folder(path, identity.FolderOptions{Passphrase: passphrase})
}

// KeyringIdentityStore returns the store in the operating system's key store, under a name
// of the application's own.
func KeyringIdentityStore(name string) TLSIdentityStore { return identity.Keyring(name) }

// PKCS12IdentityStore returns the store in a PKCS#12 file, protected by password.
func PKCS12IdentityStore(path, password string) TLSIdentityStore {
	return identity.PKCS12File(path, password, 0)
}

// CreateIdentity makes a key and a certificate for it, and saves them in store if the
// options have a label. A taken label and a missing common name are [ErrCrypto].
func CreateIdentity(store TLSIdentityStore, opts TLSIdentityOptions) (*TLSIdentity, error) {
	return identity.Create(store, opts)
}

// IdentityFromPKCS12 reads an identity from a PKCS#12 file or its Base64. It has no label;
// [TLSIdentityStore].Save keeps it under one. The error is [ErrCrypto] for a wrong password or
// a key without its certificate, [ErrNotFound] for an unknown alias, [ErrInvalid] for several
// keys without an alias, and others for files that cannot be read.
func IdentityFromPKCS12(data []byte, password string, opts PKCS12Options) (*TLSIdentity, error) {
	return identity.FromPKCS12(data, password, opts)
}

// IdentityFromPEM reads an identity from PEM: one key, and the certificates that belong to it.
// password opens an encrypted key. Label and errors are as for [IdentityFromPKCS12].
func IdentityFromPEM(data []byte, password string) (*TLSIdentity, error) {
	return identity.FromPEM(data, password)
}

// IdentityFromKeyAndCerts makes an identity of a key, which may stay in a device, and the
// certificates that belong to it, its own first. It has no label.
func IdentityFromKeyAndCerts(key crypto.Signer, certs []*x509.Certificate) (*TLSIdentity, error) {
	return identity.FromKeyAndCerts(key, certs)
}

// AnonymousIdentity returns the self-signed identity that a listener on the database uses
// when it is given none: kept in store, the same for all listeners and after restarts,
// renewed when less than a day of validity is left.
func AnonymousIdentity(store TLSIdentityStore, db *Database) (*TLSIdentity, error) {
	return identity.Anonymous(store, db.store.PublicUUID(), time.Now())
}

// Fingerprint returns the SHA-256 of a certificate in the form in which Tandem shows it
// everywhere: "9F:86:D0:…".
func Fingerprint(cert *x509.Certificate) string { return identity.Fingerprint(cert) }

// ParseCertificates reads certificates from PEM, DER, or the Base64 of either.
func ParseCertificates(data []byte) ([]*x509.Certificate, error) {
	return identity.ParseCertificates(data)
}
