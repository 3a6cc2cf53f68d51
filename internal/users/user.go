package users

import (
	"crypto/sha256"
	"slices"
	"strings"
)

// User is one entry of a [List].
type User struct {
	Name      string
	Admin     bool // has all rights, and may administer the server
	Replicate bool // may start replications

	stamp  [sha256.Size]byte
	hash   hash
	grants []grant // nil for a user who may read and write everything
}

// Right is something that a user may do with a collection.
type Right uint8

// The rights.
const (
	Read Right = 1 << iota
	Write
)

// grant gives rights to the collections that a pattern names.
type grant struct {
	database, scope, collection string // "*" for all
	rights                      Right
}

// Rights returns what the user may do with a collection. Nil may do nothing.
func (u *User) Rights(database, scope, collection string) Right {
	switch {
	case u == nil:
		return 0
	case u.Admin || u.grants == nil:
		return Read | Write
	}
	var rights Right
	for _, g := range u.grants {
		if g.covers(database, scope, collection) {
			rights |= g.rights
		}
	}
	return rights
}

func (g grant) covers(database, scope, collection string) bool {
	return fits(g.database, database) && fits(g.scope, scope) && fits(g.collection, collection)
}

func fits(pattern, name string) bool { return pattern == "*" || pattern == name }

// SamePassword reports whether two entries have the same hash of a password. It is false if either
// is nil.
func (u *User) SamePassword(other *User) bool {
	return u != nil && other != nil && u.stamp == other.stamp
}

// Keeps reports whether a user who was before may go on as what he is now: with the same password, and
// as many rights. It is false if either is nil.
func (u *User) Keeps(before *User) bool {
	switch {
	case !u.SamePassword(before) || before.Admin && !u.Admin:
		return false
	case u.Admin || u.grants == nil:
		return true
	}
	return before.grants != nil && !slices.ContainsFunc(before.grants, func(g grant) bool { return !u.has(g) })
}

// has reports whether the user has at least the rights of a grant.
func (u *User) has(g grant) bool {
	for _, now := range u.grants {
		if now.covers(g.database, g.scope, g.collection) {
			g.rights &^= now.rights
		}
	}
	return g.rights == 0
}

const defaultName = "_default"

// parsePattern reads "*", "db" for the default collection, "db.*" for all collections, "db.coll",
// "db.scope.*" or "db.scope.coll".
func parsePattern(text string) (g grant, ok bool) {
	parts := strings.Split(text, ".")
	for _, part := range parts {
		ok = part != "" && (part == "*" || !strings.Contains(part, "*"))
		if !ok {
			return g, false
		}
	}
	switch len(parts) {
	case 1:
		g = grant{database: parts[0], scope: defaultName, collection: defaultName}
		if text == "*" {
			g = grant{database: "*", scope: "*", collection: "*"}
		}
	case 2:
		g = grant{database: parts[0], scope: defaultName, collection: parts[1]}
		if parts[1] == "*" {
			g.scope = "*"
		}
	case 3:
		g = grant{database: parts[0], scope: parts[1], collection: parts[2]}
	default:
		return g, false
	}
	return g, true
}
