package page

import (
	"net/url"
	"strings"
)

// loginForm is what the login shows.
type loginForm struct {
	Token   string // of a link
	Next    string // the path to lead to
	Name    string
	Problem *Problem
}

func showLogin(l *look) (any, error) {
	return loginForm{Token: l.form.Get("t"), Next: l.form.Get("next")}, nil
}

func logIn(l *look) (string, error) {
	f := loginForm{Next: l.form.Get("next"), Name: l.form.Get("name")}
	if reason := l.Login(f.Name, l.form.Get("password"), l.form.Get("t")); reason != "" {
		f.Problem = &Problem{Reason: reason}
		return "", &redo{f, f.Problem}
	}
	return nextView(f.Next), nil
}

// nextView returns where to go after the login: a view, and nothing of another site.
func nextView(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.Host != "" || u.Scheme != "" || !strings.HasPrefix(u.EscapedPath(), "/_tandem/") {
		return "/_tandem/"
	}
	return next
}

func logOut(l *look) (string, error) {
	l.Logout()
	return "/_tandem/login", nil
}
