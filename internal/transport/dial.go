package transport

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/transport/websocket"
)

const (
	defaultTimeout   = 15 * time.Second
	defaultHeartbeat = 300 * time.Second
	maxRedirects     = 10
	// maxHead bounds a request's or response's line and headers, in bytes.
	maxHead = 64 << 10
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

// DialError is how Dial fails. Its cause is a *fault.Error, or ctx's if that ended.
type DialError struct {
	Seen // as much as the peer showed
	Err  error
}

func (e *DialError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *DialError) Unwrap() error { return e.Err }

// Dial connects to a peer and agrees on a protocol with it (spec/handshake.md §2, §3). It
// follows up to ten redirects, also to a proxy, and never tries credentials twice. Its error is a [*DialError]
// around a fault: Network/1–27 if the peer was not reached or not trusted, WebSocket with
// the HTTP status if it refused, WebSocket/400 if its answer was not HTTP, and WebSocket/1002 if
// its answer broke the protocol.
func Dial(ctx context.Context, cfg DialConfig) (*Conn, error) {
	if err := cfg.Validate(); err != nil {
		return nil, &DialError{Err: err}
	}
	d := &dialer{cfg: cfg, to: cfg.Endpoint, target: cfg.Endpoint.target(), trusted: true}
	limited, cancel := context.WithTimeout(ctx, cmp.Or(cfg.Timeout, defaultTimeout))
	defer cancel()
	c, err := d.dial(limited)
	switch {
	case err == nil:
		return c, nil
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	case limited.Err() != nil:
		err = fault.Timeout.In("connect to", cfg.Endpoint.String()).Because(err).
			Try("check that the peer can be reached from this network")
	default:
		err = netFault(err).In("connect to", d.to.String())
	}
	return nil, &DialError{Seen: d.seen, Err: err}
}

// dialer is one Dial under way.
type dialer struct {
	cfg     DialConfig
	to      Endpoint // changes with redirects
	target  string   // path and query to ask for
	trusted bool     // to is still the host that the caller named: it may see credentials

	certAsked bool // the server asked for a client certificate
	seen      Seen
}

func (d *dialer) dial(ctx context.Context) (*Conn, error) {
	for range maxRedirects + 1 {
		c, err := d.attempt(ctx)
		if err != nil || c != nil {
			return c, err
		}
	}
	return nil, fault.TooManyRedirects
}

// attempt makes one connection. It returns a Conn, or nil when d has turned to where the peer
// has sent it.
func (d *dialer) attempt(ctx context.Context) (c *Conn, err error) {
	nc, err := d.connect(ctx)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = nc.Close() })
	defer func() {
		if !stop() && err == nil {
			err = context.Cause(ctx)
		}
		if err != nil && c != nil {
			_ = c.Abort()
			c = nil
		}
		if c == nil {
			_ = nc.Close()
		}
	}()
	res, br, err := d.exchange(nc)
	if err != nil {
		return nil, err
	}
	defer res.body.Close()
	switch res.status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusTemporaryRedirect:
		return nil, d.follow(res.header.Get("Location"))
	case http.StatusUseProxy:
		return nil, d.useProxy(res.header.Get("Location"))
	}
	if res.status != http.StatusSwitchingProtocols {
		allow(nc, lingerWait) // for the explanation: a refusal counts without it
	}
	if err := res.check(d.cfg.Protocols); err != nil {
		return nil, err
	}
	ws := websocket.New(nc, websocket.Config{
		Client: true, Reader: br, Heartbeat: cmp.Or(d.cfg.Heartbeat, defaultHeartbeat),
	})
	return &Conn{
		Conn: ws, seen: d.seen, protocol: res.protocol(), local: nc.LocalAddr(), remote: nc.RemoteAddr(),
	}, nil
}

// exchange sends the request and reads the response's head.
func (d *dialer) exchange(nc net.Conn) (*response, *bufio.Reader, error) {
	key := newKey()
	head := d.request(key)
	source := &headReader{r: nc, left: maxHead}
	br := bufio.NewReader(source)
	_, err := nc.Write(head)
	if err != nil && !isClosedByPeer(err) { // otherwise its answer may be here all the same
		return nil, nil, err
	}
	res, err := readResponse(br, key)
	if err != nil {
		return nil, nil, d.noResponse(cmp.Or(source.err, err))
	}
	d.seen.Server = res.header.Get("Server")
	d.seen.CorrelationID = res.header.Get("X-Correlation-Id")
	if d.cfg.Cookies != nil {
		d.cfg.Cookies.take(d.to, d.path(), res.header, d.cfg.AcceptParentDomainCookies)
	}
	return res, br, nil
}

// noResponse says why no HTTP response came.
func (d *dialer) noResponse(err error) error {
	_, alerted := remoteAlert(err)
	switch {
	case alerted:
		return tlsFault(err)
	case d.certAsked && isClosedByPeer(err):
		// In TLS 1.3 the server judges after the client is done; its alert may get lost.
		if d.cfg.ClientCertificate == nil {
			return alertFault(alertCertificateRequired).Because(err)
		}
		return alertFault(alertBadCertificate).Because(err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fault.New(fault.WebSocket, http.StatusBadRequest, "the peer hung up before it answered").Because(err).
			Try("use wss:// if the peer has TLS turned on")
	}
	return netFault(err)
}

// isClosedByPeer reports an error that means the peer hung up, in whatever form.
func isClosedByPeer(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, connReset) || errors.Is(err, connAborted) || errors.Is(err, brokenPipe)
}

// follow turns to the place that a redirect names.
func (d *dialer) follow(location string) error {
	u, err := url.Parse(location)
	if err != nil || u.User != nil || !strings.HasPrefix(u.EscapedPath(), "/") {
		return badRedirect(location)
	}
	to := d.to
	if u.IsAbs() || u.Host != "" {
		scheme, ok := map[string]string{"http": "ws", "https": "wss"}[u.Scheme]
		if !ok || u.Hostname() == "" || !validPort(u.Port()) {
			return badRedirect(location)
		}
		to = Endpoint{url: url.URL{Scheme: scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}}
	}
	if d.to.Secure() && !to.Secure() {
		return badRedirect(location).Says("redirect from TLS to clear text: %s", location)
	}
	if !strings.EqualFold(to.Host(), d.to.Host()) {
		d.trusted = false
	}
	d.to, d.target = to, u.RequestURI()
	return nil
}

// useProxy turns to the proxy behind which the peer wants to be reached (status 305), once.
func (d *dialer) useProxy(location string) error {
	u, err := url.Parse(location)
	if err != nil || u.Scheme != "http" || u.User != nil || u.Hostname() == "" || !validPort(u.Port()) ||
		d.cfg.Proxy != nil {
		return badRedirect(location)
	}
	d.cfg.Proxy = &url.URL{Scheme: "http", Host: net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), "80"))}
	return nil
}

func badRedirect(location string) *fault.Error {
	return fault.InvalidRedirect.Says("the peer redirects to %q, which is no place to go", location)
}

// path is target without its query.
func (d *dialer) path() string {
	path, _, _ := strings.Cut(d.target, "?")
	return path
}

// headReader ends a head that is too long, and remembers how reading failed. Once the
// handshake is over nobody reads from it any more.
type headReader struct {
	r    io.Reader
	left int
	err  error
}

func (h *headReader) Read(p []byte) (int, error) {
	if h.left <= 0 {
		return 0, io.ErrUnexpectedEOF
	}
	n, err := h.r.Read(p[:min(len(p), h.left)])
	h.left -= n
	h.err = err
	return n, err
}
