package rest

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"sync"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/users"
)

// The bounds of links to log in by.
const (
	linkLongest = 10 * time.Minute
	maxLinks    = 100
)

// links are tokens that log in to the page once. Of a token it keeps the digest alone.
type links struct {
	mu    sync.Mutex // guards the following
	known map[sessionKey]link
}

type link struct {
	user string
	made time.Time
}

func (l *links) make(user string, now time.Time) (token string) {
	var secret [32]byte
	_, _ = rand.Read(secret[:]) // never fails: see crypto/rand
	token = base64.RawURLEncoding.EncodeToString(secret[:])
	l.mu.Lock()
	defer l.mu.Unlock()
	for key, old := range l.known {
		if now.Sub(old.made) > linkLongest || len(l.known) >= maxLinks {
			delete(l.known, key)
		}
	}
	if l.known == nil {
		l.known = map[sessionKey]link{}
	}
	l.known[sha256.Sum256([]byte(token))] = link{user, now}
	return token
}

// spend returns the user of a token, which is over then, or nil.
func (l *links) spend(token string, list *users.List, now time.Time) *users.User {
	key := sha256.Sum256([]byte(token))
	l.mu.Lock()
	defer l.mu.Unlock()
	found, ok := l.known[key]
	delete(l.known, key)
	if !ok || now.Sub(found.made) > linkLongest {
		return nil
	}
	return list.Find(found.user)
}

// PageLink returns the path of a link by which its first visitor logs in to the page as a user, within
// ten minutes. The link is a secret. The error is [tandem.ErrNotFound] for an unknown user, and
// [tandem.ErrInvalid] if the handler has no page.
func (h *Handler) PageLink(user string) (path string, err error) {
	if h.page == nil {
		return "", fault.Invalid.In("make a link", "").Says("the handler has no page").Try("set Configuration.Page")
	}
	if h.users.Load().Find(user) == nil {
		return "", fault.NotFound.In("make a link", "").Says("there is no user %q", user)
	}
	return "/_tandem/login?t=" + h.links.make(user, time.Now()), nil
}
