package rest

import (
	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/users"
)

// Users are those who may log in, with their rights. Users do not change.
type Users struct{ list *users.List }

// ParseUsers reads a users file. It has a line user:hash for each user, as htpasswd -B writes them,
// or it is a JSON object:
//
//	{"ann": {"password": "$2y$…", "roles": ["admin"]},
//	 "bob": {"password": "$2y$…", "access": {"shop.*": ["read"], "shop.inv.hotel": ["read", "write"]}}}
//
// A hash is one of bcrypt or of argon2id. The roles are "admin", which may do everything, and
// "replicate", which may start replications. access has the rights to collections, of which a user
// without access has all: "db" is the default collection, "db.coll" one in the default scope, and *
// stands for each name. The error is [tandem.ErrInvalid].
func ParseUsers(text []byte) (*Users, error) {
	list, err := users.Parse(text)
	if err != nil {
		return nil, fault.Invalid.Says("%v", err).
			Try("write a line user:hash for each user, for example with htpasswd -B")
	}
	return &Users{list}, nil
}

// Admit reports whether there is a user of this name and password. It takes as long for an unknown user.
// It may be called from any goroutine, and waits while others are checked.
func (u *Users) Admit(name string, password []byte) bool { return u.list.Admit(name, password) != nil }

// Access returns the rights of a user to a collection, for
// [tandem.URLEndpointListenerConfiguration].Access. database is its name in URLs. An unknown user has
// none.
func (u *Users) Access(name, database, scope, collection string) tandem.CollectionAccess {
	access := tandem.NoAccess
	rights := u.list.Find(name).Rights(database, scope, collection)
	if rights&users.Read != 0 {
		access |= tandem.ReadAccess
	}
	if rights&users.Write != 0 {
		access |= tandem.WriteAccess
	}
	return access
}

// Keeps reports whether a user of before is still there with the same password, and has as many rights.
// Who is not should not stay connected to a [tandem.URLEndpointListener].
func (u *Users) Keeps(before *Users, name string) bool {
	return u.list.Find(name).Keeps(before.list.Find(name))
}
