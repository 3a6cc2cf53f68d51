package tandem

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"net"
	"sync/atomic"
	"time"

	"github.com/tandemdb/tandem/internal/mesh/group"
	"github.com/tandemdb/tandem/internal/store"
)

// Subscriptions returns how many listeners, live queries and replications follow the database's commits.
func (db *Database) Subscriptions() int { return db.store.Subscriptions() }

// OpenOn opens a database on a disk of a test.
func OpenOn(ctx context.Context, path string, disk store.Disk) (*Database, error) {
	folder, err := folderOf(path)
	if err != nil {
		return nil, err
	}
	opened, err := store.Open(ctx, folder, store.Options{Disk: disk})
	if err != nil {
		return nil, err
	}
	return newDatabase(opened, Options{}), nil
}

// UseNetwork puts a network of a test between a member that is not started and the others.
func (m *MultipeerReplicator) UseNetwork(
	listen func() net.Listener, dial func(ctx context.Context, address string) (net.Conn, error),
) {
	m.network = &meshNetwork{listen, dial}
}

// KnownTo returns the revision of a document that a member of a mesh is known to have, "" for none.
func (c *Collection) KnownTo(ctx context.Context, peer PeerID, id string) (rev string, err error) {
	err = c.db.store.View(ctx, func(tx *store.Tx) error {
		remote, err := tx.RemoteFor(remoteOf(peer))
		if err != nil {
			return err
		}
		head, err := tx.Head(c.coll, id)
		if head != nil && remote != 0 {
			rev = string(head.Known(remote))
		}
		return err
	})
	return rev, err
}

// SetClock has a group believe another clock, as one that is set wrong.
func (g *PeerGroup) SetClock(clock func() time.Time) { g.clock = clock }

// CreatePeerGroupAt makes a group by another clock.
func CreatePeerGroupAt(ctx context.Context, db *Database, name string, o PeerGroupOptions, clock func() time.Time) (*PeerGroup, error) {
	g, err := newPeerGroup(db, name, o.Identities)
	if err != nil {
		return nil, err
	}
	g.clock = clock
	return g, g.create(ctx, o)
}

// Hear has a group take a record as a neighbour sends it.
func (g *PeerGroup) Hear(ctx context.Context, record []byte) error {
	_, err := g.addRemovals(ctx, []json.RawMessage{record})
	return err
}

// PathOf returns the name of the database in the URLs of a running member.
func PathOf(m *MultipeerReplicator) string { return m.run.path() }

// Records returns the records of the group as neighbours send them.
func (g *PeerGroup) Records() (texts [][]byte) {
	for _, r := range g.removals.All() {
		texts = append(texts, r.Text())
	}
	return texts
}

// NoteMember writes down a member that shows these certificates now.
func (g *PeerGroup) NoteMember(ctx context.Context, chain []*x509.Certificate) error {
	row, err := g.met(chain, x509.ExtKeyUsageClientAuth, "")
	if err != nil {
		return err
	}
	return g.update(ctx, func(tx *store.Tx) error { return g.writeMember(tx, row) })
}

// TidyMembers forgets members as a running one does now and then.
func (g *PeerGroup) TidyMembers(ctx context.Context) error { return g.tidyMembers(ctx) }

// MaxMembersOf is how many members of one inviter are kept.
const MaxMembersOf = maxMembersOf

// Granted returns how many records of removals a joiner is sent at once, and their size in bytes.
func (m *MultipeerReplicator) Granted() (count, size int) {
	for _, text := range m.run.desk.granted(nil).Removals {
		count, size = count+1, size+len(text)
	}
	return count, size
}

// Renewed returns the certificate that a member gets in the place of an old one.
func (g *PeerGroup) Renewed(old []*x509.Certificate) ([]*x509.Certificate, error) {
	return g.renewed(old)
}

// RenewedBy returns the certificates that a signer without a device gives a member in the place of its own.
func (g *PeerGroup) RenewedBy(by group.Signer) ([]*x509.Certificate, error) {
	own := g.Identity().Certificates()
	earlier, err := group.Earlier(g.name, g.root, own, g.now())
	if err != nil {
		return nil, err
	}
	return group.Issue(by, own[0].PublicKey, group.Member{Group: g.name, Now: g.now(), Earlier: earlier})
}

// LeaveBehind writes rows of a group as a process has left them that has not noticed its end.
func LeaveBehind(ctx context.Context, db *Database, name string, r *group.Removal, member []*x509.Certificate) error {
	return db.store.UpdateDurable(ctx, func(tx *store.Tx) error {
		if err := tx.SetInfo(removalSpace+name, r.ID(), r.Text()); err != nil || member == nil {
			return err
		}
		return writeJSON(tx, memberSpace+name, hexOf(PeerIDOf(member[0])), memberRow{Chain: group.DERs(member)})
	})
}

// AskToRenew has a running member ask for a new certificate, if one is due.
func (m *MultipeerReplicator) AskToRenew() { m.run.askToRenew() }

// EndCodes lets the time of all codes be over for which a running member answers.
func (m *MultipeerReplicator) EndCodes() {
	d := m.run.desk
	d.mu.Lock()
	defer d.mu.Unlock()
	for id := range d.ends {
		d.ends[id] = time.Now().Add(-time.Nanosecond)
	}
	signalTo(d.wake)
}

// CodesTimed returns for how many codes a running member watches the time.
func (m *MultipeerReplicator) CodesTimed() int {
	d := m.run.desk
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.ends)
}

// Changes returns how often the rows of a group were changed.
func (g *PeerGroup) Changes(ctx context.Context) (int64, error) {
	return g.countChanges(ctx)
}

// TakeRenewed has a running member take a new certificate as a neighbour sends it.
func (m *MultipeerReplicator) TakeRenewed(chain []*x509.Certificate) error {
	return m.run.takeRenewed(group.DERs(chain))
}

// CodesTold returns for how many codes a running member answers joiners, if only to tell them that it has ended.
func (m *MultipeerReplicator) CodesTold() int { return len(m.run.desk.Keys()) }

// CodeLeft returns for how long a running member answers for the only code.
func (m *MultipeerReplicator) CodeLeft() (left time.Duration) {
	d := m.run.desk
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, end := range d.ends {
		left = time.Until(end)
	}
	return left
}

// AgeInvitations has all codes be older.
func (g *PeerGroup) AgeInvitations(ctx context.Context, by time.Duration) error {
	return g.update(ctx, func(tx *store.Tx) error {
		all, err := g.invitations(tx)
		for _, row := range all {
			row.Created -= int64(by / time.Second)
			err = errors.Join(err, writeJSON(tx, invitationSpace+g.name, row.id, row.invitationRow))
		}
		return err
	})
}

// PassTime has a group be opened for longer.
func (g *PeerGroup) PassTime(by time.Duration) { g.loaded = g.loaded.Add(-by) }

// Now returns the time that the group believes.
func (g *PeerGroup) Now() time.Time { return g.now() }

// LimitAnswers bounds what a joiner reads from conn, as all its connections share what held counts. release
// gives the bytes of conn back.
func LimitAnswers(conn net.Conn, held *atomic.Int64) (limited net.Conn, release func()) {
	c := &limitedConn{Conn: conn, held: held}
	return c, c.release
}
