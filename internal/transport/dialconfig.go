package transport

import (
	"crypto/tls"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
)

// DialConfig says whom to connect to, and how. Endpoint and Protocols are required.
type DialConfig struct {
	Endpoint Endpoint
	// Protocols are offered in this order.
	Protocols []string
	// Headers are added to the request. They may replace Authorization, Host and User-Agent,
	// and never those of the WebSocket handshake. A Cookie joins those of Cookies.
	Headers http.Header
	// Credentials are sent with the first request. Nil sends none.
	Credentials *Credentials
	// Cookies are sent, and those that the peer sets are added. Nil keeps none.
	Cookies *Cookies
	// AcceptParentDomainCookies lets the peer set cookies for the domains above its own.
	AcceptParentDomainCookies bool
	// Trust says which server certificates are good. Zero trusts the system's roots.
	Trust Trust
	// ClientCertificate is shown to a server that asks for one. Nil shows none.
	ClientCertificate *tls.Certificate
	// Timeout bounds everything up to the peer's response. Zero means 15 s.
	Timeout time.Duration
	// Heartbeat is the silence after which the peer gets a PING. Zero means 300 s.
	Heartbeat time.Duration
	// NetworkInterface is the local IP address, or the name of the interface, to connect
	// from. Empty leaves it to the system.
	NetworkInterface string
	// UserAgent names this program. Empty means "Tandem".
	UserAgent string
	// Proxy is an HTTP proxy to tunnel through: http://[user:password@]host:port. Nil means none.
	Proxy *url.URL
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
	if c.Proxy != nil && c.Proxy.Scheme != "http" {
		wrong("the proxy's URL does not begin with http://")
	}
	return errors.Join(errs...)
}
