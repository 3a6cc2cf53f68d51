package tandem

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/tandemdb/tandem/internal/discovery"
	"github.com/tandemdb/tandem/internal/replication"
	"github.com/tandemdb/tandem/internal/throttle"
	"github.com/tandemdb/tandem/internal/transport"
)

// ConnectionStatus counts the clients of a listener. It is a snapshot.
type ConnectionStatus struct {
	ConnectionCount       int // connected
	ActiveConnectionCount int // of these, replicating just now
}

// URLEndpointListener is a passive peer: replicators connect to it and sync with one or more
// databases. Its methods are safe for concurrent use.
type URLEndpointListener struct {
	cfg       URLEndpointListenerConfiguration
	databases []*sharedDatabase // at least one

	starting  sync.Mutex    // held through Start and Stop; guards the following
	anonymous bool          // the identity is not one that the user chose
	warned    time.Time     // when the log was last told that the identity expires
	upkeep    *time.Timer   // of the identity, nil before the first start and without TLS
	watched   chan struct{} // closed when nobody watches the databases any more

	clientNews listeners[ClientEvent]
	guesses    throttle.Throttle // of passwords

	mu       sync.Mutex    // guards the following
	err      error         // why the listener has stopped by itself
	done     chan struct{} // closed when the listener stops; replaced when it starts
	server   *transport.Server
	identity *TLSIdentity
	ads      []*discovery.Advertiser // one for each database; none if it is not advertised
	clients  map[string]*connectedClient
	past     ListenerStatistics // of the sessions that are over, but for their progress
	sum      replication.Progress
	cancel   context.CancelFunc // ends the sessions
	changed  chan struct{}      // closed and replaced when a session ends or turns idle
}

// NewURLEndpointListener returns a listener that is not started. It keeps a copy of cfg. It fails
// with the error of [URLEndpointListenerConfiguration.Validate].
func NewURLEndpointListener(cfg URLEndpointListenerConfiguration) (*URLEndpointListener, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.clone()
	return &URLEndpointListener{
		cfg: cfg, databases: byDatabase(cfg.Collections),
		clients: make(map[string]*connectedClient), done: closedChannel(),
		changed: make(chan struct{}),
	}, nil
}

// sharedDatabase is a database with the collections that a listener shares of it.
type sharedDatabase struct {
	db          *Database
	name        string // in URLs
	collections []*Collection
}

// byDatabase groups collections, in the order in which their databases come.
func byDatabase(collections []*Collection) (shared []*sharedDatabase) {
	for _, coll := range collections {
		db := coll.Database()
		at := slices.IndexFunc(shared, func(s *sharedDatabase) bool { return s.db == db })
		if at < 0 {
			at = len(shared)
			shared = append(shared, &sharedDatabase{db: db, name: transport.URLName(db.Name())})
		}
		shared[at].collections = append(shared[at].collections, coll)
	}
	return shared
}

// Config returns a copy of the configuration.
func (l *URLEndpointListener) Config() URLEndpointListenerConfiguration {
	return l.cfg.clone()
}

// Start begins to listen; on a running listener it does nothing. It fails with [ErrAddressInUse],
// with [ErrUnknownHost] if the interface does not exist, with EACCES in the POSIX domain for a
// privileged port, with [ErrNotOpen] if a database is closed, with [ErrCertExpired] if the identity
// is not valid now, and with [ErrCrypto] if it is not for servers. A failed start leaves the
// listener as it was.
func (l *URLEndpointListener) Start() error {
	l.starting.Lock()
	defer l.starting.Unlock()
	if l.running() != nil {
		return nil
	}
	err := l.register()
	if err == nil {
		err = l.keepDeltaBases()
	}
	if err == nil {
		err = l.listen()
	}
	if err != nil {
		l.unregister()
	}
	return err
}

// register has each database stop the listener before it closes.
func (l *URLEndpointListener) register() error {
	for _, shared := range l.databases {
		if err := shared.db.registerSync(l); err != nil {
			return err
		}
	}
	return nil
}

func (l *URLEndpointListener) unregister() {
	for _, shared := range l.databases {
		shared.db.unregister(l)
	}
}

// keepDeltaBases makes the databases keep bodies that edits replace, as bases of deltas to clients:
// a listener notes nothing about disconnected clients.
func (l *URLEndpointListener) keepDeltaBases() error {
	for _, shared := range l.databases {
		if !l.deltas(shared.db) {
			continue
		}
		if err := shared.db.mayWait("start listener"); err != nil {
			return err
		}
		if err := shared.db.store.KeepBases(context.Background(), true); err != nil {
			return err
		}
	}
	return nil
}

func (l *URLEndpointListener) deltas(db *Database) bool {
	return l.cfg.EnableDeltaSync && !db.noDeltas
}

func (l *URLEndpointListener) listen() error {
	id, err := l.chooseIdentity()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	server, err := transport.Listen(ctx, transport.ServerConfig{
		Databases:      l.offered(),
		Handler:        func(conn *transport.Conn) { l.serve(ctx, conn) },
		Refused:        l.refused,
		NoPort:         l.cfg.DisablePort,
		Port:           l.cfg.Port,
		Interface:      l.cfg.NetworkInterface,
		Certificate:    certificateOf(id),
		Authenticator:  l.authenticator(),
		Throttle:       &l.guesses,
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
	done := make(chan struct{})
	l.mu.Lock()
	l.server, l.cancel, l.done, l.err = server, cancel, done, nil
	l.mu.Unlock()
	l.watched = make(chan struct{})
	go l.watchDatabases(done, l.watched)
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

func (l *URLEndpointListener) offered() []transport.Database {
	offered := make([]transport.Database, len(l.databases))
	for i, shared := range l.databases {
		offered[i] = transport.Database{
			Name: shared.name, Protocols: replication.Protocols(shared.db.store.Versioning(), true),
		}
	}
	return offered
}

func (l *URLEndpointListener) notify() {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.changed)
	l.changed = make(chan struct{})
}

// Stop refuses new connections, closes the existing ones with WebSocket code 1001, and waits for
// their end. On a stopped listener it does nothing.
func (l *URLEndpointListener) Stop() {
	l.starting.Lock()
	watched := l.watched // of the run that ends here: a later one may begin at once
	l.endRun(nil)
	l.starting.Unlock()
	if watched != nil {
		<-watched
	}
}

// endRun ends the running listener, if any; a reason is why it stops by itself. starting is held.
func (l *URLEndpointListener) endRun(reason error) {
	server := l.running()
	if server == nil {
		return
	}
	l.mu.Lock()
	l.err = reason
	l.mu.Unlock()
	l.end(server)
	l.unregister()
}

// end ends everything that a start has begun.
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
	close(l.done)
	l.mu.Unlock()
}

// stopTimeout bounds the wait for clients to close their connections.
const stopTimeout = 10 * time.Second

// StopWhenIdle stops the listener after no client has been replicating for a moment, which lets
// finished clients say goodbye. When ctx ends first it returns ctx's error, and the listener
// goes on.
func (l *URLEndpointListener) StopWhenIdle(ctx context.Context) error {
	for {
		l.mu.Lock()
		changed := l.changed
		l.mu.Unlock()
		var idle <-chan time.Time
		switch status := l.Status(); {
		case status.ConnectionCount == 0:
			l.Stop()
			return nil
		case status.ActiveConnectionCount == 0:
			idle = time.After(goodbyeTime)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		case <-idle:
			l.Stop()
			return nil
		}
	}
}

// goodbyeTime is how long idle clients may take to disconnect.
const goodbyeTime = 5 * time.Second

func (l *URLEndpointListener) running() *transport.Server {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.server
}

// Port returns the port in use, 0 while the listener is not running or without one.
func (l *URLEndpointListener) Port() uint16 {
	if server := l.running(); server != nil {
		return uint16(server.Port())
	}
	return 0
}

// URLs returns the addresses at which clients reach the databases, grouped by database. It returns
// nil while the listener is not running, or if it has no port of its own. Link-local IPv6 addresses
// carry the zone of this host.
func (l *URLEndpointListener) URLs() []string {
	if server := l.running(); server != nil {
		return server.URLs()
	}
	return nil
}

// Status counts the clients. Both counts are 0 while the listener is not running.
func (l *URLEndpointListener) Status() ConnectionStatus {
	clients := l.connected()
	status := ConnectionStatus{ConnectionCount: len(clients)}
	for _, c := range clients {
		if c.session.Busy() {
			status.ActiveConnectionCount++
		}
	}
	return status
}

// stop is called by a database that closes.
func (l *URLEndpointListener) stop() { l.Stop() }
