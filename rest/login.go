package rest

import (
	"net/http"
	"strings"
	"time"

	"github.com/tandemdb/tandem/internal/users"
)

func sessionRoutes() []route {
	var all []route
	for _, path := range []string{"/_session", "/{db}/_session"} {
		all = append(all,
			route{method: "GET", pattern: path, needs: nothing, do: getSession},
			route{method: "POST", pattern: path, needs: nothing, do: postSession},
			route{method: "DELETE", pattern: path, needs: nothing, do: deleteSession},
		)
	}
	return all
}

// gatewayCookie is the name of a session's cookie in Sync Gateway, whose clients may send it.
const gatewayCookie = "SyncGatewaySession"

// sessionAnswer is Sync Gateway's.
type sessionAnswer struct {
	OK       bool        `json:"ok"`
	Handlers []string    `json:"authentication_handlers"`
	User     userContext `json:"userCtx"`
	OneTime  string      `json:"one_time_session_id,omitempty"`
}

type userContext struct {
	Name     *string        `json:"name"` // null without a login
	Roles    []string       `json:"roles"`
	Channels map[string]any `json:"channels"` // none: there are no channels
}

func answerOf(u *users.User) sessionAnswer {
	a := sessionAnswer{OK: true, Handlers: []string{"default", "cookie"}}
	a.User = userContext{Roles: []string{}, Channels: map[string]any{}}
	if u == nil {
		return a
	}
	a.User.Name = &u.Name
	if u.Admin {
		a.User.Roles = append(a.User.Roles, "admin")
	}
	if u.Replicate {
		a.User.Roles = append(a.User.Roles, "replicate")
	}
	return a
}

// getSession says who the client is.
func getSession(c *call) error {
	if err := c.identify(); err != nil && c.hasLogin() {
		return err
	}
	return c.answer(http.StatusOK, answerOf(c.who.user))
}

// hasLogin reports whether the request has a password or a session.
func (c *call) hasLogin() bool {
	return c.r.Header.Get("Authorization") != "" || c.sessionOf() != ""
}

// postSession logs in, by the password in the body or in the header Authorization.
func postSession(c *call) error {
	oneTime, err := c.flag("one_time")
	if err != nil {
		return err
	}
	var given struct {
		Name     string `json:"name"`
		Password string `json:"password"`
	}
	if err := c.decode(&given); err != nil {
		return err
	}
	if given.Name != "" {
		err = c.identifyByPassword(given.Name, given.Password)
	} else {
		err = c.identify()
	}
	switch {
	case err != nil:
		return err
	case c.who.user == nil:
		return needsLogin("give a name and a password")
	case c.h.cfg.Static != nil && isAdmin(c.who.user):
		return errAdminSession
	case c.isForeign():
		return refuse(http.StatusBadRequest, "your certificate is your login: you need no session")
	}
	if oneTime {
		return c.beginOneTime()
	}
	at := c.audience()
	id := c.h.sessions.begin(session{user: c.who.user, audience: at}, time.Now())
	c.setCookie(string(id), int(sessionLongest/time.Second))
	return c.answer(http.StatusOK, answerOf(c.who.user))
}

// errAdminSession keeps the scripts of an app from what an admin may do.
var errAdminSession = refuse(http.StatusForbidden, "an admin has no session where an app is served").
	try("log in as another user, or send the password with each request")

// beginOneTime makes a session for one WebSocket, which cannot have a header Authorization in a browser.
func (c *call) beginOneTime() error {
	if c.db == nil {
		return refuse(http.StatusBadRequest, "a one-time session is for one database").try("ask for it at /DATABASE/_session")
	}
	if !c.readsSome(c.db) {
		return c.noAccess(c.db.name)
	}
	at := c.audience()
	at.name = "sync"
	id := c.h.sessions.begin(session{
		user: c.who.user, audience: at, oneTime: true, parent: c.who.session, database: c.db.name, origin: c.r.Header.Get("Origin"),
	}, time.Now())
	a := answerOf(c.who.user)
	a.OneTime = string(id)
	return c.answer(http.StatusOK, a)
}

// deleteSession logs out.
func deleteSession(c *call) error {
	c.logOut()
	return c.answer(http.StatusOK, done{true})
}

func (c *call) logOut() {
	if s := c.h.sessions.find(c.sessionOf(), c.audience(), time.Now()); s != nil {
		c.h.sessions.end(s)
	}
	c.setCookie("", -1)
}

// apiAudience is where the sessions of programs are valid.
const apiAudience = "api"

func (c *call) audience() audience { return audience{c.at, localPort(c.r)} }

// sessionOf returns the ID of the session that the request names by a cookie, or "".
func (c *call) sessionOf() sessionID {
	for _, name := range []string{c.h.cookieName(c.audience(), c.secure), gatewayCookie} {
		if cookie, err := c.r.Cookie(name); err == nil && cookie.Value != "" {
			return sessionID(cookie.Value)
		}
	}
	return ""
}

func (c *call) setCookie(value string, maxAge int) {
	http.SetCookie(c.w, &http.Cookie{
		Name: c.h.cookieName(c.audience(), c.secure), Value: value, Path: "/", MaxAge: maxAge,
		HttpOnly: true, Secure: c.secure, SameSite: http.SameSiteStrictMode,
	})
}

// identifyBySession sets c.who from the request's session.
func (c *call) identifyBySession(id sessionID) error {
	s := c.h.sessions.find(id, c.audience(), time.Now())
	if s == nil {
		return needsLogin("the session is over")
	}
	return c.resume(s)
}

// resume sets c.who from a session, if its user is still there with the same password.
func (c *call) resume(s *session) error {
	u := c.h.users.Load().Find(s.user.Name)
	if !u.SamePassword(s.user) {
		return needsLogin("the session is over")
	}
	if c.h.cfg.Static != nil && isAdmin(u) { // who was none when the session began
		return errAdminSession
	}
	c.who = caller{name: u.Name, user: u, session: s.login()}
	return nil
}

// oneTimePrefix begins the item of Sec-WebSocket-Protocol that has a one-time session.
const oneTimePrefix = "SyncGatewaySession_"

// takeOneTime takes a one-time session out of the protocols that a WebSocket offers, so that nobody
// chooses or logs it. It returns "" if there is none.
func takeOneTime(r *http.Request) (id sessionID) {
	var kept []string
	for _, line := range r.Header.Values("Sec-Websocket-Protocol") {
		for item := range strings.SplitSeq(line, ",") {
			item = strings.TrimSpace(item)
			if secret, found := strings.CutPrefix(item, oneTimePrefix); found {
				id = sessionID(secret)
			} else if item != "" {
				kept = append(kept, item)
			}
		}
	}
	if id != "" {
		r.Header.Set("Sec-Websocket-Protocol", strings.Join(kept, ", "))
	}
	return id
}
