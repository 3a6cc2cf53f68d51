package tandem

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/mesh"
	"github.com/tandemdb/tandem/internal/replication"
	"github.com/tandemdb/tandem/internal/store"
)

// meshProfile names the requests by which neighbours introduce others.
const meshProfile = "meshNews"

// noProxy is the setting for connections that use no proxy: members reach each other directly.
func noProxy() *url.URL { return new(url.URL) }

// meshLink is the conversation with a neighbour: a runner where this member has dialled, a session
// where the other one has.
type meshLink struct {
	peer    PeerID
	runner  *replication.Runner
	session *replication.Session
	sentAll int      // times that all records of the group were sent; guarded by the run
	only    []string // collections that one of the two shares alone; guarded by the run
}

func (l *meshLink) send(m *blip.Message) error {
	if l.runner != nil {
		return l.runner.Send(m)
	}
	return l.session.Send(m)
}

func (l *meshLink) progress() replication.Progress {
	if l.runner != nil {
		s := l.runner.Status()
		s.Progress.Busy = s.Activity != replication.Idle
		return s.Progress
	}
	progress := l.session.Progress()
	progress.Busy = progress.Busy || !l.session.Begun()
	return progress
}

func (l *meshLink) status() ReplicatorStatus {
	if l.runner != nil {
		return publicStatus(l.runner.Status())
	}
	progress := l.progress()
	status := ReplicatorStatus{Activity: Idle, Progress: publicProgress(progress), Err: l.session.Err()}
	if progress.Busy {
		status.Activity = Busy
	}
	return status
}

func (l *meshLink) lookAgain() {
	if l.runner != nil {
		l.runner.LookAgain()
	} else {
		l.session.LookAgain()
	}
}

// serve holds the conversation of a link.
func (run *meshRun) serve(ctx context.Context, l *mesh.Link) error {
	link := &meshLink{peer: PeerID(l.Peer())}
	var hold func(ctx context.Context) error
	if l.Dialled {
		link.runner = run.runner(l)
		hold = link.runner.Run
	} else {
		link.session = run.session(l)
		hold = link.session.Run
	}
	run.enlist(ctx, l, link)
	l.Attach(func(body []byte) error {
		m := &blip.Message{Body: body, NoReply: true, Compress: true}
		m.Properties.Add("Profile", meshProfile)
		return link.send(m)
	}, func() bool { return link.progress().Busy })
	err := hold(ctx)
	if ctx.Err() != nil {
		err = nil
	}
	run.ended(l, link, err)
	return err
}

// enlist makes link the one with its peer, unless ctx has ended: a younger one has taken its place then, and
// may have been enlisted already.
func (run *meshRun) enlist(ctx context.Context, l *mesh.Link, link *meshLink) {
	run.mu.Lock()
	defer run.mu.Unlock()
	if ctx.Err() == nil {
		run.links[l.Peer()] = link
	}
}

func (run *meshRun) ended(l *mesh.Link, link *meshLink, err error) {
	run.mu.Lock()
	if run.links[l.Peer()] == link {
		delete(run.links, l.Peer())
	}
	run.mu.Unlock()
	progress := link.progress()
	run.m.mu.Lock()
	past := run.m.past[link.peer]
	past.Add(progress)
	past.Busy = false
	if _, known := run.m.past[link.peer]; known || len(run.m.past) < maxPast {
		run.m.past[link.peer] = past
	}
	if err != nil && !fault.IsTransient(err) && !saidGoodbye(err) {
		run.m.lastErr = fmt.Errorf("sync with member %s: %w", link.peer, err)
	}
	run.m.mu.Unlock()
	run.notify()
}

// saidGoodbye reports that the neighbour has ended the link in order: it stops, or has too many.
func saidGoodbye(err error) bool {
	var closed *blip.CloseError
	return errors.As(err, &closed) && (closed.Code == 1000 || closed.Code == 1001)
}

// maxPast bounds the peers whose progress is kept.
const maxPast = 10_000

// common is the part of the configuration that both roles share.
func (run *meshRun) common(l *mesh.Link, protocol string) replication.Common {
	peer := PeerID(l.Peer())
	return replication.Common{
		DB: run.m.db.store, Protocol: protocol, Deltas: !run.m.db.noDeltas, Log: run.m.cfg.Logger,
		Changed:   run.notify,
		Documents: func(events []replication.DocumentEvent) { run.m.documents(peer, events) },
		Mesh: &replication.Mesh{
			Remote: remoteOf(peer), Collections: run.options(peer), Fetches: &run.m.fetches,
			Greeting: func() []*blip.Message { return run.greeting() },
			Unshared: func(collections []string) { run.leaveOut(peer, collections) },
			Handle:   func(req *blip.Request) bool { return run.handle(l, req) },
		},
	}
}

// leaveOut notes which collections are not synced with a neighbour. What a peer says is bounded.
func (run *meshRun) leaveOut(peer PeerID, collections []string) {
	run.mu.Lock()
	defer run.mu.Unlock()
	if l := run.links[mesh.ID(peer)]; l != nil {
		l.only = nil
		for _, name := range collections[:min(len(collections), maxUnshared)] {
			l.only = append(l.only, name[:min(len(name), maxUnshared)])
		}
	}
	run.notify()
}

func (run *meshRun) unshared(l *meshLink) []string {
	run.mu.Lock()
	defer run.mu.Unlock()
	return slices.Clone(l.only)
}

// maxUnshared bounds the names of collections that are kept of a neighbour, and each of them.
const maxUnshared = 256

// handle takes what a neighbour says beside documents.
func (run *meshRun) handle(l *mesh.Link, req *blip.Request) bool {
	switch req.Profile() {
	case meshProfile:
		l.Hear(req.Body)
	case recordsProfile:
		run.hearRecords(l, req.Body)
	default:
		return false
	}
	req.Reply(nil)
	return true
}

// remoteOf names a peer in the database, in both roles and under every address.
func remoteOf(peer PeerID) string { return "mesh:" + peer.String() }

func (run *meshRun) options(peer PeerID) []replication.CollectionOptions {
	all := make([]replication.CollectionOptions, len(run.m.cfg.Collections))
	for i := range all {
		all[i] = run.m.cfg.Collections[i].options(peer, run.m.cfg.Logger)
	}
	return all
}

// runner holds the link that this member has dialled. It ends with the connection, unless the session
// has to begin anew.
func (run *meshRun) runner(l *mesh.Link) *replication.Runner {
	first := l.Conn.(*meshConn)
	common := run.common(l, first.Protocol())
	dial := func(ctx context.Context) (blip.Pipe, string, error) {
		if conn := first; conn != nil {
			first = nil
			return conn.Conn, conn.Protocol(), nil
		}
		conn, err := run.dial(ctx, l.Address())
		if err != nil {
			return nil, "", err
		}
		again := conn.(*meshConn)
		if again.Peer() != l.Peer() {
			again.Abort()
			return nil, "", fault.ConnectionLost
		}
		l.Renew()
		return again.Conn, again.Protocol(), nil
	}
	return replication.NewRunner(replication.Active{
		Common: common, Collections: common.Mesh.Collections, Continuous: true, Remote: common.Mesh.Remote,
	}, dial, replication.Retry{MaxAttempts: 1}, run.notify)
}

// session holds the link that the other member has dialled.
func (run *meshRun) session(l *mesh.Link) *replication.Session {
	conn := l.Conn.(*meshConn)
	shared := make([]*store.Collection, len(run.m.cfg.Collections))
	for i, c := range run.m.cfg.Collections {
		shared[i] = c.Collection.coll
	}
	return replication.NewPassive(conn.Conn, replication.Passive{
		Common: run.common(l, conn.Protocol()), Collections: shared,
		Access: func(wanted *store.Collection) replication.Access {
			for i := range run.m.cfg.Collections {
				if c := &run.m.cfg.Collections[i]; c.Collection.coll == wanted {
					return c.access(conn.peer)
				}
			}
			return replication.Access{Denied: true}
		},
	})
}

// documents tells the listeners of documents.
func (m *MultipeerReplicator) documents(peer PeerID, events []replication.DocumentEvent) {
	if m.documentNews.none() {
		return
	}
	for _, batch := range publicEvents(events) {
		m.documentNews.call(PeerDocumentReplication{peer, batch})
	}
}

func (run *meshRun) link(id mesh.ID) *meshLink {
	run.mu.Lock()
	defer run.mu.Unlock()
	return run.links[id]
}

func (run *meshRun) all() []*meshLink {
	run.mu.Lock()
	defer run.mu.Unlock()
	all := make([]*meshLink, 0, len(run.links))
	for _, l := range run.links {
		all = append(all, l)
	}
	return all
}

// lookAgain has all links look for what was saved just now.
func (run *meshRun) lookAgain() {
	for _, l := range run.all() {
		l.lookAgain()
	}
}

func (m *MultipeerReplicator) pastWith(peer PeerID) replication.Progress {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.past[peer]
}

func (m *MultipeerReplicator) pastProgress() (sum replication.Progress) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range m.past {
		sum.Add(p)
	}
	return sum
}
