package rest

import (
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/tandemdb/tandem/rest/internal/page"
)

// pageAudience is where the sessions of people at the page are valid.
const pageAudience = "page"

func pageRoutes() []route {
	var all []route
	for _, method := range []string{"GET", "POST"} {
		for _, path := range []string{"/_tandem", "/_tandem/{path...}"} {
			all = append(all, route{method: method, pattern: path, needs: nothing, do: servePage})
		}
	}
	return all
}

// servePage answers with the page: its files and its login for everybody, and the rest for who has
// logged in to it. The page itself asks the endpoints of this handler, as that user.
func servePage(c *call) error {
	c.at = pageAudience
	path := strings.TrimPrefix(strings.TrimPrefix(sentPath(c.r.URL), "/_tandem"), "/")
	v := page.Visit{Path: path, Ask: c.askAs, Pass: c.passAs}
	switch {
	case c.h.page == nil:
		return refuse(http.StatusNotFound, "this server has no page").try("let it serve one: tandem serve DB --rest --page")
	case page.IsStatic(path):
	case path == "login":
		v.Login = c.logInToPage
	default:
		if err := c.authenticate(login, false); err != nil {
			no := refusalOf(err)
			if no.status != http.StatusUnauthorized {
				return err
			}
			v.Stranger = true
		}
	}
	if u := c.who.user; u != nil {
		v.User, v.Admin, v.Replicates = u.Name, u.Admin, u.Admin || u.Replicate
	}
	if err := c.boundForm(v); err != nil {
		return err
	}
	if c.r.Method == http.MethodPost && v.Login == nil {
		who := c.account()
		if !c.h.bulks.take(who) {
			return tooMany("you have too many forms under way, or all have")
		}
		defer c.h.bulks.leave(who)
	}
	if path == "logout" {
		v.Logout = c.logOut
	}
	c.h.page.Serve(c.w, c.r, v)
	return nil
}

// The bounds of forms. A form of the page has a document with its earlier text, which escapes make larger.
const (
	maxForm  = 16 << 20
	maxLogin = 64 << 10
)

// boundForm has the body of a form read in bounded time and memory. Who has not logged in sends little, and
// not often.
func (c *call) boundForm(v page.Visit) error {
	if c.r.Method != http.MethodPost {
		return nil
	}
	most := int64(maxForm)
	if v.User == "" {
		most = maxLogin
		if err := c.h.rates.check(c.account()); err != nil {
			return err
		}
	}
	c.r.Body = io.NopCloser(c.body(most))
	return nil
}

// logInToPage begins a session of the page: by a name and a password, or by the token of a link. The
// answer is a reason for people, "" for success.
func (c *call) logInToPage(name, password, token string) string {
	if token != "" {
		s := c.h.sessions.spend(sessionID(token), "", "", 0, time.Now())
		if s == nil || c.resume(s) != nil {
			return "This link was used before, or is too old. Log in with a name and a password instead: serve has said where those are."
		}
	} else if err := c.identifyByPassword(name, password); err != nil {
		return refusalOf(err).reason
	}
	id := c.h.sessions.begin(session{user: c.who.user, audience: c.audience()}, time.Now())
	c.setCookie(string(id), int(sessionLongest/time.Second))
	return ""
}

// askAs sends a request to another endpoint as the same user, and returns its answer.
func (c *call) askAs(r page.Request) page.Answer {
	w := page.NewBuffer(r.Most)
	c.forward(w, r)
	return w.Answer()
}

// passAs has another endpoint answer the client itself, as the same user.
func (c *call) passAs(r page.Request, change func(http.Header)) {
	c.forward(&changedHeader{c.w, change, false}, r)
}

// changedHeader changes the header of an answer before it is sent.
type changedHeader struct {
	*response
	change func(http.Header)
	done   bool
}

// WriteHeader implements [http.ResponseWriter].
func (w *changedHeader) WriteHeader(status int) {
	if !w.done {
		w.done = true
		w.change(w.Header())
	}
	w.response.WriteHeader(status)
}

// Write implements [http.ResponseWriter].
func (w *changedHeader) Write(p []byte) (int, error) {
	if !w.done {
		w.WriteHeader(http.StatusOK)
	}
	return w.response.Write(p)
}

// forward has this handler answer a request of the page, as its user.
func (c *call) forward(w http.ResponseWriter, r page.Request) {
	request, err := http.NewRequestWithContext(c.r.Context(), r.Method, r.Path, r.Reader())
	if err != nil { // a view has made a path that is none
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	request.Host, request.RemoteAddr, request.TLS, request.Header = c.r.Host, c.r.RemoteAddr, c.r.TLS, r.Header()
	inner := newCall(c.h, w, request)
	if c.who.user != nil && !c.mayGoOn() {
		inner.fail(refuse(http.StatusForbidden, "your rights were taken away meanwhile"))
		return
	}
	inner.who, inner.inside = c.who, true
	defer func() {
		if p := recover(); p != nil && p != http.ErrAbortHandler { //nolint:errorlint // the value itself, as net/http compares it
			panic(p)
		}
	}() // an answer that breaks off ends here: the page sees that it is not whole
	inner.serve()
}
