package transport

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

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
	// Proxy is an HTTP proxy to tunnel through: http://[user:password@]host[:port]. Nil means
	// the one that HTTPS_PROXY (for wss), HTTP_PROXY (for ws) and NO_PROXY ask for; an empty URL
	// means none. Hosts in .local and link-local addresses are never reached through the former.
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
	for _, err := range CheckRequest(c.Headers, c.Proxy) {
		wrong(err.Error())
	}
	if c.Credentials != nil && strings.Contains(c.Credentials.User, ":") {
		wrong("a user's name cannot hold a colon")
	}
	return errors.Join(errs...)
}

// CheckRequest reports which headers and which proxy of a [DialConfig] cannot work.
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

// checkHeader reports what cannot be sent. The value is not shown: it may be a secret.
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
