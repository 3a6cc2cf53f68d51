package transport

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"golang.org/x/net/http/httpproxy"

	"github.com/tandemdb/tandem/internal/fault"
)

// proxy returns the proxy to tunnel through to the endpoint, or nil.
func (d *dialer) proxy() (*url.URL, error) {
	if d.cfg.Proxy == nil {
		return proxyFromEnvironment(d.to)
	}
	if *d.cfg.Proxy == (url.URL{}) {
		return nil, nil //nolint:nilnil // no proxy is configured
	}
	return d.cfg.Proxy, nil
}

// proxyFromEnvironment returns the proxy that HTTPS_PROXY (for wss), HTTP_PROXY (for ws) and
// NO_PROXY select, as in other programs. It returns nil for peers that no proxy can reach.
func proxyFromEnvironment(to Endpoint) (*url.URL, error) {
	if isNearby(to.Host()) {
		return nil, nil //nolint:nilnil // no proxy can reach the peer
	}
	scheme := map[bool]string{false: "http", true: "https"}[to.Secure()]
	proxy, err := httpproxy.FromEnvironment().ProxyFunc()(&url.URL{Scheme: scheme, Host: to.Address()})
	if err == nil && proxy != nil {
		err = checkProxy(proxy)
	}
	if err != nil {
		return nil, fault.Invalid.Says("the proxy that %s_PROXY names cannot be used", strings.ToUpper(scheme)).Because(err).
			Try("write it as http://host:port, or name the peer's host in NO_PROXY")
	}
	return proxy, nil
}

// isNearby reports a host on this link, which no proxy knows: it has a name of multicast DNS or a
// link-local address.
func isNearby(host string) bool {
	address, err := netip.ParseAddr(host)
	if err != nil {
		return strings.HasSuffix(strings.ToLower(strings.TrimSuffix(host, ".")), ".local")
	}
	return address.IsLinkLocalUnicast()
}

// checkProxy reports why u is not the URL of a proxy.
func checkProxy(u *url.URL) error {
	switch {
	case u.Scheme != "http":
		return errors.New("the proxy's URL does not begin with http://")
	case u.Hostname() == "":
		return errors.New("the proxy's URL names no host")
	case !validPort(u.Port()):
		return errors.New("the proxy's port is not within 1 to 65535")
	case strings.TrimSuffix(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		return errors.New("the proxy's URL has more than a host and a port")
	}
	return nil
}

func proxyAddress(proxy *url.URL) string {
	return net.JoinHostPort(proxy.Hostname(), cmp.Or(proxy.Port(), "80"))
}

func noProxy(proxy *url.URL, err error) error {
	return netFault(err).Says("the proxy %s cannot be reached", proxyAddress(proxy)).
		Try("check the proxy, or name the peer's host in NO_PROXY if it can be reached without one")
}

// tunnel asks the proxy at nc to connect to the endpoint.
func (d *dialer) tunnel(nc net.Conn, proxy *url.URL) error {
	auth := ""
	if user := proxy.User; user != nil {
		password, _ := user.Password()
		auth = "Proxy-Authorization: " + basic(user.Username(), password) + "\r\n"
	}
	to := d.to.Address()
	if _, err := fmt.Fprintf(nc, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n%s\r\n", to, to, auth); err != nil {
		return netFault(err)
	}
	// Read one byte at a time: bytes after the head belong to the peer behind the proxy.
	br := bufio.NewReaderSize(&headReader{r: byteReader{nc}, left: maxHead}, 16)
	res, err := http.ReadResponse(br, &http.Request{Method: http.MethodConnect})
	if err != nil {
		return fault.New(fault.WebSocket, http.StatusBadGateway, "the proxy's answer is not HTTP").Because(err)
	}
	if res.StatusCode/100 != 2 {
		return fault.New(fault.WebSocket, res.StatusCode, "the proxy refused: "+res.Status)
	}
	return nil
}

type byteReader struct{ net.Conn }

func (b byteReader) Read(p []byte) (int, error) { return b.Conn.Read(p[:min(1, len(p))]) }
