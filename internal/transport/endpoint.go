package transport

import (
	"cmp"
	"net"
	"net/url"
	"strings"

	"github.com/tandemdb/tandem/internal/fault"
)

// syncPath follows the database's name in a request's path.
const syncPath = "/_blipsync"

// Endpoint names a database on another peer: ws[s]://host[:port]/[path/]database. The zero value
// names no database; [ParseEndpoint] makes other values.
type Endpoint struct {
	url url.URL
}

// ParseEndpoint parses an endpoint's URL. It fails with fault.InvalidURL for another scheme than ws
// and wss, a missing host or database name, a port out of range, a query or fragment, and
// credentials within the URL.
func ParseEndpoint(raw string) (Endpoint, error) {
	u, err := url.Parse(escapeZone(raw))
	if err != nil {
		return Endpoint{}, invalidURL("", "it cannot be parsed") // raw may hold a password
	}
	u.Scheme = strings.ToLower(u.Scheme)
	u.RawPath = strings.TrimRight(u.EscapedPath(), "/")
	u.Path, _ = url.PathUnescape(u.RawPath) // Parse has decoded it before, so it cannot fail
	switch {
	case u.Scheme != "ws" && u.Scheme != "wss":
		return Endpoint{}, invalidURL(u.Redacted(), "it does not begin with ws:// or wss://")
	case u.User != nil:
		return Endpoint{}, invalidURL(u.Redacted(), "it holds credentials").
			Try("give the user name and password to the authenticator instead")
	case u.Hostname() == "":
		return Endpoint{}, invalidURL(raw, "it names no host")
	case !validPort(u.Port()):
		return Endpoint{}, invalidURL(raw, "its port is not within 1 to 65535")
	case u.RawQuery != "" || u.Fragment != "":
		return Endpoint{}, invalidURL(raw, "it has a query or a fragment")
	case u.Path == "":
		return Endpoint{}, invalidURL(raw, "it names no database").Try("append the database's name: " + u.Scheme + "://" + u.Host + "/name")
	}
	if _, err := url.Parse(u.String()); err != nil { // url.Parse accepts zones of an IPv6 address that it cannot write
		return Endpoint{}, invalidURL("", "its host has a zone with characters that do not belong there")
	}
	return Endpoint{url: *u}, nil
}

// escapeZone escapes the zone of an IPv6 address as a URL requires (RFC 6874). People write it as
// in an address: [fe80::1%eth0].
func escapeZone(raw string) string {
	before, zone, found := strings.Cut(raw, "%")
	if !found || strings.HasPrefix(zone, "25") || !strings.Contains(before, "://[") || strings.Contains(before, "]") {
		return raw
	}
	return before + "%25" + zone
}

func invalidURL(raw, why string) *fault.Error {
	return fault.InvalidURL.In("read URL", raw).Says("%s", why)
}

func validPort(port string) bool {
	if port == "" {
		return true
	}
	n, err := net.LookupPort("tcp", port)
	return err == nil && n > 0
}

// String returns the URL without a trailing slash.
func (e Endpoint) String() string { return e.url.String() }

// DatabaseName returns the last element of the path.
func (e Endpoint) DatabaseName() string {
	escaped := e.url.EscapedPath()
	name, _ := url.PathUnescape(escaped[strings.LastIndexByte(escaped, '/')+1:])
	return name
}

// Secure reports whether the endpoint uses TLS.
func (e Endpoint) Secure() bool { return e.url.Scheme == "wss" }

// Host returns the host's name or address without port and brackets.
func (e Endpoint) Host() string { return e.url.Hostname() }

// Address returns host:port, the address to dial.
func (e Endpoint) Address() string {
	return net.JoinHostPort(e.url.Hostname(), e.port())
}

func (e Endpoint) port() string {
	return cmp.Or(e.url.Port(), map[bool]string{false: "80", true: "443"}[e.Secure()])
}

// hostHeader returns the Host header of a request. It omits the scheme's default port.
func (e Endpoint) hostHeader() string {
	host := e.url.Hostname()
	if strings.Contains(host, ":") {
		host, _, _ = strings.Cut(host, "%") // a zone means nothing on another host
		host = "[" + host + "]"
	}
	if port := e.port(); port != "80" && !e.Secure() || port != "443" && e.Secure() {
		host += ":" + port
	}
	return host
}

// target returns the path of a request to the endpoint.
func (e Endpoint) target() string { return e.url.EscapedPath() + syncPath }
