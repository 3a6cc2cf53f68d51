package rest

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// checkHost answers 421 to a request for a host that is not this one. A page of another site reaches a
// server on the visitor's own machine or network by a name of its own that it lets point there; that
// name is in the header Host.
func (c *call) checkHost() error {
	host := hostOf(c.r.Host)
	local := localAddress(c.r)
	switch address, err := netip.ParseAddr(host); {
	case c.h.hosts[host]:
		return nil
	case host == "localhost" && (!local.IsValid() || local.IsLoopback()):
		return nil
	case err == nil && (address.IsLoopback() || !local.IsLoopback()):
		return nil
	}
	return refuse(http.StatusMisdirectedRequest, "this server is not %.100q", host).
		try("use its address, or have the operator allow the name")
}

// hostOf returns a host without port, brackets and a dot at the end, in small letters.
func hostOf(hostPort string) string {
	host, _, err := net.SplitHostPort(hostPort)
	if err != nil {
		host = hostPort
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// localAddress returns the address that the client has connected to, or none for a Unix socket.
func localAddress(r *http.Request) netip.Addr {
	address, _ := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	if address == nil {
		return netip.Addr{}
	}
	return address.AddrPort().Addr().Unmap()
}

// localPort returns the port that the client has connected to, 0 for none.
func localPort(r *http.Request) int {
	if address, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr); ok {
		return address.Port
	}
	return 0
}

// trustProxy takes the client's address, and whether it has used TLS, from the headers of a proxy that
// the configuration trusts.
func (c *call) trustProxy() {
	c.secure = c.r.TLS != nil
	remote, err := netip.ParseAddrPort(c.r.RemoteAddr)
	if err != nil || !c.h.isProxy(remote.Addr()) {
		return
	}
	if proto := c.r.Header.Get("X-Forwarded-Proto"); proto != "" {
		c.secure = strings.EqualFold(proto, "https")
	}
	hops := strings.Split(strings.Join(c.r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0; i-- { // the last is the nearest
		address, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			return
		}
		c.setFrom(address)
		if !c.h.isProxy(address) {
			return
		}
	}
}

func (h *Handler) isProxy(address netip.Addr) bool {
	for _, proxy := range h.cfg.Proxies {
		if proxy.Contains(address.Unmap()) {
			return true
		}
	}
	return false
}
