package tandem

import (
	"context"
	"sync"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/mesh"
	"github.com/tandemdb/tandem/internal/replication"
)

// MultipeerReplicator is a member of a mesh: devices of one group that find each other, connect to a
// few of them, and all come to have the same documents. No member is special. Its methods may be
// called from any goroutine.
type MultipeerReplicator struct {
	cfg     MultipeerReplicatorConfiguration
	db      *Database
	fetches replication.Fetches
	network *meshNetwork // nil but in tests

	peerNews     listeners[PeerInfo]
	statusNews   listeners[MultipeerStatus]
	looks        listeners[MultipeerStatus] // after each look, also if listeners know that status
	documentNews listeners[PeerDocumentReplication]
	inviteNews   listeners[InvitationInfo]

	starting sync.Mutex // held through Start, Stop, Pause and Resume

	mu       sync.Mutex // guards the following
	run      *meshRun   // nil while stopped or paused
	paused   bool
	removed  error        // says that this member was removed from the group
	identity *TLSIdentity // of the last start
	known    []mesh.Past  // from earlier runs of this process
	past     map[PeerID]replication.Progress
	lastErr  error
}

// NewMultipeerReplicator returns a member that is not started. It keeps a copy of cfg, and fails with
// [ErrInvalid] for what [MultipeerReplicatorConfiguration.Validate] reports.
func NewMultipeerReplicator(cfg MultipeerReplicatorConfiguration) (*MultipeerReplicator, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &MultipeerReplicator{
		cfg: cfg.clone(), db: cfg.Collections[0].Collection.Database(),
		past: make(map[PeerID]replication.Progress),
	}, nil
}

// Config returns a copy of the configuration.
func (m *MultipeerReplicator) Config() MultipeerReplicatorConfiguration { return m.cfg.clone() }

// Start begins to look for members and to sync with them; on a running or paused member it does
// nothing. It fails with [ErrAddressInUse] and [ErrUnknownHost] for port and interface, with
// [ErrNotOpen] when the database is closed, with [ErrCertExpired] or [ErrCrypto] for an identity that
// is not valid now, or not for server and client, with [ErrCertUntrusted] for one that the other
// members would not admit, with [ErrForbidden] if this member was removed from its [PeerGroup], and with
// [ErrNotFound] if the database has left it.
func (m *MultipeerReplicator) Start() error {
	m.starting.Lock()
	defer m.starting.Unlock()
	m.mu.Lock()
	begun := m.run != nil || m.paused
	m.mu.Unlock()
	if begun {
		return nil
	}
	if err := m.db.registerSync(m); err != nil {
		return err
	}
	err := m.begin()
	if err != nil {
		m.db.unregister(m)
	}
	return err
}

// begin begins a run. starting is held.
func (m *MultipeerReplicator) begin() error {
	run, err := newMeshRun(m)
	if err != nil {
		return err
	}
	m.mu.Lock()
	m.run, m.identity, m.paused = run, run.identity.Load(), false
	m.mu.Unlock()
	run.begin()
	return nil
}

func (m *MultipeerReplicator) chooseIdentity() (*TLSIdentity, error) {
	id := m.cfg.Identity
	if g := m.cfg.Group; g != nil {
		if err := g.standing(); err != nil {
			return nil, err
		}
		id = g.Identity()
	}
	if id == nil {
		var err error
		if id, err = AnonymousIdentity(nil, m.db); err != nil {
			return nil, err
		}
	}
	if err := id.Check(ServerUsage|ClientUsage, m.now()); err != nil {
		return nil, err
	}
	return id, m.cfg.Authenticator.checkOwn(m.cfg.PeerGroupID, id)
}

// Stop ends all links in order, and waits until that is done and the listeners were told. On a
// stopped member it does nothing. A listener, filter or resolver of the member must not call it. The
// member can be started again.
func (m *MultipeerReplicator) Stop() {
	m.starting.Lock()
	defer m.starting.Unlock()
	m.mu.Lock()
	slept := m.paused
	m.paused = false
	m.mu.Unlock()
	m.end()
	if slept && m.cfg.Group != nil {
		ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
		_ = m.cfg.Group.endPause(ctx) // at worst an invitation warns in vain
		cancel()
	}
	m.db.unregister(m)
	m.statusNews.call(m.Status())
}

// Close is [MultipeerReplicator.Stop].
func (m *MultipeerReplicator) Close() { m.Stop() }

// end ends the run, if there is one. starting is held.
func (m *MultipeerReplicator) end() {
	m.mu.Lock()
	run := m.run
	m.mu.Unlock()
	if run == nil {
		return
	}
	run.end()
	m.mu.Lock()
	m.run = nil
	m.mu.Unlock()
}

// Pause ends all links and closes the port, for a device that goes to sleep, until
// [MultipeerReplicator.Resume]. It waits until that is done. On a member that is not running it does
// nothing.
func (m *MultipeerReplicator) Pause() {
	m.starting.Lock()
	defer m.starting.Unlock()
	m.mu.Lock()
	running := m.run != nil
	m.paused = m.paused || running
	m.mu.Unlock()
	if running {
		m.end()
		m.statusNews.call(m.Status())
	}
}

// Resume goes on after [MultipeerReplicator.Pause], with the members that were known then. It fails as
// Start does, and the member stays paused then. On a member that is not paused it has all waiting end,
// as after a change of the network.
func (m *MultipeerReplicator) Resume() error {
	m.starting.Lock()
	defer m.starting.Unlock()
	m.mu.Lock()
	paused, run := m.paused, m.run
	m.mu.Unlock()
	switch {
	case run != nil:
		run.node.RetryNow()
		return nil
	case !paused:
		return fault.NotOpen.In("resume mesh", m.cfg.PeerGroupID).Says("the member is not started").Try("call Start")
	}
	return m.begin()
}

// stop is what the database calls when it closes.
func (m *MultipeerReplicator) stop() { m.Stop() }

func (m *MultipeerReplicator) running() *meshRun {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.run
}

// PeerID returns the ID of this member, zero before the first start.
func (m *MultipeerReplicator) PeerID() (id PeerID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.identity != nil {
		id = PeerIDOf(m.identity.Leaf())
	}
	return id
}

// Port returns the port that other members connect to, 0 while the member is not running.
func (m *MultipeerReplicator) Port() uint16 {
	if run := m.running(); run != nil {
		return uint16(run.server.Port())
	}
	return 0
}

// Addresses returns where other members can reach this one, host:port; nil while it is not running.
func (m *MultipeerReplicator) Addresses() []string {
	if run := m.running(); run != nil {
		return run.addresses()
	}
	return nil
}

// Wait waits until this member has neighbours and nothing to push to them or pull from them. When ctx
// ends first, it returns ctx's error. Others may still have documents to come by way of neighbours.
func (m *MultipeerReplicator) Wait(ctx context.Context) error {
	inSync := func(s MultipeerStatus) bool { return s.Neighbors > 0 && s.Activity == Idle }
	told := make(chan struct{}, 1)
	token := m.looks.add(func(s MultipeerStatus) {
		if inSync(s) {
			signalTo(told)
		}
	})
	defer token.Remove()
	if run := m.running(); run != nil {
		run.lookAgain()
		run.notify()
	}
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-told:
			if inSync(m.Status()) { // still, and after having looked again
				return nil
			}
		}
	}
}
