// Package users knows who may log in, and what each user may do: the entries of a users file, in
// one of two forms. The first has a line user:hash for each user, as htpasswd -B writes them:
//
//	ann:$2y$10$…
//
// The second is a JSON object, which also has roles and access:
//
//	{"ann": {"password": "$2y$…", "roles": ["admin"]},
//	 "bob": {"password": "$2y$…", "access": {"shop.*": ["read"], "shop.inv.hotel": ["read", "write"]}}}
//
// [Parse] reads both, and [List.Admit] checks a password at a bounded cost.
package users
