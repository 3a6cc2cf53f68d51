package transport

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/throttle"
	"github.com/tandemdb/tandem/internal/transport/websocket"
)

// lingerWait is how long a refused client may take to read its answer.
const lingerWait = time.Second

// hurriedWait is lingerWait for a client that sends nothing, while others wait for its place.
const hurriedWait = lingerWait / 10

// accept serves clients until the listener is closed.
func (s *Server) accept() {
	for delay := time.Duration(0); ; {
		nc, err := s.listener.Accept()
		if err == nil {
			delay = 0
			leave := s.pending.enter(nc, s.cfg.Limits.Handshake) // entered in the order of arrival
			s.all.Go(func() { s.serve(nc, leave) })
			continue
		}
		if errors.Is(err, net.ErrClosed) {
			return
		}
		// Usually the process is out of files, and other connections must end first.
		delay = min(max(2*delay, 5*time.Millisecond), time.Second)
		s.log.Warn("cannot accept a connection", "error", err)
		if !s.pause(delay) {
			return
		}
	}
}

// pause waits for d. It reports false if the server closes meanwhile.
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

// serve serves one client from handshake to end. leave takes it off the list of clients that have
// sent no request.
func (s *Server) serve(tcp net.Conn, leave func()) {
	limitUnsent(tcp)
	tcp = s.cfg.Pace.of(tcp)
	defer tcp.Close()
	from := throttle.AddressOf(tcp.RemoteAddr())
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

// meet does the TLS handshake, reads the request, and takes a seat for the client. The request is
// nil if none came or no seat was free. Newer clients may push this one out meanwhile.
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
			linger(tcp, lingerWait)
		}
		return nil, nil, nil
	}
	if t, ok := nc.(*tls.Conn); ok && s.isAside(t) {
		s.serveAside(t, from)
		return nil, nil, nil
	}
	begin(tcp) // strangers have gone, or have not got through the handshake
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

// noRequest handles a client whose request could not be read. A client that was too slow gets an
// answer too: without one, Couchbase Lite would never try again.
func (s *Server) noRequest(nc net.Conn, err error) {
	switch {
	case isTimeout(err):
		allow(nc, lingerWait)
		s.answer(nc, nil, refuse(http.StatusServiceUnavailable, "no request came before the listener had to go on"))
		linger(nc, hurriedWait) // the beginning of its request may have come by now
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

// isHangUp reports a client that hung up without sending anything, as a port scan does.
func isHangUp(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, connReset)
}

func (s *Server) tlsConfig() *tls.Config {
	cfg := &tls.Config{
		MinVersion:                  tls.VersionTLS12,
		Certificates:                []tls.Certificate{*s.cert.Load()},
		DynamicRecordSizingDisabled: true, // full records from the start
		SessionTicketsDisabled:      true, // so that each connection's certificate is checked anew
	}
	if a := s.cfg.Authenticator; a.NeedsTLS() {
		cfg.ClientAuth = tls.RequireAnyClientCert
		cfg.VerifyConnection = func(state tls.ConnectionState) error { return a.verify(s.log, state.PeerCertificates) }
	}
	if a := s.cfg.Aside; a != nil {
		cfg.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			if !slices.Contains(hello.SupportedProtos, a.Protocol) || !a.Open() {
				return nil, nil
			}
			return &tls.Config{
				MinVersion: tls.VersionTLS13, NextProtos: []string{a.Protocol}, ClientAuth: tls.RequireAnyClientCert,
				Certificates: cfg.Certificates, SessionTicketsDisabled: true,
			}, nil
		}
	}
	return cfg
}

// isAside reports whether the client has asked for the other protocol.
func (s *Server) isAside(conn *tls.Conn) bool {
	return s.cfg.Aside != nil && conn.ConnectionState().NegotiatedProtocol == s.cfg.Aside.Protocol
}

// serveAside serves a client of the other protocol. The client stays on the list of those that have
// sent no request, so that newer ones may push it out, and takes no seat from others.
func (s *Server) serveAside(conn *tls.Conn, from netip.Addr) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		select {
		case <-s.quit:
			cancel()
		case <-ctx.Done():
		}
	}()
	s.cfg.Aside.Serve(ctx, conn, from)
}

// welcome sends the response that turns the connection into a WebSocket.
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

// linger reads until the client hangs up, for at most d. Closing with unread bytes would reset the
// connection, and the client might miss the answer.
func linger(nc net.Conn, d time.Duration) {
	allow(nc, d)
	if half, ok := nc.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
		_, _ = io.Copy(io.Discard, io.LimitReader(nc, 1<<20))
	}
}

// allow limits all operations on nc to the time d from now. It fails only on a dead connection,
// whose next read or write fails too.
func allow(nc net.Conn, d time.Duration) { _ = nc.SetDeadline(time.Now().Add(d)) }
