package tandem

import "github.com/tandemdb/tandem/internal/identity"

// TLSIdentityStore keeps identities under labels. Implement it to keep them elsewhere, or
// take one of [DefaultIdentityStore], [MemoryIdentityStore], [FolderIdentityStore],
// [KeyringIdentityStore] and [PKCS12IdentityStore]. Its methods may be called from any
// goroutine, and one that fails leaves the store as it was.
//
// A label is any text of 1 to 256 bytes in valid UTF-8 without control characters; others are
// [ErrInvalid].
type TLSIdentityStore interface {
	// Load returns the identity under label, or ErrNotFound.
	Load(label string) (*TLSIdentity, error)

	// Save keeps id under label. If replaces is nil, a taken label is ErrCrypto. Otherwise Save
	// puts id in the place of replaces; a label that holds another identity, or none, is
	// ErrConflict. A key that cannot leave its device is ErrUnsupported in every store that
	// outlives the process.
	Save(label string, id, replaces *TLSIdentity) error

	// Delete removes key and certificates under label, damaged ones too. An unknown label is
	// ErrNotFound.
	Delete(label string) error

	// Labels returns all labels, sorted.
	Labels() ([]string, error)
}

// IdentityFolderOptions say how a [FolderIdentityStore] protects its private keys: by a
// passphrase, by the key store of the operating system, or (the zero value) by the permissions
// of the files alone.
type IdentityFolderOptions struct {
	// Passphrase encrypts the keys. Empty means no passphrase.
	Passphrase string

	// Keyring encrypts the keys under a random secret, which is kept in the key store of the
	// operating system. It excludes a passphrase.
	Keyring bool

	// Rounds is the number of derivation rounds for Passphrase. Zero means 600,000.
	Rounds int
}

// The environment variables that [DefaultIdentityStore] heeds.
const (
	IdentityFolderVariable     = identity.EnvFolder     // a folder to use
	IdentityPassphraseVariable = identity.EnvPassphrase // a file whose first line encrypts its keys
)

// DefaultIdentityStore returns the store for this operating system and user: a folder in the
// user's configuration folder, or the one that TANDEM_IDENTITIES names. On macOS and Windows
// its keys are encrypted under a secret in the Keychain or Credential Manager; elsewhere they
// are encrypted under the first line of the file that TANDEM_IDENTITIES_PASSPHRASE_FILE names,
// or protected by the permissions of the files, which works on a bare server. A variable that is
// set and empty is [ErrInvalid].
func DefaultIdentityStore() (TLSIdentityStore, error) {
	store, err := identity.Default()
	if err != nil {
		return nil, err
	}
	return ownStore{store}, nil
}

// MemoryIdentityStore returns an empty store that lives as long as the process.
func MemoryIdentityStore() TLSIdentityStore { return ownStore{identity.Memory()} }

// FolderIdentityStore returns the store in a folder, which the first identity creates with the
// mode 0700: labels.json, which maps labels to files, and a PEM file of mode 0600 for each
// identity, its certificates and its key as PKCS#8, encrypted as o says.
func FolderIdentityStore(path string, o IdentityFolderOptions) TLSIdentityStore {
	return ownStore{identity.Folder(path, identity.FolderOptions(o))}
}

// KeyringIdentityStore returns the store in the operating system's key store (Keychain,
// Credential Manager, Secret Service), under a name of the application's own. Where there is
// none, all its methods fail with [ErrCrypto].
func KeyringIdentityStore(name string) TLSIdentityStore { return ownStore{identity.Keyring(name)} }

// PKCS12IdentityStore returns the store in a PKCS#12 file, protected by password, whose aliases
// are the labels. Other programs read it as well. Java's JKS files are not read: keytool
// converts them.
func PKCS12IdentityStore(path, password string) TLSIdentityStore {
	return ownStore{identity.PKCS12File(path, password, 0)}
}

func orDefault(store TLSIdentityStore) (TLSIdentityStore, error) {
	if store != nil {
		return store, nil
	}
	return DefaultIdentityStore()
}

// ownStore is one of our stores.
type ownStore struct{ identity.Store }

// Load implements [TLSIdentityStore].
func (s ownStore) Load(label string) (*TLSIdentity, error) { return public(s.Store.Load(label)) }

// Save implements [TLSIdentityStore].
func (s ownStore) Save(label string, id, replaces *TLSIdentity) error {
	return s.Store.Save(label, id.inner(), replaces.inner())
}

// foreignStore is a store that the program has made.
type foreignStore struct{ TLSIdentityStore }

// Load implements [identity.Store].
func (s foreignStore) Load(label string) (*identity.Identity, error) {
	id, err := s.TLSIdentityStore.Load(label)
	return id.inner(), err
}

// Save implements [identity.Store].
func (s foreignStore) Save(label string, id, replaces *identity.Identity) error {
	return s.TLSIdentityStore.Save(label, (*TLSIdentity)(id), (*TLSIdentity)(replaces))
}

func innerStore(store TLSIdentityStore) identity.Store {
	if own, ok := store.(ownStore); ok {
		return own.Store
	}
	return foreignStore{store}
}
