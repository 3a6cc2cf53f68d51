package seal

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"

	"golang.org/x/crypto/argon2"

	"github.com/tandemdb/tandem/internal/fault"
)

// keyFile is the JSON of a key file.
type keyFile struct {
	About   string     `json:"about"`
	Format  int        `json:"format"`
	Derive  derivation `json:"derive"`
	Wrapped []byte     `json:"wrapped"` // nonce (12 bytes), data key (32), tag (16)
}

// derivation tells how to derive the key that wraps the data key from the secret.
type derivation struct {
	By        string `json:"by"`
	Salt      []byte `json:"salt"`
	Passes    uint32 `json:"passes,omitempty"`
	MemoryKiB uint32 `json:"memoryKiB,omitempty"`
	Threads   uint8  `json:"threads,omitempty"`
}

const (
	keyFormat = 1
	keyAbout  = "The key of an encrypted Tandem database, wrapped with AES-256-GCM under a key derived from " +
		"the passphrase or raw key as said below. Without this file the database is lost: keep it with the others."

	wrapPurpose = "tandem key file 1" // authenticated with the wrapped key

	byArgon2 = "argon2id"    // from a passphrase
	byHKDF   = "hkdf-sha256" // from a raw key
)

// The costs of a new passphrase are those that RFC 9106 §4 recommends for machines with little
// memory. The bounds apply to foreign files.
const (
	passes, memoryKiB, threads = 3, 64 << 10, 4
	maxPasses, maxMemoryKiB    = 64, 1 << 20
	saltSize                   = 16
	maxSalt                    = 64
	nonceSize                  = 12
	maxKeyFile                 = 16 << 10
)

// Lock returns the text of a key file, which yields the keys to a holder of the secret. Each call
// uses a new salt. A passphrase costs 64 MiB of memory and tenths of a second, as in [Unlock].
func (k *Keys) Lock(s *Secret) ([]byte, error) {
	d := newDerivation(s)
	nonce := make([]byte, nonceSize)
	rand.Read(nonce) // never fails
	file := keyFile{About: keyAbout, Format: keyFormat, Derive: d}
	file.Wrapped = newGCM(d.key(s)).Seal(nonce, nonce, k.data[:], []byte(wrapPurpose))
	text, err := json.MarshalIndent(file, "", "  ")
	if err != nil {
		return nil, fault.Unexpected.Because(err)
	}
	return append(text, '\n'), nil
}

// Unlock returns the keys in a key file. A wrong secret gives fault.NotADatabase, text that is not
// a key file fault.CorruptData, and a file of a later format fault.TooNew.
func Unlock(text []byte, s *Secret) (*Keys, error) {
	file, err := parseKeyFile(text)
	if err != nil {
		return nil, err
	}
	if s.raw != (file.Derive.By == byHKDF) {
		return nil, otherKind(s)
	}
	nonce, box := file.Wrapped[:nonceSize], file.Wrapped[nonceSize:]
	data, err := newGCM(file.Derive.key(s)).Open(nil, nonce, box, []byte(wrapPurpose))
	if err != nil {
		return nil, wrongSecret(s)
	}
	return keysOf([KeySize]byte(data)), nil
}

func parseKeyFile(text []byte) (file keyFile, err error) {
	if len(text) > maxKeyFile {
		return file, badKeyFile(errors.New("it is too long"))
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	if err := decoder.Decode(&file); err != nil {
		return file, badKeyFile(err)
	}
	if file.Format > keyFormat {
		return file, fault.TooNew.Says("the key file has format %d, this program knows up to %d", file.Format, keyFormat).
			Try("update this program")
	}
	if file.Format != keyFormat || len(file.Wrapped) != nonceSize+KeySize+tagSize {
		return file, badKeyFile(nil)
	}
	return file, file.Derive.validate()
}

func newDerivation(s *Secret) derivation {
	salt := make([]byte, saltSize)
	rand.Read(salt) // never fails
	if s.raw {
		return derivation{By: byHKDF, Salt: salt}
	}
	return derivation{By: byArgon2, Salt: salt, Passes: passes, MemoryKiB: memoryKiB, Threads: threads}
}

func (d derivation) validate() error {
	if len(d.Salt) < saltSize || len(d.Salt) > maxSalt {
		return badKeyFile(nil)
	}
	switch d.By {
	case byHKDF:
		return nil
	case byArgon2:
		if d.Passes < 1 || d.Passes > maxPasses || d.MemoryKiB > maxMemoryKiB || d.Threads < 1 {
			return badKeyFile(nil)
		}
		return nil
	default:
		return badKeyFile(nil)
	}
}

// key derives the key that wraps the data key. The secret must be of d's kind.
func (d derivation) key(s *Secret) []byte {
	if d.By == byHKDF {
		return derive(s.key[:], d.Salt, "tandem raw key", KeySize)
	}
	return argon2.IDKey([]byte(s.passphrase), d.Salt, d.Passes, d.MemoryKiB, d.Threads, KeySize)
}

func badKeyFile(cause error) error {
	return fault.CorruptData.Says("the key file is damaged").Because(cause).
		Try("restore key.json from a backup: without it the database cannot be read")
}

func wrongSecret(s *Secret) error {
	if s.raw {
		return fault.NotADatabase.Says("wrong encryption key").Try("use the key that the database was encrypted with")
	}
	return fault.NotADatabase.Says("wrong passphrase").Try("check the spelling, and for spaces at its end")
}

func otherKind(s *Secret) error {
	if s.raw {
		return fault.NotADatabase.Says("wrong encryption key").Try("the database is opened with a passphrase, not a raw key")
	}
	return fault.NotADatabase.Says("wrong passphrase").Try("the database is opened with a raw key, not a passphrase")
}
