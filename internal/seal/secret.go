package seal

import (
	"fmt"

	"github.com/tandemdb/tandem/internal/fault"
)

// KeySize is the size of a raw key, in bytes.
const KeySize = 32

// Secret is the user's passphrase or raw key. It is immutable, and prints as "(secret)" in every
// format. The zero value is invalid: use [Passphrase] or [RawKey].
type Secret struct {
	raw        bool
	passphrase string
	key        [KeySize]byte
}

// Passphrase returns a secret from a text. It does not normalize the text, so the user must type it
// the same way each time. An empty text gives fault.Invalid.
func Passphrase(text string) (*Secret, error) {
	if text == "" {
		return nil, fault.Invalid.Says("the passphrase is empty")
	}
	return &Secret{passphrase: text}, nil
}

// RawKey returns a secret from 32 bytes, which should be random. Another size gives fault.Invalid.
func RawKey(key []byte) (*Secret, error) {
	if len(key) != KeySize {
		return nil, fault.Invalid.Says("the encryption key has %d bytes, want %d", len(key), KeySize).
			Try("use 32 random bytes, or a passphrase")
	}
	return &Secret{raw: true, key: [KeySize]byte(key)}, nil
}

// Format prints "(secret)" for every verb.
func (s *Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("(secret)")) }

// MarshalText returns "(secret)", so that log encoders do not write the secret.
func (s *Secret) MarshalText() ([]byte, error) { return []byte("(secret)"), nil }
