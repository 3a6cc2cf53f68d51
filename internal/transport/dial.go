package transport

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/transport/websocket"
)

const (
	defaultTimeout   = 15 * time.Second
	defaultHeartbeat = 300 * time.Second
	maxRedirects     = 10
)

// DialError is the error of Dial. Its cause is a *fault.Error, or the cause of ctx if ctx has
// ended.
type DialError struct {
	Seen // the data that the peer has shown
	Err  error
}

func (e *DialError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *DialError) Unwrap() error { return e.Err }

// Dial connects to a peer and agrees on a protocol with it. It follows up to ten redirects, also to
// a proxy, and never sends credentials twice. If ctx ends before Dial returns, Dial fails; later
// ctx has no effect on the connection.
//
// The error is a [*DialError] around a fault: Network/1–27 if the peer could not be reached or is
// not trusted, WebSocket with the HTTP status if the peer refused, WebSocket/400 if its answer was
// not HTTP, and WebSocket/1002 if its answer broke the protocol.
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

// dialer is the state of one call of Dial.
type dialer struct {
	cfg     DialConfig
	to      Endpoint // changes with redirects
	target  string   // path and query of the request
	trusted bool     // to is still the host that the caller named, so it may receive credentials

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

// attempt makes one connection. It returns nil without an error after a redirect has changed d.
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
	case http.StatusMovedPermanently, http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return nil, d.follow(res.header.Get("Location"))
	case http.StatusUseProxy:
		return nil, d.useProxy(res.header.Get("Location"))
	}
	if res.status != http.StatusSwitchingProtocols {
		allow(nc, lingerWait) // for the body: a refusal is reported without it, too
	}
	if err := res.check(d.cfg.Protocols); err != nil {
		return nil, err
	}
	ws := websocket.New(nc, websocket.Config{
		Client: true, Reader: br, Heartbeat: cmp.Or(d.cfg.Heartbeat, defaultHeartbeat),
	})
	return &Conn{
		Conn: ws, seen: d.seen, protocol: res.protocol(), remote: nc.RemoteAddr(),
	}, nil
}

// exchange sends the request and reads the response's head.
func (d *dialer) exchange(nc net.Conn) (*response, *bufio.Reader, error) {
	key := newKey()
	head := d.request(key)
	source := &headReader{r: nc, left: maxHead}
	br := bufio.NewReader(source)
	_, err := nc.Write(head)
	if err != nil && !isClosedByPeer(err) { // the peer may have answered before it closed
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

// noResponse returns the error for a connection that ended without an HTTP response.
func (d *dialer) noResponse(err error) error {
	_, alerted := remoteAlert(err)
	switch {
	case alerted:
		return tlsFault(err)
	case d.certAsked && isClosedByPeer(err):
		// In TLS 1.3 the server checks the client's certificate after the client has finished; its
		// alert may get lost.
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

// isClosedByPeer reports whether err means that the peer hung up.
func isClosedByPeer(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, connReset) || errors.Is(err, connAborted) || errors.Is(err, brokenPipe)
}

// path returns the target without its query.
func (d *dialer) path() string {
	path, _, _ := strings.Cut(d.target, "?")
	return path
}
