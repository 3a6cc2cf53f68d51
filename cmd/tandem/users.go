package main

import (
	"bufio"
	"cmp"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"sync/atomic"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"

	"github.com/tandemdb/tandem"
)

// usersHelp describes the file of --users-file.
const usersHelp = "A users file has a line `user:hash` for each user, as `htpasswd -B` writes them. The hash is one\n" +
	"of bcrypt ($2y$10$...) or of argon2id ($argon2id$v=19$m=65536,t=3,p=4$salt$hash). Empty lines and\n" +
	"those that begin with # are ignored. SIGHUP makes serve read the file again."

// hash is the stored hash of a password.
type hash interface {
	matches(password []byte) bool
}

// users are the entries of a users file. Only a few passwords are checked at a time, because a
// check takes time and, with argon2id, memory on purpose.
type users struct {
	hashes   map[string]hash
	nobody   hash // checked for unknown users, so that the answer takes as long
	checking chan struct{}
}

// readUsers reads a users file.
func readUsers(file string) (*users, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	u, err := parseUsers(f)
	if err != nil {
		return nil, usageError{
			text: fmt.Sprintf("read users from %s: %v", file, err),
			hint: cmp.Or(hintOf(err), "write a line user:hash for each user, for example with htpasswd -B"),
		}
	}
	return u, nil
}

func parseUsers(r io.Reader) (*users, error) {
	u := &users{hashes: make(map[string]hash), checking: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2))}
	lines := bufio.NewScanner(r)
	for number := 1; lines.Scan(); number++ {
		line := lines.Text()
		if number == 1 {
			var err error
			if line, err = withoutMark(line); err != nil {
				return nil, err
			}
		}
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, text, ok := strings.Cut(line, ":")
		if !ok || name == "" {
			return nil, fmt.Errorf("line %d: no user:hash", number)
		}
		known, err := parseHash(text)
		if err != nil {
			return nil, fmt.Errorf("line %d: user %s: %w", number, name, err)
		}
		if u.hashes[name] != nil {
			return nil, fmt.Errorf("line %d: user %s occurs twice", number, name)
		}
		u.hashes[name], u.nobody = known, known
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(u.hashes) == 0 {
		return nil, errors.New("there is no user")
	}
	return u, nil
}

// admit reports whether password is the user's.
func (u *users) admit(name string, password []byte) bool {
	u.checking <- struct{}{}
	defer func() { <-u.checking }()
	known := u.hashes[name]
	if known == nil {
		u.nobody.matches(password)
		return false
	}
	return known.matches(password)
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

// usersAuthenticator accepts the users of a file. reload reads the file again.
func usersAuthenticator(file string) (auth *tandem.ListenerAuthenticator, reload func() error, err error) {
	current := new(atomic.Pointer[users])
	reload = func() error {
		read, err := readUsers(file)
		if err == nil {
			current.Store(read)
		}
		return err
	}
	if err := reload(); err != nil {
		return nil, nil, err
	}
	return tandem.ListenerPasswordAuthenticator(func(name string, password []byte) bool {
		return current.Load().admit(name, password)
	}), reload, nil
}
