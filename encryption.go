package tandem

import (
	"context"
	"fmt"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/seal"
	"github.com/tandemdb/tandem/internal/store"
)

// EncryptionKeySize is the size of the key that [NewEncryptionKey] takes, in bytes.
const EncryptionKeySize = seal.KeySize

// EncryptionKey opens an encrypted database: a key or a passphrase. It is immutable, and prints
// as "(secret)". In [Options] and [Database.ChangeEncryptionKey] nil means no encryption, and
// the zero value is [ErrInvalid].
type EncryptionKey struct{ secret *seal.Secret }

// NewEncryptionKey returns an encryption key of 32 bytes, which should be random. Another size is
// [ErrInvalid]. Opening a database with it costs no time, unlike with a passphrase.
func NewEncryptionKey(key []byte) (*EncryptionKey, error) {
	secret, err := seal.RawKey(key)
	if err != nil {
		return nil, err
	}
	return &EncryptionKey{secret}, nil
}

// NewPassphraseKey returns an encryption key derived from a passphrase by argon2id. Each opening
// of a database, and each guess of an attacker, takes tenths of a second and 64 MiB. The text is
// used unchanged. An empty passphrase is [ErrInvalid].
func NewPassphraseKey(passphrase string) (*EncryptionKey, error) {
	secret, err := seal.Passphrase(passphrase)
	if err != nil {
		return nil, err
	}
	return &EncryptionKey{secret}, nil
}

// Format prints "(secret)", whatever the verb.
func (k *EncryptionKey) Format(f fmt.State, _ rune) { fmt.Fprint(f, "(secret)") }

// MarshalText gives "(secret)", so that no encoder of logs writes the key.
func (k *EncryptionKey) MarshalText() ([]byte, error) { return []byte("(secret)"), nil }

// check refuses the zero value, which must not pass for no encryption.
func (k *EncryptionKey) check() error {
	if k != nil && k.secret == nil {
		return fault.Invalid.Says("the encryption key is empty").Try("make one with NewEncryptionKey or NewPassphraseKey")
	}
	return nil
}

func (k *EncryptionKey) forStore() *seal.Secret {
	if k == nil {
		return nil
	}
	return k.secret
}

// IsEncrypted reports whether there is an encrypted database at path, with or without ".tandem".
func IsEncrypted(path string) bool {
	folder, err := folderOf(path)
	return err == nil && store.IsEncrypted(folder)
}

// IsEncrypted reports whether the database is encrypted: its documents, their IDs and revisions, and
// the content and digests of blobs. Whoever has the folder still sees the name and the size of the
// database, and the number, sizes and times of its blobs.
func (db *Database) IsEncrypted() bool { return db.store.Encrypted() }

// ChangeEncryptionKey replaces the key that opens the database; nil removes the encryption.
//
// A change from one key to another rewrites only the small file key.json in the database's
// folder, atomically. Whoever has an earlier copy of that file and its key can still read the
// database: to shut them out, remove the encryption and encrypt again.
//
// Adding or removing the encryption rewrites the whole database, which needs as much free space
// as the database has; other calls wait meanwhile. It fails with [ErrBusy], and changes nothing,
// if another process or another Database has the folder open, or while a blob is being read or
// written. If the change is cut off, even by a power cut, the database opens with the old key or
// with the new one, and is complete. Former clear text may remain readable in free parts of the
// disk.
func (db *Database) ChangeEncryptionKey(ctx context.Context, key *EncryptionKey) error {
	if err := key.check(); err != nil {
		return fault.About(err, "change encryption key", db.Path())
	}
	if err := db.toMaintain(ctx, "change encryption key"); err != nil {
		return err
	}
	return db.store.ChangeKey(ctx, key.forStore())
}
