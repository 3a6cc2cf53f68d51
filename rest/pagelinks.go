package rest

import (
	"net/http"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
)

// linkLongest is how long a link to log in to the page is good for.
const linkLongest = 10 * time.Minute

// linkAudience is where a link is valid: at the login of the page, at each port.
const linkAudience = "link"

// PageLink returns the path of a link by which its first visitor logs in to the page as a user, within
// ten minutes. The link is a secret. The error is [tandem.ErrNotFound] for an unknown user, and
// [tandem.ErrInvalid] if the handler has no page.
func (h *Handler) PageLink(user string) (path string, err error) {
	if h.page == nil {
		return "", fault.Invalid.In("make a link", "").Says("the handler has no page").Try("set Configuration.Page")
	}
	u := h.users.Load().Find(user)
	if u == nil {
		return "", fault.NotFound.In("make a link", "").Says("there is no user %q", user)
	}
	token := h.sessions.begin(session{user: u, audience: audience{name: linkAudience}, oneTime: true}, time.Now())
	return "/_tandem/login?t=" + string(token), nil
}

func pageLinkRoutes() []route {
	return []route{
		{method: "POST", pattern: "/_page_link", needs: login, do: postPageLink},
	}
}

// postPageLink makes a link by which the caller logs in to the page, in a browser: once, within ten minutes.
func postPageLink(c *call) error {
	switch {
	case c.h.page == nil:
		return refuse(http.StatusNotImplemented, "this server has no page").try("let it serve one: tandem serve DB --rest --page")
	case c.who.user == nil:
		return refuse(http.StatusForbidden, "a link is for a user who has logged in")
	}
	path, err := c.h.PageLink(c.who.user.Name)
	if err != nil {
		return err
	}
	return c.answer(http.StatusCreated, map[string]string{"path": path})
}
