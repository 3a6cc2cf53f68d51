package transport

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/tandemdb/tandem/internal/throttle"
)

// WithUser returns a context for [Server.ServeHTTP] that names the user of the request. The program
// has authenticated the user itself, and the authenticator is not called.
func WithUser(ctx context.Context, user string) context.Context {
	return context.WithValue(ctx, userKey{}, user)
}

type userKey struct{}

func userOf(r *http.Request) (user string, known bool) {
	user, known = r.Context().Value(userKey{}).(string)
	return user, known
}

// ServeHTTP turns a request of another HTTP server into a connection, and returns when the
// connection has ended. It makes the same checks as the server's own port. It checks client
// certificates if the other server has requested them in the TLS handshake.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	from := clientOf(r)
	no := s.take(from)
	if no == nil {
		defer s.leave(from)
		no = s.upgrade(w, r, from)
	}
	if no != nil {
		s.write(w, r, no)
	}
}

// upgrade serves a client until it leaves, or returns the reason why it may not connect.
func (s *Server) upgrade(w http.ResponseWriter, r *http.Request, from netip.Addr) *refusal {
	no := s.checkCertificate(r)
	if no != nil {
		return no
	}
	a, no := s.judge(r, from, r.TLS != nil)
	if no != nil {
		return no
	}
	nc, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return refuse(http.StatusHTTPVersionNotSupported, "a WebSocket needs a connection of HTTP/1.1 for itself")
	}
	defer nc.Close()
	limitUnsent(underTLS(nc))
	allow(nc, s.cfg.Limits.Handshake)
	if c := s.welcome(nc, buffered.Reader, r, a); c != nil {
		s.run(c)
	}
	return nil
}

func underTLS(nc net.Conn) net.Conn {
	if t, ok := nc.(*tls.Conn); ok {
		return t.NetConn()
	}
	return nc
}

// clientOf returns the address that limits count a request under.
func clientOf(r *http.Request) netip.Addr {
	address, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{} // a Unix socket
	}
	return throttle.AddressOf(net.TCPAddrFromAddrPort(address))
}

// checkCertificate checks a client certificate that another server has requested.
func (s *Server) checkCertificate(r *http.Request) *refusal {
	if _, known := userOf(r); known || !s.cfg.Authenticator.NeedsTLS() {
		return nil
	}
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return refuse(http.StatusForbidden, "a client certificate is needed here")
	}
	if err := s.cfg.Authenticator.verify(s.log, r.TLS.PeerCertificates); err != nil {
		s.log.Info("refused a client's certificate", "client", r.RemoteAddr, "error", err)
		return refuse(http.StatusForbidden, "the client certificate is refused")
	}
	return nil
}

// write sends a refusal through another HTTP server.
func (s *Server) write(w http.ResponseWriter, r *http.Request, no *refusal) {
	s.noteRefusal(r.RemoteAddr, r, no)
	for line := range strings.SplitSeq(no.header, "\r\n") {
		if name, value, ok := strings.Cut(line, ": "); ok {
			w.Header().Set(name, value)
		}
	}
	kind, body := no.body()
	w.Header().Set("Content-Type", kind+"; charset=utf-8")
	w.WriteHeader(no.status)
	_, _ = w.Write([]byte(body))
}
