package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"sync/atomic"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/rest"
)

// usersHelp describes the file of --users-file.
const usersHelp = "A users file has a line `user:hash` for each user, as `htpasswd -B` writes them. The hash is one\n" +
	"of bcrypt ($2y$10$...) or of argon2id ($argon2id$v=19$m=65536,t=3,p=4$salt$hash). Empty lines and\n" +
	"those that begin with # are ignored. Or it is a JSON object, which also has roles and access:\n" +
	`{"ann": {"password": "$2y$10$...", "roles": ["admin"]},` + "\n" +
	` "bob": {"password": "$2y$10$...", "access": {"shop.*": ["read"], "shop.inv.hotel": ["write"]}}}` + "\n" +
	"SIGHUP makes serve read the file again."

// userFile has the users of a file.
type userFile struct {
	name    string
	current atomic.Pointer[rest.Users]
}

// readUsers reads a users file.
func readUsers(name string) (*userFile, error) {
	u := &userFile{name: name}
	return u, u.reload()
}

// reload reads the file again. An error leaves the users as they are.
func (u *userFile) reload() error {
	text, err := os.ReadFile(u.name)
	if err != nil {
		return err
	}
	plain, err := withoutMark(string(text))
	if err != nil {
		return badUsers(u.name, err)
	}
	users, err := rest.ParseUsers([]byte(plain))
	if err != nil {
		return badUsers(u.name, err)
	}
	u.current.Store(users)
	return nil
}

func badUsers(file string, err error) error {
	text := err.Error()
	if failed := new(tandem.Error); errors.As(err, &failed) {
		text = failed.Message
	}
	return usageError{
		text: fmt.Sprintf("read users from %s: %s", file, text),
		hint: cmp.Or(hintOf(err), "write a line user:hash for each user, for example with htpasswd -B"),
	}
}

// authenticator accepts the users, as they are in the file now.
func (u *userFile) authenticator() *tandem.ListenerAuthenticator {
	return tandem.ListenerPasswordAuthenticator(func(name string, password []byte) bool {
		return u.current.Load().Admit(name, password)
	})
}

// access returns the function that tells a listener what a user may do. names has the names of
// databases in the file, where they are other than their own.
func (u *userFile) access(names map[*tandem.Database]string) func(tandem.ClientInfo, *tandem.Collection) tandem.CollectionAccess {
	return func(client tandem.ClientInfo, coll *tandem.Collection) tandem.CollectionAccess {
		db := client.Database
		return u.current.Load().Access(client.User, cmp.Or(names[db], db.Name()), coll.Scope(), coll.Name())
	}
}
