package users

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
)

// MaxSize is the most bytes of a users file.
const MaxSize = 16 << 20

// Parse reads a users file. The error says where it is wrong, and never shows a hash.
func Parse(text []byte) (*List, error) {
	if len(text) > MaxSize {
		return nil, fmt.Errorf("it has %d bytes, want at most %d", len(text), MaxSize)
	}
	l := newList()
	parse := l.parseLines
	if trimmed := bytes.TrimSpace(text); len(trimmed) > 0 && trimmed[0] == '{' {
		parse = l.parseJSON
	}
	if err := parse(text); err != nil {
		return nil, err
	}
	if len(l.users) == 0 {
		return nil, errors.New("there is no user")
	}
	return l, nil
}

func (l *List) parseLines(text []byte) error {
	lines := bufio.NewScanner(bytes.NewReader(text))
	for number := 1; lines.Scan(); number++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, hashed, ok := strings.Cut(line, ":")
		if !ok || name == "" {
			return fmt.Errorf("line %d: no user:hash", number)
		}
		u := &User{Name: name}
		if err := u.setHash(hashed); err != nil {
			return fmt.Errorf("line %d: user %s: %w", number, name, err)
		}
		if err := l.add(u); err != nil {
			return fmt.Errorf("line %d: %w", number, err)
		}
	}
	return lines.Err()
}

func (u *User) setHash(text string) (err error) {
	u.stamp = sha256.Sum256([]byte(text))
	u.hash, err = parseHash(text)
	return err
}
