package users

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// entry is a user of the JSON form.
type entry struct {
	Password string              `json:"password"`
	Roles    []string            `json:"roles"`
	Access   map[string][]string `json:"access"`
}

// parseJSON reads the users one after the other, since a map would hide one that occurs twice.
func (l *List) parseJSON(text []byte) error {
	in := json.NewDecoder(bytes.NewReader(text))
	in.DisallowUnknownFields()
	if _, err := in.Token(); err != nil { // the opening brace
		return err
	}
	for in.More() {
		name, err := in.Token()
		if err != nil {
			return err
		}
		var e entry
		if err := in.Decode(&e); err != nil {
			return fmt.Errorf("user %v: %w", name, err)
		}
		u, err := e.user(name.(string))
		if err != nil {
			return fmt.Errorf("user %v: %w", name, err)
		}
		if err := l.add(u); err != nil {
			return err
		}
	}
	if _, err := in.Token(); err != nil { // the closing brace
		return err
	}
	if _, err := in.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is more text after the object")
	}
	return nil
}

func (e entry) user(name string) (*User, error) {
	if name == "" || strings.Contains(name, ":") {
		return nil, errors.New("a name is not empty and has no colon")
	}
	u := &User{Name: name}
	if err := u.setHash(e.Password); err != nil {
		return nil, err
	}
	for _, role := range e.Roles {
		switch role {
		case "admin":
			u.Admin = true
		case "replicate":
			u.Replicate = true
		default:
			return nil, fmt.Errorf("there is no role %q, only admin and replicate", role)
		}
	}
	if e.Access != nil {
		u.grants = []grant{}
	}
	for pattern, rights := range e.Access {
		g, err := parseGrant(pattern, rights)
		if err != nil {
			return nil, err
		}
		u.grants = append(u.grants, g)
	}
	return u, nil
}

func parseGrant(pattern string, rights []string) (grant, error) {
	g, ok := parsePattern(pattern)
	if !ok {
		return g, fmt.Errorf("access to %q: want db, db.collection, db.scope.collection, or * in place of a name", pattern)
	}
	for _, right := range rights {
		switch right {
		case "read":
			g.rights |= Read
		case "write":
			g.rights |= Write
		default:
			return g, fmt.Errorf("access to %q: there is no right %q, only read and write", pattern, right)
		}
	}
	return g, nil
}
