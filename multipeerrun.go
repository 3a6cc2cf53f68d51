package tandem

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/mesh"
	"github.com/tandemdb/tandem/internal/mesh/group"
	"github.com/tandemdb/tandem/internal/replication"
	"github.com/tandemdb/tandem/internal/transport"
)

// meshRun is one life of a member, from a start or resume to the end that follows.
type meshRun struct {
	m        *MultipeerReplicator
	identity atomic.Pointer[TLSIdentity]
	self     PeerID
	desk     *joinDesk // nil without a group that is joined by codes
	server   *transport.Server
	node     *mesh.Node
	pace     *transport.Pace
	product  string         // names this run to the others
	changed  chan struct{}  // capacity 1
	removed  chan struct{}  // capacity 1: some member may have been removed
	renewed  chan struct{}  // capacity 1: what discovery says has changed
	records  chan recordsOf // of the group, from neighbours

	ctx    context.Context //nolint:containedctx // the extent of the run
	cancel context.CancelFunc
	group  sync.WaitGroup

	mu       sync.Mutex // guards the following
	links    map[mesh.ID]*meshLink
	renewing bool     // a new certificate was asked for
	reached  []string // addresses of this member
	asked    time.Time
	told     map[string]*group.Removal // by ID: what neighbours were told

	invitations map[string]InvitationState // that listeners were told; of the desk's goroutine
}

// meshNetwork stands between a member and the network, for tests. A nil one is the network of this
// machine.
type meshNetwork struct {
	listen func() net.Listener
	dial   func(ctx context.Context, address string) (net.Conn, error)
}

func (n *meshNetwork) listener() net.Listener {
	if n == nil {
		return nil
	}
	return n.listen()
}

func (n *meshNetwork) dialer() func(ctx context.Context, address string) (net.Conn, error) {
	if n == nil {
		return nil
	}
	return n.dial
}

// The limits of connections: more than a mesh needs, for peers that come while others go.
const (
	meshConnections    = 256
	meshPerAddress     = 64
	meshHeartbeat      = 4 * time.Second // so that peers that vanish are noticed soon
	addressesKept      = 5 * time.Second
	meshConnectTimeout = 10 * time.Second
	recheckEvery       = 2 * time.Second // whether a neighbour is admitted still
)

func newMeshRun(m *MultipeerReplicator) (*meshRun, error) {
	id, err := m.chooseIdentity()
	if err != nil {
		return nil, err
	}
	run := &meshRun{
		m: m, self: PeerIDOf(id.Leaf()), changed: make(chan struct{}, 1),
		removed: make(chan struct{}, 1), renewed: make(chan struct{}, 1), records: make(chan recordsOf, maxRecordsWaiting),
		links: make(map[mesh.ID]*meshLink), invitations: make(map[string]InvitationState), told: make(map[string]*group.Removal),
		product: userAgent + " (" + rand.Text()[:16] + ")",
	}
	if most := m.cfg.MaxBytesPerSecond; most > 0 {
		run.pace = transport.NewPace(most)
	}
	run.identity.Store(id)
	run.ctx, run.cancel = context.WithCancel(context.Background())
	if m.cfg.Group != nil {
		run.desk = newJoinDesk(run, m.cfg.Group)
	}
	known, err := run.recall()
	if err != nil {
		run.cancel()
		return nil, err
	}
	run.node = mesh.New(mesh.Config{
		Self: mesh.ID(run.self), Name: m.name(), MaxLinks: m.cfg.MaxLinks, Addresses: run.addresses,
		Hand: m.cfg.Peers, Known: run.withInviter(known), Dial: run.dial, Serve: run.serve, Changed: run.notify, Log: m.cfg.Logger,
	})
	cert := id.TLSCertificate()
	run.server, err = transport.Listen(run.ctx, transport.ServerConfig{
		Databases:   []transport.Database{{Name: run.path(), Protocols: run.protocols()}},
		Handler:     run.accept,
		Port:        m.cfg.Port,
		Interface:   m.cfg.NetworkInterface,
		Listener:    m.network.listener(),
		Certificate: &cert,
		Authenticator: transport.ClientVerified(func(chain []*x509.Certificate) error {
			return m.cfg.Authenticator.admits(m.cfg.PeerGroupID, chain, x509.ExtKeyUsageClientAuth)
		}),
		Aside:     run.aside(),
		Heartbeat: meshHeartbeat,
		Pace:      run.pace,
		Limits:    transport.Limits{Connections: meshConnections, PerAddress: meshPerAddress},
		Product:   run.product,
		Logger:    m.cfg.Logger,
	})
	if err != nil {
		run.cancel()
		return nil, err
	}
	return run, nil
}

// path is the name of the database in the URLs of the mesh. It differs from that of every other group.
func (run *meshRun) path() string {
	return "mesh-" + run.m.cfg.Authenticator.groupTag(run.m.cfg.PeerGroupID)
}

func (run *meshRun) protocols() []string {
	return replication.Protocols(run.m.db.store.Versioning(), true)
}

func (run *meshRun) begin() {
	run.group.Go(func() { run.node.Run(run.ctx) })
	run.group.Go(run.tell)
	run.group.Go(run.recheck)
	run.group.Go(run.keepHistory)
	if run.desk != nil {
		run.desk.attach()
		run.group.Go(func() { run.desk.work(run.ctx) })
		run.group.Go(run.exchangeRecords)
	}
	if !run.m.cfg.DisableDiscovery {
		run.group.Go(run.discover)
	}
	run.notify()
}

// recheck ends the links of peers that the authenticator does not admit any more: their certificates
// have expired, or a function of the program has changed its mind.
func (run *meshRun) recheck() {
	ticker := time.NewTicker(recheckEvery)
	defer ticker.Stop()
	for {
		select {
		case <-run.ctx.Done():
			return
		case <-ticker.C:
		case <-run.removed:
		}
		run.node.Cut(func(conn mesh.Conn, dialled bool) bool {
			chain := conn.(*meshConn).PeerCertificates()
			return run.m.cfg.Authenticator.admits(run.m.cfg.PeerGroupID, chain, usageOf(dialled)) == nil
		})
	}
}

// usageOf returns what the certificate of a peer is for, which this one has dialled or which has dialled.
func usageOf(dialled bool) x509.ExtKeyUsage {
	if dialled {
		return x509.ExtKeyUsageServerAuth
	}
	return x509.ExtKeyUsageClientAuth
}

// discover finds members on the local networks, and lets them find this one.
func (run *meshRun) discover() {
	bound := run.server.Bound()
	d := mesh.Discovery{Path: run.path(), Port: uint16(run.server.Port()), Interfaces: interfacesOf(bound), Renew: run.renewed}
	if run.desk != nil {
		d.Tags = run.desk.findTags
	}
	if bound != netip.IPv6Unspecified() {
		d.Addrs = []netip.Addr{bound}
	}
	run.node.Discover(run.ctx, d)
}

// end ends everything that the run has begun.
func (run *meshRun) end() {
	run.cancel() // each session says goodbye itself
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	if err := run.server.Close(ctx); err != nil && run.m.cfg.Logger != nil {
		run.m.cfg.Logger.Warn("mesh: neighbours did not leave in time", "error", err)
	}
	run.group.Wait()
	run.remember()
}

func (run *meshRun) notify() { signalTo(run.changed) }

// addresses returns where others reach this member, looked up now and then.
func (run *meshRun) addresses() []string {
	run.mu.Lock()
	defer run.mu.Unlock()
	if now := time.Now(); now.Sub(run.asked) > addressesKept {
		run.asked, run.reached = now, nil
		for _, a := range run.server.Addresses() {
			run.reached = append(run.reached, a.String())
		}
	}
	return slices.Clone(run.reached)
}

// meshConn is a connection with a peer that has proved its ID.
type meshConn struct {
	*transport.Conn
	peer    PeerID
	address string
}

func (c *meshConn) Peer() mesh.ID   { return mesh.ID(c.peer) }
func (c *meshConn) Address() string { return c.address }
func (c *meshConn) Abort()          { _ = c.Conn.Abort() }

// accept holds the link that a peer has dialled.
func (run *meshRun) accept(conn *transport.Conn) {
	peer := PeerIDOf(conn.PeerCertificates()[0]) // the authenticator has seen it
	run.checkTwin(conn, peer, conn.RemoteAddr().String())
	_ = run.node.Accept(&meshConn{conn, peer, conn.RemoteAddr().String()})
}

// dial connects to an address.
func (run *meshRun) dial(ctx context.Context, address string) (mesh.Conn, error) {
	endpoint, err := transport.ParseEndpoint("wss://" + address + "/" + run.path())
	if err != nil {
		return nil, err
	}
	cert := run.certificate()
	conn, err := transport.Dial(ctx, transport.DialConfig{
		Endpoint:  endpoint,
		Protocols: run.protocols(),
		Trust: transport.Trust{Chain: func(chain []*x509.Certificate) error {
			return run.m.cfg.Authenticator.admits(run.m.cfg.PeerGroupID, chain, x509.ExtKeyUsageServerAuth)
		}},
		ClientCertificate: &cert,
		Timeout:           meshConnectTimeout,
		Heartbeat:         meshHeartbeat,
		UserAgent:         run.product,
		Proxy:             noProxy(),
		Connect:           run.m.network.dialer(),
		Pace:              run.pace,
	})
	if err != nil {
		return nil, err
	}
	peer := PeerIDOf(conn.PeerCertificates()[0])
	run.checkTwin(conn, peer, address)
	return &meshConn{conn, peer, address}, nil
}

// checkTwin notices another member with this one's identity. A member that has reached itself sees
// the name of its own run.
func (run *meshRun) checkTwin(conn *transport.Conn, peer PeerID, address string) {
	if peer != run.self || conn.ServerHeader() == run.product {
		return
	}
	run.m.mu.Lock()
	defer run.m.mu.Unlock()
	run.m.lastErr = fault.Invalid.In("join mesh", run.m.cfg.PeerGroupID).
		Says("the device at %s has the same identity as this one: the others take the two for one", address).
		Try("give each device an identity of its own; for a copied folder, make the database anew with `tandem copy DB NEW`")
	run.notify()
}
