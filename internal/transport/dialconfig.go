package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"github.com/tandemdb/tandem/internal/fault"
)

// DialConfig tells Dial where to connect and how. Endpoint and Protocols are required.
type DialConfig struct {
	Endpoint Endpoint
	// Protocols are offered in this order.
	Protocols []string
	// Headers are added to the request. They may replace Authorization, Host and User-Agent, but no
	// header of the WebSocket handshake. A Cookie header is joined with Cookies.
	Headers http.Header
	// Credentials are sent with the first request. Nil sends none.
	Credentials *Credentials
	// Cookies are sent with the request, and take up the cookies that the peer sets. Nil sends and
	// keeps none.
	Cookies *Cookies
	// AcceptParentDomainCookies lets the peer set cookies for the domains above its own.
	AcceptParentDomainCookies bool
	// Trust decides which server certificates are accepted. Its zero value trusts the system's
	// roots.
	Trust Trust
	// ClientCertificate is shown to a server that asks for one. Nil shows none.
	ClientCertificate *tls.Certificate
	// Timeout bounds the time until the peer's response. Zero means 15 s.
	Timeout time.Duration
	// Heartbeat is the silence after which the peer gets a PING. Zero means 300 s.
	Heartbeat time.Duration
	// NetworkInterface is the local IP address, or the name of the interface, to connect from. If
	// it is empty, the system chooses.
	NetworkInterface string
	// Connect, unless nil, opens connections in place of the system: NetworkInterface then has no
	// effect.
	Connect func(ctx context.Context, address string) (net.Conn, error)
	// Pace bounds what this connection and others move. Nil bounds nothing.
	Pace *Pace
	// UserAgent names this program. Empty means "Tandem".
	UserAgent string
	// Proxy is an HTTP proxy to tunnel through: http://[user:password@]host[:port]. Nil uses the
	// proxy of HTTPS_PROXY (for wss) or HTTP_PROXY (for ws), subject to NO_PROXY; these never apply
	// to hosts in .local and link-local addresses. An empty URL means no proxy.
	Proxy *url.URL
	// CheckRedirect is asked before a redirect is followed, to a peer or a proxy; an error ends the
	// dialing. Nil follows.
	CheckRedirect func(to *url.URL) error
}

// Credentials are a user's name and password.
type Credentials struct{ User, Password string }

// Validate reports every setting that cannot work, as fault.Invalid.
func (c DialConfig) Validate() error {
	var errs []error
	wrong := func(what string) { errs = append(errs, fault.Invalid.In("connect", "").Says("%s", what)) }
	if c.Endpoint == (Endpoint{}) {
		wrong("there is no endpoint")
	}
	if len(c.Protocols) == 0 {
		wrong("there is no protocol to offer")
	}
	if c.Timeout < 0 || c.Heartbeat < 0 {
		wrong("timeout and heartbeat cannot be negative")
	}
	if c.Trust.SelfSignedOnly && len(c.Trust.Roots) > 0 {
		wrong("accepting only self-signed certificates excludes root certificates")
	}
	for _, err := range CheckRequest(c.Headers, c.Proxy) {
		wrong(err.Error())
	}
	if c.Credentials != nil && strings.Contains(c.Credentials.User, ":") {
		wrong("a user's name cannot hold a colon")
	}
	return errors.Join(errs...)
}

// CheckRequest reports the headers and the proxy of a [DialConfig] that cannot work.
func CheckRequest(headers http.Header, proxy *url.URL) (errs []error) {
	if proxy != nil && *proxy != (url.URL{}) {
		if err := checkProxy(proxy); err != nil {
			errs = append(errs, err)
		}
	}
	for name, values := range headers {
		if err := checkHeader(name, values); err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}

// checkHeader reports a header that cannot be sent. The error omits the value, which may be a
// secret.
func checkHeader(name string, values []string) error {
	if !httpguts.ValidHeaderFieldName(name) {
		return fmt.Errorf("%q cannot be the name of a header", name)
	}
	for _, value := range values {
		if !httpguts.ValidHeaderFieldValue(value) {
			return fmt.Errorf("the header %s has a value with control characters", name)
		}
	}
	return nil
}
