package rest

import (
	"context"
	"crypto/tls"
	"errors"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/tandemdb/tandem/internal/throttle"
)

// Limits of the server of [Handler.Serve].
const (
	idleTimeout = 2 * time.Minute
	maxHeader   = 64 << 10 // bytes
)

// Serve answers the clients of a socket until the handler is closed, and then returns nil. Clients are
// bounded in number, and slow ones end: see [Limits]. With cfg they use TLS, otherwise clear text.
func (h *Handler) Serve(l net.Listener, cfg *tls.Config) error {
	if !h.life.enter() {
		return errClosing
	}
	defer h.life.leave()
	cfg = h.askForCertificates(cfg)
	server := &http.Server{
		Handler: h, TLSConfig: cfg,
		ReadHeaderTimeout: h.cfg.Limits.HeaderTime, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader,
		ErrorLog: h.errorLog(),
	}
	down := make(chan struct{})
	stop := context.AfterFunc(h.life.base, func() {
		defer close(down)
		shutDown(server, h.cfg.Limits.Patience)
	})
	defer func() {
		if !stop() {
			<-down
		}
	}()
	limits := h.cfg.Limits
	l = &limitedListener{Listener: l, seats: &seats{all: limits.Connections, each: limits.ConnectionsPerAddress}}
	var err error
	if cfg != nil {
		err = server.ServeTLS(l, "", "")
	} else {
		err = server.Serve(l)
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// shutDown ends a server when its requests are answered, or at once after a while.
func shutDown(server *http.Server, patience time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if server.Shutdown(ctx) != nil {
		_ = server.Close()
	}
}

// errorLog receives what net/http has to say, such as about failed handshakes.
func (h *Handler) errorLog() *log.Logger {
	if h.cfg.Logger == nil {
		return log.New(nothingWriter{}, "", 0)
	}
	return slog.NewLogLogger(h.cfg.Logger.Handler(), slog.LevelDebug)
}

type nothingWriter struct{}

func (nothingWriter) Write(p []byte) (int, error) { return len(p), nil }

// limitedListener ends connections beyond the limits at once.
type limitedListener struct {
	net.Listener
	seats *seats
}

// Accept implements [net.Listener].
func (l *limitedListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		who := addressText(conn.RemoteAddr())
		if l.seats.take(who) {
			return &limitedConn{Conn: conn, leave: sync.OnceFunc(func() { l.seats.leave(who) })}, nil
		}
		_ = conn.Close()
	}
}

func addressText(a net.Addr) string {
	if address := throttle.AddressOf(a); address != (netip.Addr{}) {
		return address.String()
	}
	return ""
}

// limitedConn gives its seat back when it is closed.
type limitedConn struct {
	net.Conn
	leave func()
}

// Close implements [net.Conn].
func (c *limitedConn) Close() error {
	c.leave()
	return c.Conn.Close()
}
