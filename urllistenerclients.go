package tandem

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/replication"
	"github.com/tandemdb/tandem/internal/store"
	"github.com/tandemdb/tandem/internal/transport"
)

// ClientInfo identifies a client of a listener. It stays the same while the client is connected.
type ClientInfo struct {
	// ID names the connection, here and in the log of the client (X-Correlation-Id).
	ID string

	// User is the name with which the client has passed the password check, or the one that
	// [ContextWithUser] has given it; "" otherwise.
	User string

	// Certificates are the client's chain, leaf first, if it was asked for one.
	Certificates []*x509.Certificate

	Address  string // the client's, host:port
	Agent    string // the program that the client says it is
	Protocol string // "BLIP_3+CBMobile_3" or "BLIP_3+CBMobile_4"

	Database *Database // the one that it syncs with
	Since    time.Time // when it connected
}

// ListenerClient is a snapshot of a client that is connected to a listener.
type ListenerClient struct {
	ClientInfo

	// Activity is [Busy] or [Idle].
	Activity ActivityLevel

	// Progress counts what was done for the client since it connected. Push is what it was
	// sent, Pull what came from it.
	Progress ReplicatorProgress

	// Err is the last error with a document, nil if there was none.
	Err error
}

// Clients returns the connected clients in the order in which they connected. It delays no
// client.
func (l *URLEndpointListener) Clients() []ListenerClient {
	connected := l.connected()
	slices.SortFunc(connected, func(a, b *connectedClient) int {
		return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.ID, b.ID))
	})
	clients := make([]ListenerClient, len(connected))
	for i, c := range connected {
		clients[i] = c.snapshot()
	}
	return clients
}

// Disconnect ends the connection of the client with that ID, and reports whether there was one.
// The client gets WebSocket code 1008, and its replicator stops with that error. To keep the
// client from connecting again, let the authenticator refuse it.
func (l *URLEndpointListener) Disconnect(id string) bool {
	l.mu.Lock()
	c := l.clients[id]
	l.mu.Unlock()
	if c == nil {
		return false
	}
	c.end(&replication.Goodbye{Code: 1008, Reason: "the listener has put this client out"})
	return true
}

// connectedClient is a client with its session.
type connectedClient struct {
	ClientInfo
	session *replication.Session
	end     context.CancelCauseFunc
	trouble atomic.Pointer[error] // the last with a document
}

func (c *connectedClient) snapshot() ListenerClient {
	progress := publicProgress(c.session.Progress())
	client := ListenerClient{ClientInfo: c.ClientInfo, Activity: Idle, Progress: progress}
	if progress.Busy {
		client.Activity = Busy
	}
	if err := c.trouble.Load(); err != nil {
		client.Err = *err
	}
	return client
}

// heard notes errors with documents.
func (c *connectedClient) heard(events []replication.DocumentEvent) {
	for _, e := range events {
		if e.Err != nil {
			err := fault.About(e.Err, "sync document", e.ID)
			c.trouble.Store(&err)
		}
	}
}

func (l *URLEndpointListener) connected() []*connectedClient {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Collect(maps.Values(l.clients))
}

// serve holds the session of one client.
func (l *URLEndpointListener) serve(ctx context.Context, conn *transport.Conn) {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	c := l.admit(conn, end)
	err := c.session.Run(ctx)
	l.dismiss(c, err, cmp.Or(err, context.Cause(ctx)))
}

// admit and dismiss keep what they need off serve's stack, which each idle client holds.
func (l *URLEndpointListener) admit(conn *transport.Conn, end context.CancelCauseFunc) *connectedClient {
	shared := l.shared(conn.Database())
	c := &connectedClient{ClientInfo: infoOf(conn, shared.db), end: end}
	c.session = replication.NewPassive(conn, replication.Passive{
		Common: replication.Common{
			DB:        shared.db.store,
			Protocol:  conn.Protocol(),
			Deltas:    l.deltas(shared.db),
			Log:       l.cfg.Logger,
			Changed:   l.notify,
			Documents: c.heard,
		},
		Collections: storesOf(shared.collections),
		ReadOnly:    l.cfg.ReadOnly,
		Access:      l.access(c.ClientInfo, shared),
	})
	l.mu.Lock()
	l.clients[c.ID] = c
	l.mu.Unlock()
	l.tell(ClientEvent{Kind: ClientConnected, ListenerClient: ListenerClient{ClientInfo: c.ClientInfo}})
	return c
}

func (l *URLEndpointListener) dismiss(c *connectedClient, err, reason error) {
	if l.cfg.Logger != nil && !errors.Is(err, fault.PeerClosed) {
		l.cfg.Logger.Info("client left", "address", c.Address, "id", c.ID, "user", c.User, "reason", reason)
	}
	l.left(c, err)
	l.tell(c.leaving(reason))
	l.notify()
}

func infoOf(conn *transport.Conn, db *Database) ClientInfo {
	return ClientInfo{
		ID: conn.CorrelationID(), User: conn.User(), Certificates: conn.PeerCertificates(),
		Address: conn.RemoteAddr().String(), Agent: conn.ServerHeader(), Protocol: conn.Protocol(),
		Database: db, Since: time.Now(),
	}
}

// shared returns the database of a name that the server knows.
func (l *URLEndpointListener) shared(name string) *sharedDatabase {
	return l.databases[slices.IndexFunc(l.databases, func(s *sharedDatabase) bool { return s.name == name })]
}

func storesOf(collections []*Collection) []*store.Collection {
	stores := make([]*store.Collection, len(collections))
	for i, coll := range collections {
		stores[i] = coll.coll
	}
	return stores
}
