package seal

import (
	"fmt"

	"github.com/tandemdb/tandem/internal/fault"
)

// KeySize is the size of a raw key, in bytes.
const KeySize = 32

// Secret is what the user knows: a passphrase or a raw key. It is immutable, and prints as
// "(secret)" in every format. The zero value is no secret: use [Passphrase] or [RawKey].
type Secret struct {
	raw        bool
	passphrase string
	key        [KeySize]byte
}

// Passphrase makes a secret of a text, taken as it is: the user has to type it the same way each
// time. An empty one is fault.Invalid.
func Passphrase(text string) (*Secret, error) {
	if text == "" {
		return nil, fault.Invalid.Says("the passphrase is empty")
	}
	return &Secret{passphrase: text}, nil
}

// RawKey makes a secret of 32 bytes, which should be random. Another size is fault.Invalid.
func RawKey(key []byte) (*Secret, error) {
	if len(key) != KeySize {
		return nil, fault.Invalid.Says("the encryption key has %d bytes, want %d", len(key), KeySize).
			Try("use 32 random bytes, or a passphrase")
	}
	return &Secret{raw: true, key: [KeySize]byte(key)}, nil
}

// Format prints "(secret)", whatever the verb.
func (s *Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("(secret)")) }

// MarshalText gives "(secret)", so that no encoder of logs writes the secret.
func (s *Secret) MarshalText() ([]byte, error) { return []byte("(secret)"), nil }
