package transport

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tandemdb/tandem/internal/throttle"
)

// Server accepts connections to its databases until it is closed. Its methods are safe for
// concurrent use.
type Server struct {
	cfg      ServerConfig
	log      *slog.Logger
	listener net.Listener // nil without a port
	names    []string     // names of this host that resolve to the listener's address
	cert     atomic.Pointer[tls.Certificate]
	throttle *throttle.Throttle
	pending  *waiting

	quit chan struct{}  // closed when Close begins
	all  sync.WaitGroup // the accepting goroutine, and one for each connection
	done chan struct{}  // closed when all have ended

	mu     sync.Mutex // guards the following
	seats  map[netip.Addr]int
	seated int
	conns  map[*Conn]struct{}
	closed bool
}

// Listen starts a server. ctx has no effect after Listen returns. Errors are fault.Invalid for
// settings that cannot work, fault.AddressInUse, POSIX EACCES for a port that needs privileges, and
// fault.UnknownHost for an interface that this device does not have.
func Listen(ctx context.Context, cfg ServerConfig) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.clone()
	cfg.Limits = cfg.Limits.withDefaults()
	s := &Server{
		cfg: cfg, log: cfg.Logger, throttle: cfg.Throttle, pending: newWaiting(cfg.Limits.Pending),
		quit: make(chan struct{}), done: make(chan struct{}),
		seats: map[netip.Addr]int{}, conns: map[*Conn]struct{}{},
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.throttle == nil {
		s.throttle = new(throttle.Throttle)
	}
	if cfg.NoPort {
		return s, nil
	}
	var err error
	if s.listener = cfg.Listener; s.listener == nil {
		if s.listener, err = bind(ctx, cfg.Interface, cfg.Port); err != nil {
			return nil, err
		}
	}
	s.names = namesOf(ctx, s.listener)
	s.warnOfClearText()
	s.cert.Store(cfg.Certificate)
	s.all.Go(s.accept)
	return s, nil
}

func (s *Server) warnOfClearText() {
	switch {
	case s.cfg.Certificate != nil:
	case s.cfg.Authenticator.needsPassword():
		s.log.Warn("TLS is off: passwords and documents cross the network in clear text")
	default:
		s.log.Warn("TLS is off: documents cross the network in clear text")
	}
}

// Port returns the port in use, even after Close; 0 if the server has no port.
func (s *Server) Port() int {
	if s.listener == nil {
		return 0
	}
	return s.listener.Addr().(*net.TCPAddr).Port
}

// URLs returns the URLs under which clients reach the databases, grouped by database. If an
// interface was chosen, each database has one URL. Otherwise it has one for each of the host's
// names that resolve to the host, and one for each present address of an interface. Link-local IPv6
// addresses carry this host's zone. A server without a port has no URLs.
func (s *Server) URLs() []string {
	if s.listener == nil {
		return nil
	}
	var urls []string
	hosts := s.hosts()
	for _, db := range s.cfg.Databases {
		for _, host := range hosts {
			urls = append(urls, endpointURL(s.cert.Load() != nil, host, s.Port(), db.Name))
		}
	}
	return urls
}

// SetCertificate replaces the certificate for later connections. It has no effect on a server
// without TLS.
func (s *Server) SetCertificate(cert *tls.Certificate) {
	if s.cert.Load() != nil && cert != nil {
		s.cert.Store(cert)
	}
}

// Connections returns the number of connected clients.
func (s *Server) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

// Close stops accepting, closes each connection with WebSocket code 1001, and waits until every
// Handler has returned. Clients in the middle of a handshake get HTTP 503. When ctx ends, Close
// drops the remaining connections, and returns the context's error if a Handler still runs a second
// later. Closing twice is harmless.
func (s *Server) Close(ctx context.Context) error {
	s.mu.Lock()
	first := !s.closed
	s.closed = true
	s.mu.Unlock()
	if first {
		close(s.quit)
		if s.listener != nil {
			_ = s.listener.Close()
		}
		s.pending.hurry(time.Second)
		go func() { defer close(s.done); s.all.Wait() }()
	}
	defer context.AfterFunc(ctx, s.abort)()
	s.goodbye()
	select {
	case <-s.done:
		return nil
	case <-ctx.Done():
	}
	select {
	case <-s.done:
		return nil
	case <-time.After(time.Second): // handlers of dropped connections have had time to return
		return context.Cause(ctx)
	}
}

// goodbye closes all connections concurrently, and waits until they are closed.
func (s *Server) goodbye() {
	var g sync.WaitGroup
	for _, c := range s.connected() {
		g.Go(func() { _ = c.Close(goingAway, "the listener stops") })
	}
	g.Wait()
}

// goingAway makes Couchbase Lite's replicators stop with WebSocket/1001.
const goingAway = 1001

func (s *Server) abort() {
	s.pending.hurry(0)
	for _, c := range s.connected() {
		_ = c.Abort()
	}
}

func (s *Server) connected() []*Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	conns := make([]*Conn, 0, len(s.conns))
	for c := range s.conns {
		conns = append(conns, c)
	}
	return conns
}

// take gives a client a seat, or returns the reason for refusing one. Close waits until leave gives
// the seat back.
func (s *Server) take(from netip.Addr) *refusal {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return refuse(http.StatusServiceUnavailable, "this listener is stopping")
	case s.seated >= s.cfg.Limits.Connections:
		return refuse(http.StatusServiceUnavailable, "too many connections")
	case s.seats[from] >= s.cfg.Limits.PerAddress:
		return refuse(http.StatusServiceUnavailable, "too many connections from your address")
	}
	s.all.Add(1)
	s.seated++
	s.seats[from]++
	return nil
}

func (s *Server) leave(from netip.Addr) {
	defer s.all.Done()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seated--
	if s.seats[from]--; s.seats[from] == 0 {
		delete(s.seats, from)
	}
}

// run passes a connection to the handler.
func (s *Server) run(c *Conn) {
	s.mu.Lock()
	s.conns[c] = struct{}{}
	closed := s.closed
	s.mu.Unlock()
	defer func() {
		_ = c.Abort()
		s.mu.Lock()
		delete(s.conns, c)
		s.mu.Unlock()
	}()
	if closed { // closed after take
		_ = c.Close(goingAway, "the listener stops")
		return
	}
	s.cfg.Handler(c)
}
