package tandem

import (
	"cmp"
	"slices"
	"time"

	"github.com/tandemdb/tandem/internal/mesh"
)

// MultipeerStatus is a snapshot of a member of a mesh.
type MultipeerStatus struct {
	// Activity is [Stopped], also while paused, [Offline] without neighbours, [Busy] while documents
	// are on their way to or from a neighbour, otherwise [Idle].
	Activity ActivityLevel

	Paused    bool
	Neighbors int  // peers connected now
	Online    int  // peers that can be reached, the neighbours included
	Removed   bool // this member was removed from the group, or has left it: see Err
	Troubles  int  // addresses of the configuration that have not led to a member: see [MultipeerReplicator.Troubles]

	// WrongProofs counts the devices that have tried to join without a right code.
	WrongProofs uint64

	// Warning says, for people, that the certificate of this member ends within a month and no inviter that
	// it was connected with has renewed it, or what else is wrong with it, in a form that continues "the
	// certificate …". It is empty if nothing is, and while the member is not running.
	Warning string

	// Progress is the sum over all neighbours, those of the past included.
	Progress ReplicatorProgress

	// Err is the last error of a replication with a neighbour, nil if there was none.
	Err error
}

// PeerInfo is a snapshot of what a member knows of another one.
type PeerInfo struct {
	ID   PeerID
	Name string // as it says; may be empty

	Online     bool // it is a neighbour, or reached by way of others
	Neighbor   bool // connected now
	Dialled    bool // by this member, if it is a neighbour
	Discovered bool // seen on the local network

	Addresses []string // host:port, best first, as others say
	Neighbors []PeerID // its neighbours, as it says

	// Status is that of the replication with a neighbour. Its activity is [Stopped] for others. Progress
	// counts the earlier connections, too.
	Status ReplicatorStatus

	// Unshared are collections, as scope.collection, that this member or the neighbour shares alone, as far
	// as is known here. They are not synced with it.
	Unshared []string

	LastSeen time.Time // when the last connection began or ended; zero for none
	Trouble  string    // why it could not be reached the last time, for people; "" if it could
}

// PeerDocumentReplication is the outcome for some documents with one peer.
type PeerDocumentReplication struct {
	Peer PeerID
	DocumentReplication
}

// Peers returns all known members but this one, by ID. It is empty while this one is not running.
func (m *MultipeerReplicator) Peers() []PeerInfo {
	run := m.running()
	if run == nil {
		return nil
	}
	states := run.node.Peers()
	peers := make([]PeerInfo, len(states))
	for i, s := range states {
		peers[i] = run.infoOf(s)
	}
	return peers
}

// Neighbors returns the members that are connected with this one now, by ID.
func (m *MultipeerReplicator) Neighbors() (neighbors []PeerInfo) {
	for _, p := range m.Peers() {
		if p.Neighbor {
			neighbors = append(neighbors, p)
		}
	}
	return neighbors
}

// Status returns a snapshot.
func (m *MultipeerReplicator) Status() MultipeerStatus {
	m.mu.Lock()
	s := MultipeerStatus{Activity: Stopped, Paused: m.paused, Removed: m.removed != nil, Err: cmp.Or(m.removed, m.lastErr)}
	run := m.run
	m.mu.Unlock()
	sum := m.pastProgress()
	if run == nil || run.ctx.Err() != nil {
		s.Progress = publicProgress(sum)
		return s
	}
	s.Activity = Offline
	for _, l := range run.all() {
		now := l.progress()
		s.Neighbors++
		if busy := now.Busy; busy || s.Activity == Offline {
			s.Activity = Idle
			if busy {
				s.Activity = Busy
			}
		}
		sum.Add(now)
	}
	for _, p := range run.node.Peers() {
		if p.Online {
			s.Online++
		}
	}
	s.Troubles, s.Warning = len(m.Troubles()), run.identity.Load().Warning(m.now())
	if run.desk != nil {
		s.WrongProofs = run.desk.limit.Wrong()
	}
	sum.Busy = s.Activity == Busy
	s.Progress = publicProgress(sum)
	return s
}

func (m *MultipeerReplicator) name() string {
	if m.cfg.Name == "" && m.cfg.Group != nil {
		return m.cfg.Group.DeviceName()
	}
	return m.cfg.Name
}

// now is the time by which certificates are judged.
func (m *MultipeerReplicator) now() time.Time {
	if m.cfg.Group != nil {
		return m.cfg.Group.now()
	}
	return time.Now()
}

func (run *meshRun) infoOf(p mesh.Peer) PeerInfo {
	id := PeerID(p.ID)
	info := PeerInfo{
		ID: id, Name: p.Name, Online: p.Online, Neighbor: p.Linked, Dialled: p.Dialled, Discovered: p.Nearby,
		Addresses: p.Addresses, LastSeen: p.Met, Trouble: p.Trouble,
	}
	for _, link := range p.Links {
		info.Neighbors = append(info.Neighbors, PeerID(link))
	}
	sum := run.m.pastWith(id)
	if l := run.link(p.ID); l != nil {
		info.Status = l.status()
		sum.Add(l.progress())
		info.Unshared = run.unshared(l)
	}
	info.Status.Progress = publicProgress(sum)
	return info
}

// AddPeerListener has fn called with a peer each time it comes, goes or changes: whether it is online,
// a neighbour or replicating, and at most five times a second for all else. fn is called on a
// goroutine of the member, one call at a time, and must not stop it.
func (m *MultipeerReplicator) AddPeerListener(fn func(PeerInfo)) *ListenerToken {
	return m.peerNews.add(fn)
}

// AddStatusListener has fn called with the status when it has changed, at most five times a second.
// fn is called on a goroutine of the member, one call at a time, and must not stop it.
func (m *MultipeerReplicator) AddStatusListener(fn func(MultipeerStatus)) *ListenerToken {
	return m.statusNews.add(fn)
}

// AddDocumentReplicationListener has fn called with the outcome for each document that this member has
// pushed or pulled, in batches, and for each that was pulled because a neighbour pushed it. fn may be
// called on several goroutines at once; a slow fn slows replication down.
func (m *MultipeerReplicator) AddDocumentReplicationListener(fn func(PeerDocumentReplication)) *ListenerToken {
	return m.documentNews.add(fn)
}

// tell tells the listeners what has changed, until the run ends.
func (run *meshRun) tell() {
	told := make(map[PeerID]PeerInfo)
	var said MultipeerStatus
	pause := time.NewTicker(notifyInterval)
	defer pause.Stop()
	for {
		select {
		case <-run.ctx.Done():
			return
		case <-run.changed:
		}
		run.tellPeers(told)
		s := run.m.Status()
		if !s.same(said) {
			said = s
			run.m.statusNews.call(s)
		}
		run.m.looks.call(s)
		select {
		case <-run.ctx.Done():
			return
		case <-pause.C:
		}
	}
}

func (run *meshRun) tellPeers(told map[PeerID]PeerInfo) {
	if run.m.peerNews.none() {
		return
	}
	for _, p := range run.node.Peers() {
		info := run.infoOf(p)
		if before, known := told[info.ID]; !known || !info.same(before) {
			told[info.ID] = info
			run.m.peerNews.call(info)
		}
	}
}

func (s MultipeerStatus) same(o MultipeerStatus) bool {
	sameErr := s.Err == nil && o.Err == nil || s.Err != nil && o.Err != nil && s.Err.Error() == o.Err.Error()
	s.Err, o.Err = nil, nil
	return sameErr && s == o
}

func (p PeerInfo) same(o PeerInfo) bool {
	return p.Name == o.Name && p.Online == o.Online && p.Neighbor == o.Neighbor && p.Dialled == o.Dialled &&
		p.Discovered == o.Discovered && p.Trouble == o.Trouble && len(p.Neighbors) == len(o.Neighbors) &&
		len(p.Addresses) == len(o.Addresses) && slices.Equal(p.Unshared, o.Unshared) && p.Status.same(o.Status)
}

// Troubles returns the addresses of the configuration at which no member was found yet, each with the
// reason, for people.
func (m *MultipeerReplicator) Troubles() map[string]string {
	run := m.running()
	if run == nil {
		return nil
	}
	found := make(map[string]string)
	for _, h := range run.node.Hands() {
		if !h.Found && h.Trouble != "" {
			found[h.Address] = h.Trouble
		}
	}
	return found
}
