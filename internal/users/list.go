package users

import (
	"errors"
	"runtime"
)

// List is the entries of a users file. It does not change, and may be used from any goroutine.
// Only a few passwords are checked at a time, because a check takes time and, with argon2id, memory
// on purpose.
type List struct {
	users    map[string]*User
	nobody   hash // checked for unknown users, so that the answer takes as long
	checking chan struct{}
}

func newList() *List {
	return &List{users: make(map[string]*User), checking: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2))}
}

// Find returns the user of a name, or nil. A nil List has none.
func (l *List) Find(name string) *User {
	if l == nil {
		return nil
	}
	return l.users[name]
}

// Admit returns the user of a name if password is the user's, otherwise nil. For an unknown user
// it takes as long.
func (l *List) Admit(name string, password []byte) *User {
	l.checking <- struct{}{}
	defer func() { <-l.checking }()
	known := l.users[name]
	if known == nil {
		l.nobody.matches(password)
		return nil
	}
	if !known.hash.matches(password) {
		return nil
	}
	return known
}

func (l *List) add(u *User) error {
	if l.users[u.Name] != nil {
		return errors.New("user " + u.Name + " occurs twice")
	}
	l.users[u.Name], l.nobody = u, u.hash
	return nil
}
