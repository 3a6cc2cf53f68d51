package rest

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
)

// CORS says which pages of other sites may use the server from a browser. The zero value lets none.
// It is no protection against other programs.
type CORS struct {
	// Origins are exact, such as "https://app.example.com"; "*" lets in every page, but never with
	// cookies or a remembered login.
	Origins []string

	// LoginOrigins are those that may log in and out by sessions. None of them is "*".
	LoginOrigins []string

	// Headers are allowed besides those that the server knows.
	Headers []string

	// MaxAge is how long a browser may remember the permission. Zero leaves that to the browser.
	MaxAge time.Duration
}

const anyOrigin = "*"

func (o CORS) validate() error {
	for _, origin := range slices.Concat(o.Origins, o.LoginOrigins) {
		u, err := url.Parse(origin)
		if origin != anyOrigin && (err != nil || u.Scheme == "" || u.Host == "" || origin != u.Scheme+"://"+u.Host) {
			return fault.Invalid.In("configure REST", "").Says("%.100q is no origin", origin).
				Try("write origins as https://app.example.com")
		}
	}
	if slices.Contains(o.LoginOrigins, anyOrigin) {
		return fault.Invalid.In("configure REST", "").Says("every page could log in").Try("name the pages in LoginOrigins")
	}
	if o.MaxAge < 0 {
		return fault.Invalid.In("configure REST", "").Says("the MaxAge of CORS is negative").Try("leave it 0")
	}
	return nil
}

// allows reports whether a page of an origin may send a request, and whether its cookies count.
func (o CORS) allows(origin string, isLogin bool) (allowed, credentials bool) {
	list := o.Origins
	if isLogin {
		list = o.LoginOrigins
	}
	if slices.ContainsFunc(list, func(known string) bool { return known != anyOrigin && strings.EqualFold(known, origin) }) {
		return true, true
	}
	return slices.Contains(list, anyOrigin), false
}

// isLogin reports whether a request is about a session, which has origins of its own.
func isLogin(r *http.Request) bool { return strings.HasSuffix(sentPath(r.URL), "/_session") }

// isPage reports whether a request is for the page, which no other site may use: what CORS lets an app do is
// for the API.
func isPage(r *http.Request) bool {
	first, _, _ := strings.Cut(strings.TrimPrefix(sentPath(r.URL), "/"), "/")
	return first == "_tandem"
}

// checkOrigin refuses requests that change something and come from a page of another site, unless CORS
// lets it, and says so to the browser. It reports whether the request was answered: a preflight is.
func (c *call) checkOrigin() (answered bool, err error) {
	origin := c.r.Header.Get("Origin")
	allowed, credentials := false, false
	if origin != "" && !isPage(c.r) && (len(c.h.cfg.CORS.Origins) > 0 || len(c.h.cfg.CORS.LoginOrigins) > 0) {
		c.w.Header().Add("Vary", "Origin")
		if allowed, credentials = c.h.cfg.CORS.allows(origin, isLogin(c.r)); allowed {
			c.allowOrigin(origin, credentials)
		}
	}
	if c.r.Method == http.MethodOptions && c.r.Header.Get("Access-Control-Request-Method") != "" {
		return true, c.preflight(allowed)
	}
	if allowed && (credentials || wasAsked(c.r)) {
		return false, nil
	}
	if err := c.h.crossOrigin.Check(c.r); err != nil {
		return false, refuse(http.StatusForbidden, "a page of another site may not do this").
			try("have the operator allow the page's origin (CORS)")
	}
	return false, nil
}

// wasAsked reports whether a browser has sent a preflight before such a request. It was told then that no
// credentials are allowed.
func wasAsked(r *http.Request) bool {
	return r.Method != http.MethodPost || strings.HasPrefix(r.Header.Get("Content-Type"), jsonType)
}

func (c *call) allowOrigin(origin string, credentials bool) {
	header := c.w.Header()
	header.Set("Access-Control-Expose-Headers", "ETag, Location, X-Correlation-Id")
	if !credentials {
		header.Set("Access-Control-Allow-Origin", anyOrigin)
		return
	}
	header.Set("Access-Control-Allow-Origin", origin)
	header.Set("Access-Control-Allow-Credentials", "true")
}

// preflight answers a browser that asks whether a page may send a request.
func (c *call) preflight(allowed bool) error {
	if !allowed {
		return refuse(http.StatusForbidden, "pages of %.100q may not use this server", c.r.Header.Get("Origin"))
	}
	header := c.w.Header()
	header.Set("Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, DELETE")
	header.Set("Access-Control-Allow-Headers", strings.Join(slices.Concat([]string{
		"Authorization", "Content-Type", "If-Match", "If-None-Match", "Range", "API-Version", "Last-Event-ID",
	}, c.h.cfg.CORS.Headers), ", "))
	if age := c.h.cfg.CORS.MaxAge; age > 0 {
		header.Set("Access-Control-Max-Age", strconv.Itoa(int(age.Seconds())))
	}
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}

// checkVersion refuses a version of the API that the client names and the server does not have.
func (c *call) checkVersion() error {
	if v := c.r.Header.Get("API-Version"); v != "" && v != "1.0" && v != "1" {
		return refuse(http.StatusBadRequest, "there is no API-Version %.20q, only 1.0", v)
	}
	return nil
}
