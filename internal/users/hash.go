package users

import (
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"
)

// hash is the stored hash of a password.
type hash interface {
	matches(password []byte) bool
}

func parseHash(text string) (hash, error) {
	if strings.HasPrefix(text, "$argon2id$") {
		return parseArgon(text)
	}
	if cost, err := bcrypt.Cost([]byte(text)); err != nil || cost > maxBcryptCost {
		return nil, fmt.Errorf("the hash is neither bcrypt with a cost up to %d nor argon2id", maxBcryptCost)
	}
	return bcryptHash(text), nil
}

// The largest costs of checking a password.
const (
	maxBcryptCost  = 16
	maxArgonMemory = 1 << 20 // KiB
	maxArgonTime   = 100
)

type bcryptHash string

func (h bcryptHash) matches(password []byte) bool {
	return bcrypt.CompareHashAndPassword([]byte(h), password) == nil
}

// argonHash is a parsed PHC string of argon2id.
type argonHash struct {
	memory, time uint32
	threads      uint8
	salt, key    []byte
}

func (h argonHash) matches(password []byte) bool {
	key := argon2.IDKey(password, h.salt, h.time, h.memory, h.threads, uint32(len(h.key)))
	return subtle.ConstantTimeCompare(key, h.key) == 1
}

func parseArgon(text string) (h argonHash, err error) {
	parts := strings.Split(text, "$") // "", argon2id, v=19, m=,t=,p=, salt, key
	if len(parts) != 6 || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return h, errors.New("the argon2id hash has not the form $argon2id$v=19$m=...,t=...,p=...$salt$hash")
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &h.memory, &h.time, &h.threads); err != nil {
		return h, fmt.Errorf("the parameters %q of the argon2id hash: %w", parts[3], err)
	}
	if h.memory < 8 || h.memory > maxArgonMemory || h.time == 0 || h.time > maxArgonTime || h.threads == 0 {
		return h, fmt.Errorf("the parameters %q of the argon2id hash are out of range", parts[3])
	}
	if h.salt, err = base64.RawStdEncoding.DecodeString(parts[4]); err != nil {
		return h, fmt.Errorf("the salt of the argon2id hash: %w", err)
	}
	if h.key, err = base64.RawStdEncoding.DecodeString(parts[5]); err != nil || len(h.key) < 16 || len(h.key) > 1024 {
		return h, errors.New("the argon2id hash is not 16 to 1024 bytes in Base64")
	}
	return h, nil
}
