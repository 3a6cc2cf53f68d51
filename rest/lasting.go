package rest

import (
	"net/http"
	"time"

	"github.com/tandemdb/tandem/internal/users"
)

// The times of lasting answers.
const (
	accessInterval = 4 * time.Second  // rights are looked at as often
	writeTimeout   = 30 * time.Second // after which a client that does not read is given up
)

// mayGoOn reports whether the caller still has what the route of a lasting answer needs: the user may be
// gone, have another password or fewer rights. Ask at least each accessInterval.
func (c *call) mayGoOn() bool {
	if before := c.who.user; before != nil {
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
	case reads, decides:
		return c.rights(c.ks)&users.Read != 0
	case writes:
		return c.rights(c.ks)&users.Write != 0
	}
	return true
}

// push writes part of a lasting answer and has it sent. A client that does not read for writeTimeout
// ends the answer.
func (c *call) push(text []byte) error {
	control := http.NewResponseController(c.w)
	_ = control.SetWriteDeadline(time.Now().Add(writeTimeout)) // some writers have none
	defer func() { _ = control.SetWriteDeadline(time.Time{}) }()
	if _, err := c.w.Write(text); err != nil {
		return err
	}
	return control.Flush()
}
