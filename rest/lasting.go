package rest

import (
	"net/http"
	"time"

	"github.com/tandemdb/tandem/internal/users"
)

// accessInterval is how often a lasting answer looks at the rights of its user.
const accessInterval = 4 * time.Second

// mayGoOn reports whether the caller still has what the route of a lasting answer needs: the user may be
// gone or logged out, have another password or fewer rights. Ask at least each accessInterval.
func (c *call) mayGoOn() bool {
	if s := c.who.session; s != nil && !c.h.sessions.goesOn(s, time.Now()) {
		return false
	}
	if before := c.who.user; before != nil && !c.isForeign() {
		list := c.h.users.Load()
		if list == nil {
			return false
		}
		now := list.Find(c.who.name)
		if !before.SamePassword(now) {
			return false
		}
		c.who.user = now
	}
	if c.checkRole(c.needs) != nil {
		return false
	}
	switch c.needs {
	case readsSome:
		return c.readsSome(c.db)
	case writesSome:
		return c.hasSome(c.db, users.Write)
	case reads, decides:
		return c.rights(c.ks)&users.Read != 0
	case writes:
		return c.rights(c.ks)&users.Write != 0
	default:
		return true
	}
}

// stillMay checks the rights to a change anew after its body was read: a client may take its time to send
// one.
func (c *call) stillMay() error {
	if c.needs != decides && !c.mayGoOn() { // the function of such a route checks by itself
		return refuse(http.StatusForbidden, "the right to do this was taken away meanwhile")
	}
	return nil
}

// push writes part of a lasting answer and has it sent. A client that does not read for a while ends the
// answer.
func (c *call) push(text []byte) error {
	if _, err := c.w.Write(text); err != nil {
		return err
	}
	return c.w.flush()
}
