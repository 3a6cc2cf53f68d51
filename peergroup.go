package tandem

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/mesh/group"
	"github.com/tandemdb/tandem/internal/store"
)

// PeerGroup is the membership of a database in a group of a mesh that people join by codes. Make it
// with [CreatePeerGroup] or [JoinPeerGroup], find it again with [OpenPeerGroup], and set it as Group
// of [MultipeerReplicatorConfiguration]. Its methods may be called from any goroutine; several
// processes may use the group of one database at once.
//
// The keys are in a [TLSIdentityStore]; the rest is in the database, apart from its documents. A
// copy of the database is not a member, since it must not have the same key.
type PeerGroup struct {
	db    *Database
	name  string
	store TLSIdentityStore
	root  *x509.Certificate

	authenticator *MultipeerAuthenticator

	removals group.Removals
	loaded   time.Time   // of the row, with the monotonic clock
	floor    time.Time   // no earlier time is believed of this device's clock
	left     atomic.Bool // the database has left the group
	clock    func() time.Time

	mu        sync.Mutex   // guards the following
	identity  *TLSIdentity // of this member
	authority *TLSIdentity // the group's key; nil if it is not here
	row       groupRow
	wake      map[chan struct{}]struct{} // of running members of this process
}

// PeerGroupOptions configure [CreatePeerGroup] and [OpenPeerGroup].
type PeerGroupOptions struct {
	// Identities keeps the keys. Nil means [DefaultIdentityStore].
	Identities TLSIdentityStore

	// DeviceName tells people which device this is. It may be empty, and is cut to 64 bytes.
	DeviceName string
}

// authorityLife is how long the group's certificate is valid. It cannot be renewed.
const authorityLife = 30 * 365 * 24 * time.Hour

// CreatePeerGroup makes a new group with this database as its first member. The group's key is made
// here, and never leaves this device: who has it decides who is a member. It fails with [ErrInvalid]
// if the database is in a group of this name already, and for a name that is no 1 to 200 bytes of
// UTF-8.
func CreatePeerGroup(ctx context.Context, db *Database, name string, o PeerGroupOptions) (*PeerGroup, error) {
	if err := checkGroupName(name); err != nil {
		return nil, err
	}
	g, err := newPeerGroup(db, name, o.Identities)
	if err != nil {
		return nil, err
	}
	return g, g.create(ctx, o)
}

func (g *PeerGroup) create(ctx context.Context, o PeerGroupOptions) error {
	if row, err := g.membership(ctx); err != nil {
		return err
	} else if row != nil {
		return fault.Invalid.In("create group", g.name).Says("the database is in a group of this name already").
			Try("use that one, or leave it first")
	}
	if err := g.settle(ctx); err != nil {
		return err
	}
	now := g.clock()
	authority, err := g.makeAuthority(now)
	if err != nil {
		return err
	}
	g.authority, g.root = authority, authority.Leaf()
	signer, err := signerOf(authority)
	if err != nil {
		return err
	}
	key, err := newMemberKey()
	if err != nil {
		return err
	}
	chain, err := group.Issue(signer, key.Public(), group.Member{Group: g.name, Name: cleanOr(o.DeviceName, "first"), Now: now})
	if err != nil {
		return err
	}
	return g.enter(ctx, key, chain, groupRow{Founded: true}, nil)
}

// makeAuthority returns the group's key: a new one, or the one that is there already. The process that
// made that one has ended before it made the group, or the database is older than its group.
func (g *PeerGroup) makeAuthority(now time.Time) (*TLSIdentity, error) {
	authority, err := g.store.Load(g.AuthorityLabel())
	if errors.Is(err, ErrNotFound) {
		return CreateIdentity(g.store, TLSIdentityOptions{
			CommonName: cleanOr(g.name, "group"), Usage: IssuerUsage, Expires: now.Add(authorityLife), Label: g.AuthorityLabel(),
		})
	}
	if err != nil {
		return nil, err
	}
	return authority, authority.Check(IssuerUsage, now)
}

// OpenPeerGroup returns the membership of a database in a group. It fails with [ErrNotFound] if the
// database is not a member of one of this name, and with [ErrCrypto] if it is, but the member's key
// is not in the store: the database is a copy, or the key was lost. Join anew then.
func OpenPeerGroup(ctx context.Context, db *Database, name string, o PeerGroupOptions) (*PeerGroup, error) {
	g, err := newPeerGroup(db, name, o.Identities)
	if err != nil {
		return nil, err
	}
	row, err := g.membership(ctx)
	if err != nil {
		return nil, err
	}
	if row == nil {
		return nil, fault.NotFound.In("open group", name).Says("the database is in no group of this name").
			Try("join it by a code: tandem mesh join DB CODE; or make it: tandem mesh invite DB --group NAME")
	}
	if err := g.load(ctx, *row); err != nil {
		return nil, err
	}
	return g, nil
}

// PeerGroups returns the names of the groups that a database is in by codes, sorted.
func PeerGroups(ctx context.Context, db *Database) (names []string, err error) {
	err = db.view(ctx, func(tx *store.Tx) error {
		names = nil
		return tx.Infos(groupSpace, func(name string, _ []byte) error { names = append(names, name); return nil })
	})
	return names, err
}

func checkGroupName(name string) error {
	if name == "" || len(name) > maxGroup || !utf8.ValidString(name) {
		return fault.Invalid.In("use group", "").Says("the name of the group has %d bytes, want 1 to %d of UTF-8", len(name), maxGroup).
			Try("choose one such as com.example.tills")
	}
	return nil
}

func newPeerGroup(db *Database, name string, identities TLSIdentityStore) (*PeerGroup, error) {
	identities, err := orDefault(identities)
	return &PeerGroup{db: db, name: name, store: identities, loaded: time.Now(), clock: time.Now}, err
}

// load reads what the database and the store have.
func (g *PeerGroup) load(ctx context.Context, row groupRow) (err error) {
	if g.root, err = x509.ParseCertificate(row.Root); err != nil {
		return fault.CorruptData.In("open group", g.name).Because(err)
	}
	g.authenticator = authenticatorOf(g)
	g.row, g.floor = row, time.Unix(row.Floor, 0)
	g.identity, err = g.store.Load(g.label())
	if errors.Is(err, ErrNotFound) {
		return fault.Crypto.In("open group", g.name).Says("the key of this member is not in the identity store").
			Try("a copy of a database is no member: have a new code made, and join by it (tandem mesh join DB CODE)")
	}
	if err != nil {
		return err
	}
	if g.authority, err = g.loadAuthority(); err != nil {
		return err
	}
	return g.reread(ctx)
}

// loadAuthority returns the group's key, nil if it is not here. One that has no member was left when the
// making of another group was cut off.
func (g *PeerGroup) loadAuthority() (*TLSIdentity, error) {
	authority, err := g.store.Load(g.AuthorityLabel())
	if errors.Is(err, ErrNotFound) || err == nil && !authority.Leaf().Equal(g.root) {
		return nil, nil //nolint:nilnil // it is not here
	}
	return authority, err
}

// label names the member's key in the store. It goes by what a copy of the database does not share.
func (g *PeerGroup) label() string {
	device, sum := g.db.store.DeviceUUID(), sha256.Sum256([]byte(g.name))
	return "mesh-" + hex.EncodeToString(device[:]) + "-" + hex.EncodeToString(sum[:8])
}

// AuthorityLabel returns the label of the group's key in the identity store of the device that has
// made the group, for a backup of the key.
func (g *PeerGroup) AuthorityLabel() string { return g.label() + "-authority" }

// Name returns the name of the group.
func (g *PeerGroup) Name() string { return g.name }

// Identity returns the key and certificates of this member, which change when they are renewed.
func (g *PeerGroup) Identity() *TLSIdentity {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.identity
}

// PeerID returns the ID of this member.
func (g *PeerGroup) PeerID() PeerID { return PeerIDOf(g.Identity().Leaf()) }

// Founded reports whether the group's key is on this device.
func (g *PeerGroup) Founded() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.authority != nil
}

// MayInvite reports whether this member can sign certificates of others: it has the group's key, or
// was invited with [InvitationOptions].MayInvite.
func (g *PeerGroup) MayInvite() bool {
	_, err := g.signer()
	return err == nil
}

// Warning says, for people, that the certificate of this member ends within a month, or what else is
// wrong with it, in a form that continues "the certificate …". It is empty if nothing is. Members that
// may invite renew certificates from two thirds of their life on, when the two are connected.
func (g *PeerGroup) Warning() string { return g.Identity().Warning(g.now()) }

// now is this device's time, if it is not before what is known to have passed.
func (g *PeerGroup) now() time.Time {
	now := g.clock()
	if least := g.floor.Add(time.Since(g.loaded)); now.Before(least) {
		return least
	}
	return now
}

// Authenticator returns who admits the members of the group, for uses beside a
// [MultipeerReplicator], which has it by itself.
func (g *PeerGroup) Authenticator() *MultipeerAuthenticator { return g.authenticator }

// authenticatorOf admits members of a group whose authority is known, and who were not removed.
func authenticatorOf(g *PeerGroup) *MultipeerAuthenticator {
	return &MultipeerAuthenticator{
		roots: []*x509.Certificate{g.root},
		admits: func(_ string, chain []*x509.Certificate, use x509.ExtKeyUsage) error {
			_, err := g.admit(chain, use)
			return err
		},
	}
}
