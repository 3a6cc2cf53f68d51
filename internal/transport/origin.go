package transport

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// checkOrigin refuses the web pages of other sites. With a page's request a browser sends the
// credentials it has for the listener: a typed password, a client certificate, and its place in the
// local network. It always names the page's site in Origin.
//
// Replicators that are no browsers send no Origin, or that of the listener, as some WebSocket
// libraries do. Old Sync Gateways send "http://localhost" for every peer, but no User-Agent, which
// a browser cannot leave out.
func (s *Server) checkOrigin(r *http.Request, secure bool) *refusal {
	if _, named := r.Header["User-Agent"]; !named {
		return nil
	}
	for _, origin := range r.Header["Origin"] {
		if !s.allowsOrigin(origin) && !s.isOwnOrigin(origin, r.Host, secure) {
			return refuse(http.StatusForbidden, fmt.Sprintf("pages of %q may not connect here", origin))
		}
	}
	return nil
}

func (s *Server) allowsOrigin(origin string) bool {
	return slices.ContainsFunc(s.cfg.AllowedOrigins, func(allowed string) bool {
		return allowed == AnyOrigin || strings.EqualFold(allowed, origin)
	})
}

// isOwnOrigin reports whether the listener's own host and port served the page. Without TLS the
// host must also be an address or a name of this device: the owner of any other name can make it
// resolve to this device after the page was loaded from elsewhere.
func (s *Server) isOwnOrigin(origin, host string, secure bool) bool {
	page, err := url.Parse(origin)
	if err != nil || page.Scheme != "http" && page.Scheme != "https" {
		return false
	}
	own := url.URL{Scheme: "http", Host: host}
	if secure {
		own.Scheme = "https"
	}
	return strings.EqualFold(hostAndPort(page), hostAndPort(&own)) && (secure || s.isOurName(own.Hostname()))
}

func hostAndPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return u.Hostname() + "|" + port
}

func (s *Server) isOurName(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil || strings.EqualFold(host, "localhost") {
		return true
	}
	return slices.ContainsFunc(s.names, func(name string) bool { return strings.EqualFold(name, host) })
}

// AnyOrigin lets every page connect, when it is one of the allowed origins.
const AnyOrigin = "*"

// CheckOrigins reports an entry of [ServerConfig].AllowedOrigins that no browser can send.
func CheckOrigins(origins []string) error {
	for _, origin := range origins {
		u, err := url.Parse(origin)
		if origin == AnyOrigin || origin == "null" || err == nil && u.Scheme != "" && origin == u.Scheme+"://"+u.Host {
			continue
		}
		return fmt.Errorf("%q is no origin, such as https://app.example.com", origin)
	}
	return nil
}
