package rest

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/tandemdb/tandem/internal/throttle"
	"github.com/tandemdb/tandem/internal/users"
)

// caller is who sends a request.
type caller struct {
	name    string // "" without a login
	user    *users.User
	session *session // by which the caller has logged in, nil for a password

	byCertificate bool
}

// authenticate finds out who sends the request, and checks the role that the route needs.
func (c *call) authenticate(needs need, paced bool) error {
	if needs == nothing {
		return nil
	}
	if c.inside {
		return c.checkRole(needs)
	}
	if err := c.identify(); err != nil {
		return err
	}
	check := c.h.rates.check
	if paced {
		check = c.pace
	}
	if err := check(c.account()); err != nil {
		return err
	}
	return c.checkRole(needs)
}

// account names whom limits count the request for: a user, or an address.
func (c *call) account() string {
	if c.who.user != nil {
		return c.who.name
	}
	return "@" + c.from.String() // no name of a user could be in the way: those have no limit of their own
}

func (c *call) checkRole(needs need) error {
	u := c.who.user
	switch {
	case needs == admin && (u == nil || !u.Admin):
		return refuse(http.StatusForbidden, "this needs the role admin")
	case needs == replicates && (u == nil || !u.Admin && !u.Replicate):
		return refuse(http.StatusForbidden, "this needs the role replicate")
	}
	return nil
}

// identify sets c.who from the request's login. An admin whose login a browser may have added by itself
// is refused where an app is served.
func (c *call) identify() error {
	name, password, given := c.r.BasicAuth()
	switch {
	case given:
		if err := c.identifyByPassword(name, password); err != nil {
			return err
		}
		return c.keepAdminFromScripts(ofBrowser(c.r))
	case c.sessionOf() != "":
		return c.identifyBySession(c.sessionOf())
	case c.identifyByCertificate():
		return c.keepAdminFromScripts(true)
	case c.h.cfg.Anonymous:
		return nil
	}
	return needsLogin("log in to do this")
}

// ofBrowser reports whether a browser sends the request: programs set none of these.
func ofBrowser(r *http.Request) bool {
	return r.Header.Get("Sec-Fetch-Site") != "" || r.Header.Get("Origin") != ""
}

// keepAdminFromScripts refuses an admin whose login the scripts of an app can use.
func (c *call) keepAdminFromScripts(canUse bool) error {
	if !canUse || c.h.cfg.Static == nil || !isAdmin(c.who.user) {
		return nil
	}
	c.who = caller{}
	return refuse(http.StatusForbidden, "an admin may not use a browser or a certificate where an app is served").
		try("log in as another user, or use a program that sends the password")
}

func (c *call) identifyByPassword(name, password string) error {
	list := c.h.users.Load()
	if list == nil {
		return needsLogin("there are no users")
	}
	if c.h.verified.has(list, name, password) {
		if u := list.Find(name); u != nil {
			c.who = caller{name: name, user: u}
			return nil
		}
	}
	if !c.h.guesses.Begin(c.r.Context().Done(), c.from) {
		no := refuse(http.StatusTooManyRequests, "too many wrong passwords from your address")
		no.header = http.Header{"Retry-After": {strconv.Itoa(int(throttle.Memory / time.Second))}}
		return no
	}
	u := list.Admit(name, []byte(password))
	if u == nil {
		c.audit(auditLoginFailed, "name", name)
		pause(c.r.Context(), c.h.guesses.Failed(c.from, name))
		return needsLogin("the user name or password is wrong")
	}
	c.h.guesses.Passed(c.from, name)
	c.h.verified.add(list, name, password)
	c.who = caller{name: name, user: u}
	c.audit(auditLogin)
	return nil
}

func needsLogin(reason string) error {
	no := refuse(http.StatusUnauthorized, "%s", reason)
	no.header = http.Header{"Www-Authenticate": {`Basic realm="Tandem", charset="UTF-8"`}}
	return no
}

func pause(ctx context.Context, d time.Duration) {
	if d == 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// rights returns what the caller may do with a keyspace.
func (c *call) rights(ks keyspace) users.Right {
	if c.who.user == nil {
		if c.h.cfg.Anonymous {
			return users.Read | users.Write
		}
		return 0
	}
	return c.who.user.Rights(ks.database, ks.scope, ks.collection)
}

// mayRead reports whether the caller may read a collection of a database.
func (c *call) mayRead(db *served, scope, name string) bool {
	return c.rights(keyspace{db.name, scope, name})&users.Read != 0
}

// readsSome reports whether the caller may read any collection of a database.
func (c *call) readsSome(db *served) bool { return c.hasSome(db, users.Read) }

// hasSome reports whether the caller has a right to any collection of a database.
func (c *call) hasSome(db *served, right users.Right) bool {
	all, err := db.Collections(c.r.Context())
	if err != nil {
		return false
	}
	for _, coll := range all {
		if c.rights(keyspace{db.name, coll.Scope(), coll.Name()})&right != 0 {
			return true
		}
	}
	return false
}

// noAccess answers a keyspace that the caller may not use, and one that does not exist: he cannot tell
// them apart. Where there are no users, there is nothing to hide.
func (c *call) noAccess(name string) error {
	if c.h.users.Load() == nil {
		return refuse(http.StatusNotFound, "there is no %.300s", name)
	}
	return refuse(http.StatusForbidden, "you have no access to %.300s, or there is no such place", name)
}

var errReadOnly = refuse(http.StatusForbidden, "this database is read-only for clients")

// verified remembers passwords that were right, since a check takes long on purpose. It keeps a digest
// under a key of its own. Those of former users do not count, also if their check ends late.
type verified struct {
	mu    sync.Mutex
	of    *users.List
	key   [sha256.Size]byte
	until map[[sha256.Size]byte]time.Time
}

const (
	verifiedFor = time.Minute
	maxVerified = 10_000
)

func (v *verified) has(list *users.List, name, password string) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.of == list && v.until != nil && time.Now().Before(v.until[v.digest(name, password)])
}

func (v *verified) add(list *users.List, name, password string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.of != list || v.until == nil || len(v.until) >= maxVerified {
		v.of, v.until = list, make(map[[sha256.Size]byte]time.Time)
		_, _ = rand.Read(v.key[:]) // never fails: see crypto/rand
	}
	v.until[v.digest(name, password)] = time.Now().Add(verifiedFor)
}

func (v *verified) digest(name, password string) (sum [sha256.Size]byte) {
	mac := hmac.New(sha256.New, v.key[:])
	mac.Write([]byte(strconv.Itoa(len(name)) + ":" + name + password))
	mac.Sum(sum[:0])
	return sum
}
