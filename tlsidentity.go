package tandem

import (
	"crypto"
	"crypto/x509"
	"errors"
	"time"

	"github.com/tandemdb/tandem/internal/identity"
)

// TLSIdentity is a private key and the certificate chain that proves it. It is immutable and
// safe for use from any goroutine. Its Check tells whether it is good for a use at a moment,
// its Warning whether it will soon expire; ExportPKCS12 and ExportPEM take it elsewhere.
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

// IdentityFolderOptions say how a [FolderIdentityStore] protects its private keys: by a
// passphrase, by the key store of the operating system, or (the zero value) by the permissions
// of the files alone.
type IdentityFolderOptions = identity.FolderOptions

// The environment variables that [DefaultIdentityStore] heeds.
const (
	IdentityFolderVariable     = identity.EnvFolder     // a folder to use
	IdentityPassphraseVariable = identity.EnvPassphrase // a file whose first line encrypts its keys
)

// DefaultIdentityStore returns the store for this operating system and user: a folder in the
// user's configuration folder, or the one that TANDEM_IDENTITIES names. On macOS and Windows
// its keys are encrypted under a secret in the Keychain or Credential Manager; elsewhere they
// are encrypted under the first line of the file that TANDEM_IDENTITIES_PASSPHRASE_FILE names,
// or protected by the permissions of the files, which works on a bare server.
func DefaultIdentityStore() (TLSIdentityStore, error) { return identity.Default() }

// MemoryIdentityStore returns an empty store that lives as long as the process.
func MemoryIdentityStore() TLSIdentityStore { return identity.Memory() }

// FolderIdentityStore returns the store in a folder, which the first identity creates with the
// mode 0700: labels.json, which maps labels to files, and a PEM file of mode 0600 for each
// identity, its certificates and its key as PKCS#8, encrypted as o says.
func FolderIdentityStore(path string, o IdentityFolderOptions) TLSIdentityStore {
	return identity.Folder(path, o)
}

// KeyringIdentityStore returns the store in the operating system's key store (Keychain,
// Credential Manager, Secret Service), under a name of the application's own. Where there is
// none, all its methods fail with [ErrCrypto].
func KeyringIdentityStore(name string) TLSIdentityStore { return identity.Keyring(name) }

// PKCS12IdentityStore returns the store in a PKCS#12 file, protected by password, whose aliases
// are the labels. Other programs read it as well. Java's JKS files are not read: keytool
// converts them.
func PKCS12IdentityStore(path, password string) TLSIdentityStore {
	return identity.PKCS12File(path, password, 0)
}

// CreateIdentity makes a key and a certificate for it, and saves them in store if the options
// have a label. A nil store means [DefaultIdentityStore]. A taken label, a missing common name
// and an issuer that may not sign are [ErrCrypto]; an expiry in the past is [ErrInvalid].
func CreateIdentity(store TLSIdentityStore, opts TLSIdentityOptions) (*TLSIdentity, error) {
	if opts.Label == "" {
		return identity.Create(nil, opts)
	}
	store, err := orDefault(store)
	if err != nil {
		return nil, err
	}
	return identity.Create(store, opts)
}

// GetIdentity returns the identity under label, and nil without an error when there is none.
// A nil store means [DefaultIdentityStore]. The error is [ErrCrypto] for a wrong passphrase or
// a key that others may read, [ErrCorrupt] for a damaged one.
func GetIdentity(store TLSIdentityStore, label string) (*TLSIdentity, error) {
	store, err := orDefault(store)
	if err != nil {
		return nil, err
	}
	id, err := store.Load(label)
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	return id, err
}

// SaveIdentity keeps an identity under a label, and returns it with that label. A nil store
// means [DefaultIdentityStore]. A taken label is [ErrCrypto]; the store is as it was then.
func SaveIdentity(store TLSIdentityStore, label string, id *TLSIdentity) (*TLSIdentity, error) {
	if id == nil {
		return nil, ErrInvalid.In("save identity", label).Says("there is no identity")
	}
	store, err := orDefault(store)
	if err != nil {
		return nil, err
	}
	if err := store.Save(label, id, nil); err != nil {
		return nil, err
	}
	return store.Load(label)
}

// DeleteIdentity removes key and certificates under label. A nil store means
// [DefaultIdentityStore]. An unknown label is [ErrNotFound].
func DeleteIdentity(store TLSIdentityStore, label string) error {
	store, err := orDefault(store)
	if err != nil {
		return err
	}
	return store.Delete(label)
}

// ImportPKCS12 is [IdentityFromPKCS12] followed by [SaveIdentity].
func ImportPKCS12(
	store TLSIdentityStore, label string, data []byte, password string, opts PKCS12Options,
) (*TLSIdentity, error) {
	id, err := IdentityFromPKCS12(data, password, opts)
	if err != nil {
		return nil, err
	}
	return SaveIdentity(store, label, id)
}

func orDefault(store TLSIdentityStore) (TLSIdentityStore, error) {
	if store != nil {
		return store, nil
	}
	return DefaultIdentityStore()
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

// IdentityFromKeyAndCerts makes an identity of a key and the certificates that belong to it, its
// own first. The key may stay in a TPM, an HSM or an agent: it is only asked to sign. The
// identity has no label. A key of another certificate is [ErrCrypto].
func IdentityFromKeyAndCerts(key crypto.Signer, certs []*x509.Certificate) (*TLSIdentity, error) {
	return identity.FromKeyAndCerts(key, certs)
}

// AnonymousIdentity returns the self-signed identity that a listener on the database uses
// when it is given none: kept in store, the same for all listeners and after restarts,
// renewed when less than a day of validity is left. A nil store means [DefaultIdentityStore].
func AnonymousIdentity(store TLSIdentityStore, db *Database) (*TLSIdentity, error) {
	store, err := orDefault(store)
	if err != nil {
		return nil, err
	}
	return identity.Anonymous(store, db.store.PublicUUID(), time.Now())
}

// Fingerprint returns the SHA-256 of a certificate in the form in which Tandem shows it
// everywhere: "9F:86:D0:…".
func Fingerprint(cert *x509.Certificate) string { return identity.Fingerprint(cert) }

// ParseCertificates reads certificates from PEM, DER, or the Base64 of either.
func ParseCertificates(data []byte) ([]*x509.Certificate, error) {
	return identity.ParseCertificates(data)
}
