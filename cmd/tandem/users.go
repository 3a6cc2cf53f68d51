package main

import (
	"cmp"
	"fmt"
	"os"
	"sync/atomic"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/rest"
)

// usersHelp describes the file of --users-file.
const usersHelp = "A users file has a line `user:hash` for each user, as `htpasswd -B` writes them. The hash is one\n" +
	"of bcrypt ($2y$10$...) or of argon2id ($argon2id$v=19$m=65536,t=3,p=4$salt$hash). Empty lines and\n" +
	"those that begin with # are ignored. SIGHUP makes serve read the file again."

// readUsers reads a users file.
func readUsers(file string) (*rest.Users, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	text, err := withoutMark(string(data))
	var list *rest.Users
	if err == nil {
		list, err = rest.ParseUsers([]byte(text))
	}
	if err != nil {
		return nil, usageError{
			text: fmt.Sprintf("read users from %s: %v", file, err),
			hint: cmp.Or(hintOf(err), "write a line user:hash for each user, for example with htpasswd -B"),
		}
	}
	return list, nil
}

// usersAuthenticator accepts the users of a file. reload reads the file again.
func usersAuthenticator(file string) (auth *tandem.ListenerAuthenticator, reload func() error, err error) {
	current := new(atomic.Pointer[rest.Users])
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
		return current.Load().Admit(name, password)
	}), reload, nil
}
