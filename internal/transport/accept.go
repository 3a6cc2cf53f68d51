package transport

import (
	"bufio"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/transport/websocket"
)

// lingerWait is how long a refused client has to take its answer.
const lingerWait = time.Second

// accept takes clients until the listener is closed.
func (s *Server) accept() {
	for delay := time.Duration(0); ; {
		nc, err := s.listener.Accept()
		if err == nil {
			delay = 0
			leave := s.pending.enter(nc, s.cfg.Limits.Handshake) // in the order in which they came
			s.all.Go(func() { s.serve(nc, leave) })
			continue
		}
		if errors.Is(err, net.ErrClosed) {
			return
		}
		// Out of files, most often: others have to go before it gets better.
		delay = min(max(2*delay, 5*time.Millisecond), time.Second)
		s.log.Warn("cannot accept a connection", "error", err)
		if !s.pause(delay) {
			return
		}
	}
}

// pause waits for d, and reports false if the server is closed before.
func (s *Server) pause(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-s.quit:
		return false
	}
}

// serve does everything for one client; leave takes it off those whose request has not come.
func (s *Server) serve(tcp net.Conn, leave func()) {
	defer tcp.Close()
	limitUnsent(tcp)
	from := addressOf(tcp.RemoteAddr())
	nc, request, br := s.meet(tcp, from, leave)
	if request == nil {
		return
	}
	defer s.leave(from)
	_, secure := nc.(*tls.Conn)
	a, no := s.judge(request, from, secure)
	if no != nil {
		s.refuse(nc, request, no)
		return
	}
	if c := s.welcome(nc, br, request, a); c != nil {
		s.run(c)
	}
}

// meet does TLS, reads the request, and gives the client a seat. The request is nil if none
// came, or there is no seat. The client may be pushed out meanwhile by others.
func (s *Server) meet(
	tcp net.Conn, from netip.Addr, leave func(),
) (nc net.Conn, request *http.Request, br *bufio.Reader) {
	defer leave()
	nc, err := s.secure(tcp)
	if err != nil {
		s.log.Info("TLS handshake failed", "client", tcp.RemoteAddr().String(), "error", err)
		if !isHangUp(err) {
			s.refused(Refused{Address: tcp.RemoteAddr().String(), Err: clientFault(err)})
		}
		if !isTimeout(err) {
			linger(tcp)
		}
		return nil, nil, nil
	}
	br = bufio.NewReader(&headReader{r: nc, left: maxHead})
	if request, err = http.ReadRequest(br); err != nil {
		s.noRequest(nc, err)
		return nil, nil, nil
	}
	if no := s.take(from); no != nil {
		s.refuse(nc, request, no)
		return nil, nil, nil
	}
	return nc, request, br
}

// noRequest deals with a client whose request could not be read. One whose time is over gets an
// answer too: to Couchbase Lite silence would mean never to come back.
func (s *Server) noRequest(nc net.Conn, err error) {
	switch {
	case isTimeout(err):
		allow(nc, lingerWait)
		s.answer(nc, nil, refuse(http.StatusServiceUnavailable, "no request came before the listener had to go on"))
	case errors.Is(err, io.EOF):
		s.log.Info("a client left without a request", "client", nc.RemoteAddr().String())
	default:
		s.refuse(nc, nil, refuse(http.StatusBadRequest, "this is not an HTTP request"))
	}
}

// secure does the TLS handshake, if TLS is on.
func (s *Server) secure(tcp net.Conn) (net.Conn, error) {
	if s.cert.Load() == nil {
		return tcp, nil
	}
	nc := tls.Server(tcp, s.tlsConfig())
	err := nc.Handshake()
	if err == nil {
		return nc, nil
	}
	var plain tls.RecordHeaderError
	if errors.As(err, &plain) && plain.Conn != nil && string(plain.RecordHeader[:4]) == "GET " {
		s.send(tcp, nil, refuse(http.StatusBadRequest, "this listener speaks TLS: use wss://, or https:// in a browser"))
		return nil, fault.TLSHandshake.Says("the client does not speak TLS")
	}
	return nil, err
}

// isHangUp reports a client that went without a word, as those do that only look whether the port is
// open.
func isHangUp(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, connReset)
}

func (s *Server) tlsConfig() *tls.Config {
	cfg := &tls.Config{
		MinVersion:                  tls.VersionTLS12,
		Certificates:                []tls.Certificate{*s.cert.Load()},
		DynamicRecordSizingDisabled: true, // whole records from the start
		SessionTicketsDisabled:      true, // so that each connection is judged anew
	}
	if a := s.cfg.Authenticator; a.NeedsTLS() {
		cfg.ClientAuth = tls.RequireAnyClientCert
		cfg.VerifyConnection = func(state tls.ConnectionState) error { return a.verify(s.log, state.PeerCertificates) }
	}
	return cfg
}

// welcome sends the response that makes a WebSocket of the connection.
func (s *Server) welcome(nc net.Conn, br *bufio.Reader, r *http.Request, a accepted) *Conn {
	if _, err := nc.Write(s.switching(r, a)); err != nil {
		return nil
	}
	_ = nc.SetDeadline(time.Time{})
	heartbeat := s.cfg.Heartbeat
	if heartbeat == 0 {
		heartbeat = defaultHeartbeat
	}
	c := &Conn{
		Conn:     websocket.New(nc, websocket.Config{Reader: br, Heartbeat: heartbeat}),
		seen:     Seen{Server: r.UserAgent(), CorrelationID: a.id},
		database: a.database, protocol: a.protocol, user: a.user, remote: nc.RemoteAddr(),
	}
	if t, ok := nc.(*tls.Conn); ok {
		c.seen.Certificates = t.ConnectionState().PeerCertificates
	}
	s.log.Info("client connected", "client", c.remote.String(), "id", a.id, "database", a.database,
		"protocol", a.protocol, "user", a.user)
	return c
}

// linger reads on until the client hangs up, since closing with bytes unread would reset the
// connection and could take our last words with it.
func linger(nc net.Conn) {
	allow(nc, lingerWait)
	if half, ok := nc.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
		_, _ = io.Copy(io.Discard, io.LimitReader(nc, 1<<20))
	}
}

// allow gives everything under way on nc no more time than d. A connection for which this
// fails is dead, as the next read or write will tell.
func allow(nc net.Conn, d time.Duration) { _ = nc.SetDeadline(time.Now().Add(d)) }
