package transport

import (
	"net/url"
	"strings"

	"github.com/tandemdb/tandem/internal/fault"
)

// follow changes d to the target of a redirect.
func (d *dialer) follow(location string) error {
	u, err := url.Parse(location)
	if err != nil || u.User != nil || !strings.HasPrefix(u.EscapedPath(), "/") {
		return badRedirect(location)
	}
	to := d.to
	if u.IsAbs() || u.Host != "" {
		scheme, ok := map[string]string{"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}[u.Scheme]
		if !ok || u.Hostname() == "" || !validPort(u.Port()) {
			return badRedirect(location)
		}
		to = Endpoint{url: url.URL{Scheme: scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}}
	}
	if d.to.Secure() && !to.Secure() {
		return badRedirect(location).Says("redirect from TLS to clear text: %s", location)
	}
	if err := d.mayFollow(&to.url); err != nil {
		return err
	}
	if !strings.EqualFold(to.Host(), d.to.Host()) {
		d.trusted = false
	}
	d.to, d.target = to, u.RequestURI()
	return nil
}

// useProxy changes d to the proxy through which the peer must be reached (status 305). It does so
// once.
func (d *dialer) useProxy(location string) error {
	u, err := url.Parse(location)
	if err != nil || u.Scheme != "http" || u.User != nil || u.Hostname() == "" || !validPort(u.Port()) ||
		d.cfg.Proxy != nil {
		return badRedirect(location)
	}
	proxy := url.URL{Scheme: "http", Host: u.Host}
	if err := d.mayFollow(&proxy); err != nil {
		return err
	}
	d.cfg.Proxy = &proxy
	return nil
}

// mayFollow asks the caller about a redirect.
func (d *dialer) mayFollow(to *url.URL) error {
	if d.cfg.CheckRedirect == nil {
		return nil
	}
	asked := *to // for the caller to keep
	if err := d.cfg.CheckRedirect(&asked); err != nil {
		return fault.InvalidRedirect.Says("the peer redirects to %s, which is not allowed", to.Host).Because(err)
	}
	return nil
}

func badRedirect(location string) *fault.Error {
	return fault.InvalidRedirect.Says("the peer redirects to %q, which is no place to go", location)
}
