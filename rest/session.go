package rest

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/tandemdb/tandem/internal/users"
)

// sessionID is the secret of a session, which its client alone keeps.
type sessionID string

// LogValue keeps the secret out of logs.
func (sessionID) LogValue() slog.Value { return slog.StringValue("(secret)") }

// String does so elsewhere.
func (sessionID) String() string { return "(secret)" }

// session is a login that was checked before.
type session struct {
	user       *users.User // as it was then
	audience   audience
	made, used time.Time
	key        sessionKey

	// Of a one-time session: what it is for.
	oneTime  bool
	parent   *session // that it was asked for by, nil for a password
	database string
	origin   string
}

// login returns the session whose end is also that of what was begun by this one, nil if there is none.
func (s *session) login() *session {
	if s.oneTime {
		return s.parent
	}
	return s
}

// audience is where a session is valid: cookies know no ports.
type audience struct {
	name string // apiAudience, pageAudience, linkAudience, or "sync"
	port int
}

type sessionKey [sha256.Size]byte

// Times of sessions.
const (
	sessionIdle    = 24 * time.Hour
	sessionLongest = 7 * 24 * time.Hour
	oneTimeLongest = 5 * time.Minute

	maxSessions = 25 // of one user, of each kind
)

// sessions keeps the sessions of all users. Of an ID it keeps the digest alone.
type sessions struct {
	mu    sync.Mutex
	byKey map[sessionKey]*session
	of    map[string][]*session // by user, the oldest first
}

// begin makes a session. The oldest one of a user with too many ends.
func (all *sessions) begin(s session, now time.Time) sessionID {
	var secret [32]byte
	_, _ = rand.Read(secret[:]) // never fails: see crypto/rand
	id := sessionID(base64.RawURLEncoding.EncodeToString(secret[:]))
	s.key, s.made, s.used = sha256.Sum256([]byte(id)), now, now

	all.mu.Lock()
	defer all.mu.Unlock()
	if all.byKey == nil {
		all.byKey, all.of = map[sessionKey]*session{}, map[string][]*session{}
	}
	all.byKey[s.key] = &s
	all.of[s.user.Name] = append(all.of[s.user.Name], &s)
	same := 0
	for _, old := range slices.Backward(all.of[s.user.Name]) {
		if old.oneTime == s.oneTime {
			same++
		}
		if same > maxSessions || old.isOver(now) {
			all.dropLocked(old)
		}
	}
	return id
}

// find returns the session of an ID for an audience, or nil, and notes that it is in use.
func (all *sessions) find(id sessionID, at audience, now time.Time) *session {
	all.mu.Lock()
	defer all.mu.Unlock()
	s := all.byKey[sha256.Sum256([]byte(id))]
	switch {
	case s == nil || s.oneTime || s.audience != at:
		return nil
	case s.isOver(now):
		all.dropLocked(s)
		return nil
	}
	s.used = now
	return s
}

// spend returns a one-time session, which is over then, or nil.
func (all *sessions) spend(id sessionID, database, origin string, port int, now time.Time) *session {
	all.mu.Lock()
	defer all.mu.Unlock()
	s := all.byKey[sha256.Sum256([]byte(id))]
	if s == nil || !s.oneTime {
		return nil
	}
	all.dropLocked(s)
	if s.isOver(now) || s.database != database || s.origin != origin || s.audience.port != port {
		return nil
	}
	return s
}

// goesOn reports whether a session that find has returned is still there, and notes that it is in use.
func (all *sessions) goesOn(s *session, now time.Time) bool {
	all.mu.Lock()
	defer all.mu.Unlock()
	if all.byKey[s.key] != s {
		return false
	}
	if s.isOver(now) {
		all.dropLocked(s)
		return false
	}
	s.used = now
	return true
}

func (all *sessions) end(s *session) {
	all.mu.Lock()
	defer all.mu.Unlock()
	all.dropLocked(s)
}

// keep ends the sessions of which still says no.
func (all *sessions) keep(still func(s *session) bool) {
	all.mu.Lock()
	defer all.mu.Unlock()
	for _, s := range all.byKey {
		if !still(s) {
			all.dropLocked(s)
		}
	}
}

func (all *sessions) dropLocked(s *session) {
	delete(all.byKey, s.key)
	name := s.user.Name
	all.of[name] = slices.DeleteFunc(slices.Clone(all.of[name]), func(other *session) bool { return other == s })
	if len(all.of[name]) == 0 {
		delete(all.of, name)
	}
}

func (s *session) isOver(now time.Time) bool {
	switch {
	case s.oneTime && s.audience.name == linkAudience:
		return now.Sub(s.made) >= linkLongest
	case s.oneTime:
		return now.Sub(s.made) >= oneTimeLongest
	}
	return now.Sub(s.made) >= sessionLongest || now.Sub(s.used) >= sessionIdle
}

// cookieName returns the name of a session's cookie. It has the server and the port, as browsers send a
// cookie to each server of a host.
func (h *Handler) cookieName(a audience, secure bool) string {
	name := "tandem-" + h.uuidDigits() + "-" + strconv.Itoa(a.port) + "-" + a.name
	if secure {
		return "__Host-" + name
	}
	return name
}

// uuidDigits returns eight digits that tell this server from others.
func (h *Handler) uuidDigits() string { return h.uuid[:min(8, len(h.uuid))] }
