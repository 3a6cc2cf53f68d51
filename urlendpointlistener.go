package tandem

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/tandemdb/tandem/internal/discovery"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/replication"
	"github.com/tandemdb/tandem/internal/store"
	"github.com/tandemdb/tandem/internal/transport"
)

// ConnectionStatus counts the clients of a listener. It is a snapshot.
type ConnectionStatus struct {
	ConnectionCount       int // connected
	ActiveConnectionCount int // of these, replicating just now
}

// URLEndpointListener is a passive peer: it lets replicators connect to a database
// (spec/api-behaviour.md §2). Its methods may be called from any goroutine.
type URLEndpointListener struct {
	cfg URLEndpointListenerConfiguration
	db  *Database

	starting  sync.Mutex  // held through Start and Stop; guards the following
	anonymous bool        // the identity is not one that the user chose
	warned    time.Time   // when the log was last told that the identity expires
	upkeep    *time.Timer // of the identity, nil before the first start and without TLS

	mu       sync.Mutex // guards the following
	server   *transport.Server
	identity *TLSIdentity
	ad       *discovery.Advertiser // nil if it is not advertised
	sessions map[*replication.Session]struct{}
	past     ListenerStatistics // of the sessions that are over
	cancel   context.CancelFunc // ends the sessions
	changed  chan struct{}      // closed and replaced when a session ends or turns idle
}

// NewURLEndpointListener returns a listener that is not started. It keeps a copy of cfg, and
// fails with [ErrInvalid] for what [URLEndpointListenerConfiguration.Validate] reports.
func NewURLEndpointListener(cfg URLEndpointListenerConfiguration) (*URLEndpointListener, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.clone()
	return &URLEndpointListener{
		cfg: cfg, db: cfg.Collections[0].Database(),
		sessions: make(map[*replication.Session]struct{}),
		changed:  make(chan struct{}),
	}, nil
}

// Config returns a copy of the configuration.
func (l *URLEndpointListener) Config() URLEndpointListenerConfiguration {
	return l.cfg.clone()
}

// Start begins to listen; on a running listener it does nothing. It fails with
// [ErrAddressInUse], [ErrUnknownHost] for an interface that does not exist, EACCES in the
// POSIX domain for a privileged port, and [ErrNotOpen] when the database is closed; with
// [ErrCertExpired] or [ErrCrypto] for an identity that is not valid now, or not for servers. A
// failed start leaves the listener as it was.
func (l *URLEndpointListener) Start() error {
	l.starting.Lock()
	defer l.starting.Unlock()
	if l.running() != nil {
		return nil
	}
	if err := l.db.register(l); err != nil {
		return err
	}
	err := l.keepDeltaBases()
	if err == nil {
		err = l.listen()
	}
	if err != nil {
		l.db.unregister(l)
	}
	return err
}

// keepDeltaBases has the database keep the bodies that edits replace, as bases of deltas to
// clients: of these nothing is known while they are away.
func (l *URLEndpointListener) keepDeltaBases() error {
	if !l.deltas() {
		return nil
	}
	return l.db.store.KeepBases(context.Background(), true)
}

func (l *URLEndpointListener) deltas() bool { return l.cfg.EnableDeltaSync && !l.db.noDeltas }

func (l *URLEndpointListener) listen() error {
	id, err := l.chooseIdentity()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	server, err := transport.Listen(ctx, transport.ServerConfig{
		Database:       l.db.Name(),
		Protocols:      replication.Protocols(l.db.store.Versioning(), true),
		Handler:        func(conn *transport.Conn) { l.serve(ctx, conn) },
		Port:           l.cfg.Port,
		Interface:      l.cfg.NetworkInterface,
		Certificate:    certificateOf(id),
		Authenticator:  l.authenticator(),
		Heartbeat:      l.cfg.Heartbeat,
		AllowedOrigins: l.cfg.AllowedOrigins,
		Limits: transport.Limits{
			Connections: l.cfg.MaxConnections,
			PerAddress:  l.cfg.MaxConnectionsPerAddress,
		},
		Product: userAgent,
		Logger:  l.cfg.Logger,
	})
	if err != nil {
		cancel()
		return err
	}
	l.mu.Lock()
	l.server, l.cancel = server, cancel
	l.mu.Unlock()
	l.use(id, l.cfg.TLSIdentity == nil)
	if err = l.advertise(); err != nil {
		l.end(server)
	}
	return err
}

func (l *URLEndpointListener) authenticator() *transport.Authenticator {
	if l.cfg.Authenticator == nil {
		return nil
	}
	return l.cfg.Authenticator.auth
}

// serve holds the session of one client.
func (l *URLEndpointListener) serve(ctx context.Context, conn *transport.Conn) {
	session := replication.NewPassive(conn, replication.Passive{
		Common: replication.Common{
			DB:       l.db.store,
			Protocol: conn.Protocol(),
			Deltas:   l.deltas(),
			Log:      l.cfg.Logger,
			Changed:  l.notify,
		},
		Collections: l.shared(),
		ReadOnly:    l.cfg.ReadOnly,
	})
	l.mu.Lock()
	l.sessions[session] = struct{}{}
	l.mu.Unlock()
	err := session.Run(ctx)
	if l.cfg.Logger != nil && !errors.Is(err, fault.PeerClosed) {
		l.cfg.Logger.Info("client left", "address", conn.RemoteAddr(), "reason", err)
	}
	l.left(session, err)
	l.notify()
}

func (l *URLEndpointListener) shared() []*store.Collection {
	shared := make([]*store.Collection, len(l.cfg.Collections))
	for i, coll := range l.cfg.Collections {
		shared[i] = coll.coll
	}
	return shared
}

func (l *URLEndpointListener) notify() {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.changed)
	l.changed = make(chan struct{})
}

// Stop ends the listener: it refuses new connections and closes the existing ones with
// WebSocket code 1001, and waits until all is over. On a stopped listener it does nothing.
func (l *URLEndpointListener) Stop() {
	l.starting.Lock()
	defer l.starting.Unlock()
	server := l.running()
	if server == nil {
		return
	}
	l.end(server)
	l.db.unregister(l)
}

// end ends all that a start has begun.
func (l *URLEndpointListener) end(server *transport.Server) {
	l.stopAdvertising()
	l.mu.Lock()
	cancelSessions := l.cancel
	l.mu.Unlock()
	if l.upkeep != nil {
		l.upkeep.Stop()
	}
	cancelSessions() // each says goodbye itself
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	if err := server.Close(ctx); err != nil && l.cfg.Logger != nil {
		l.cfg.Logger.Warn("listener: clients did not leave in time", "error", err)
	}
	l.mu.Lock()
	l.server, l.identity, l.cancel = nil, nil, nil
	l.mu.Unlock()
}

// stopTimeout bounds how long a listener waits for the goodbyes of its clients.
const stopTimeout = 10 * time.Second

// StopWhenIdle waits until no client is replicating, or has been for a moment, in which a
// client that is done says goodbye; and then stops. When ctx ends first it returns ctx's error,
// and the listener goes on.
func (l *URLEndpointListener) StopWhenIdle(ctx context.Context) error {
	for {
		l.mu.Lock()
		changed := l.changed
		l.mu.Unlock()
		var idle <-chan time.Time
		switch status := l.Status(); {
		case status.ConnectionCount == 0:
			l.Stop() //nolint:contextcheck // stopping has a time limit of its own
			return nil
		case status.ActiveConnectionCount == 0:
			idle = time.After(goodbyeTime)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		case <-idle:
			l.Stop() //nolint:contextcheck // stopping has a time limit of its own
			return nil
		}
	}
}

// goodbyeTime is how long clients that have nothing to do may take to leave.
const goodbyeTime = 5 * time.Second

func (l *URLEndpointListener) running() *transport.Server {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.server
}

// Port returns the port in use, 0 while the listener is not running.
func (l *URLEndpointListener) Port() int {
	if server := l.running(); server != nil {
		return server.Port()
	}
	return 0
}

// URLs returns the addresses at which clients reach the database, nil while the listener is
// not running. Link-local IPv6 addresses carry the zone of this host.
func (l *URLEndpointListener) URLs() []string {
	if server := l.running(); server != nil {
		return server.URLs()
	}
	return nil
}

// Status counts the clients. Both counts are 0 while the listener is not running.
func (l *URLEndpointListener) Status() ConnectionStatus {
	l.mu.Lock()
	sessions := l.sessionsLocked()
	l.mu.Unlock()
	status := ConnectionStatus{ConnectionCount: len(sessions)}
	for _, session := range sessions {
		if session.Busy() {
			status.ActiveConnectionCount++
		}
	}
	return status
}

// stop is what the database calls when it closes.
func (l *URLEndpointListener) stop() { l.Stop() }
