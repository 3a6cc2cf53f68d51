package tandem

import (
	"bytes"
	"cmp"
	"context"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/mesh"
	"github.com/tandemdb/tandem/internal/mesh/group"
	"github.com/tandemdb/tandem/internal/store"
)

// MemberInfo is what this device knows of a member.
type MemberInfo struct {
	ID        PeerID
	Name      string // as it was invited, or as it has called itself since; may be empty for one that was removed
	InvitedAs string // what it was called when this device has invited it; "" if another one has
	Self      bool   // this member
	MayInvite bool
	Inviter   PeerID    // who has signed its certificate; of the group's own key, it is not a member's
	Founder   bool      // the group's own key has signed it
	Invited   time.Time // by this device; zero if another one has
	Seen      time.Time // when it was connected with this device last; zero for never
	Expires   time.Time // its certificate, as it is known here
	Removed   time.Time // zero for a member
}

// Members lists the members that this device has invited or was ever connected with, and those that
// were removed, by name. Members that only others have met are missing.
func (g *PeerGroup) Members(ctx context.Context) (all []MemberInfo, err error) {
	if err := g.reread(ctx); err != nil {
		return nil, err
	}
	known, own := make(map[PeerID]bool), g.Identity().Certificates()
	add := func(row memberRow, chain []*x509.Certificate) {
		if PeerIDOf(chain[0]) == PeerIDOf(own[0]) {
			chain = own // which was renewed since
		}
		m := g.memberInfo(row, chain)
		if r, _ := g.removals.Removes(chain); r != nil {
			m.Removed = r.Time()
		}
		known[m.ID] = true
		all = append(all, m)
	}
	if err := g.eachMember(ctx, add); err != nil {
		return nil, err
	}
	if !known[PeerIDOf(own[0])] { // the process has ended that stored the key
		add(memberRow{Name: g.DeviceName()}, own)
	}
	for _, r := range g.removals.All() {
		if id := PeerID(r.Member()); !known[id] {
			known[id] = true
			all = append(all, MemberInfo{ID: id, Removed: r.Time()})
		}
	}
	slices.SortFunc(all, func(a, b MemberInfo) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), slices.Compare(a.ID[:], b.ID[:]))
	})
	return all, nil
}

func (g *PeerGroup) eachMember(ctx context.Context, do func(row memberRow, chain []*x509.Certificate)) error {
	var rows []memberRow
	err := g.db.view(ctx, func(tx *store.Tx) error {
		rows = nil
		return eachJSON(tx, memberSpace+g.name, func(_ string, row *memberRow) error {
			rows = append(rows, *row)
			return nil
		})
	})
	if err != nil {
		return err
	}
	for _, row := range rows {
		chain, err := group.ParseChain(row.Chain)
		if err != nil {
			return fault.CorruptData.In("read group", g.name).Because(err)
		}
		do(row, chain)
	}
	return nil
}

func (g *PeerGroup) memberInfo(row memberRow, chain []*x509.Certificate) MemberInfo {
	m := MemberInfo{
		ID: PeerIDOf(chain[0]), Name: row.Name, InvitedAs: row.As, MayInvite: group.MayInvite(chain), Expires: chain[0].NotAfter,
	}
	m.Self = m.ID == g.PeerID()
	if len(chain) > 1 {
		m.Inviter, m.Founder = PeerIDOf(chain[1]), chain[1].Equal(g.root)
	}
	if row.Invited > 0 {
		m.Invited = time.Unix(row.Invited, 0)
	}
	if row.Seen > 0 {
		m.Seen = time.Unix(row.Seen, 0)
	}
	return m
}

// RemoveOptions say what goes with a removed member.
type RemoveOptions struct {
	// IssuedAfter keeps those whom the member has invited, and whose certificates it has renewed, until
	// that time. Zero keeps none of them. The time in a certificate is written by who signs it: who has
	// the member's key can write any time back to when the member was invited itself, so set it only
	// for a member that was honest until then, and whose key nobody else has.
	IssuedAfter time.Time
}

// Remove removes a member for good. With an inviter go those whom it has invited, and whose certificates
// it has renewed, however often others have renewed them since; see [RemoveOptions]. Running members cut
// all of them off within seconds of hearing of it, and each tells its neighbours. What a removed device
// has, it keeps.
//
// The group's key removes every member: the key of that member is never admitted again. Another inviter
// removes those whom it has invited itself, otherwise Remove fails with [ErrForbidden]; a member that it
// has removed is out until another inviter invites the same key anew. This member itself cannot be
// removed here: see [PeerGroup.Leave].
func (g *PeerGroup) Remove(ctx context.Context, peer PeerID, o RemoveOptions) error {
	if peer == g.PeerID() {
		return fault.Invalid.In("remove member", peer.String()).Says("that is this device itself").Try("leave the group instead")
	}
	signer, err := g.signer()
	if err != nil {
		return err
	}
	if err := cmp.Or(g.reread(ctx), g.standing()); err != nil {
		return err
	}
	r, err := g.signRemoval(ctx, signer, peer, o)
	if err != nil {
		return fault.About(err, "remove member", peer.String())
	}
	if !g.removals.Wants(r) {
		if g.removals.Of(group.Key(peer), group.KeyOf(signer.Chain[0])) != nil {
			return nil // it was removed before
		}
		return fault.Unsupported.In("remove member", peer.String()).Says("the group has too many removed members").
			Try("make a new group, and invite those who are to stay")
	}
	return g.keepRemovals(ctx, []*group.Removal{r})
}

// signRemoval signs a record that removes a member, and that counts against its certificate.
func (g *PeerGroup) signRemoval(ctx context.Context, signer group.Signer, peer PeerID, o RemoveOptions) (*group.Removal, error) {
	var row *memberRow
	err := g.db.view(ctx, func(tx *store.Tx) (err error) {
		row, err = readJSON[memberRow](tx, memberSpace+g.name, hexOf(peer))
		return err
	})
	if err != nil {
		return nil, err
	}
	target := group.Target{Key: group.Key(peer), IssuedAfter: o.IssuedAfter}
	if row != nil && row.Issued != nil {
		if target.Certificate, err = x509.ParseCertificate(row.Issued); err != nil {
			return nil, err
		}
	}
	r, err := group.Remove(signer, g.name, target, g.now())
	if err != nil || len(signer.Chain) == 1 {
		return r, err
	}
	chain, err := group.ParseChain(row.Chain)
	if err != nil {
		return nil, err
	}
	var alone group.Removals
	alone.Add(r)
	if counts, _ := alone.Removes(chain); counts == nil {
		return nil, fault.Forbidden.Says("another inviter has invited that member anew").
			Try("remove it on the device that made the group")
	}
	return r, nil
}

// DeviceName returns what this member is called.
func (g *PeerGroup) DeviceName() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return cmp.Or(g.row.Name, g.identity.Leaf().Subject.CommonName)
}

// Rename changes what this member is called, to a name of 1 to 64 bytes that can be shown on one line;
// another one is [ErrInvalid]. A running member tells its neighbours within seconds, unless
// [MultipeerReplicatorConfiguration].Name is set. The name in its certificate stays.
func (g *PeerGroup) Rename(ctx context.Context, name string) error {
	if name == "" || mesh.CleanName(name) != name {
		return fault.Invalid.In("rename member", g.name).Says("%q is no name of a device", name).
			Try("choose one of 1 to 64 bytes that can be shown on one line")
	}
	own := group.DERs(g.Identity().Certificates())
	err := g.update(ctx, func(tx *store.Tx) error {
		row, err := g.current(tx)
		if err != nil {
			return err
		}
		row.Name = name
		if err := writeJSON(tx, groupSpace, g.name, *row); err != nil {
			return err
		}
		return g.writeMember(tx, memberRow{Name: name, Chain: own})
	})
	if err != nil {
		return err
	}
	return g.reread(ctx)
}

// Leave ends this database's membership: its key is deleted. Stop a [MultipeerReplicator] of the group
// first. One that still runs, in this process or another one, loses its neighbours within seconds, and
// says so as if it were removed. The documents stay. The device that made the group deletes the group's
// key with it: nobody can be invited or removed any more, unless others may invite. Back that key up
// before, or do not leave.
func (g *PeerGroup) Leave(ctx context.Context) error {
	err := g.write(ctx, func(tx *store.Tx) error {
		row, err := readJSON[groupRow](tx, groupSpace, g.name)
		if err != nil || row == nil {
			return err
		}
		if !bytes.Equal(row.Root, g.root.Raw) {
			return g.errLeft() // and it is in another one of this name
		}
		row.Leaving = true
		return writeJSON(tx, groupSpace, g.name, *row)
	})
	if err != nil {
		return err
	}
	return g.finishLeaving(ctx)
}

// finishLeaving deletes the keys of a member that leaves, then its rows.
func (g *PeerGroup) finishLeaving(ctx context.Context) error {
	for _, label := range []string{g.label(), g.AuthorityLabel()} {
		if err := g.store.Delete(label); err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
	}
	return g.write(ctx, func(tx *store.Tx) error {
		if err := g.clearRows(tx); err != nil {
			return err
		}
		return tx.SetInfo(groupSpace, g.name, nil)
	})
}

// ParsePeerID reads a peer's ID as [PeerID.String] writes it; case and colons do not matter. Anything
// else is [ErrInvalid].
func ParsePeerID(text string) (id PeerID, err error) {
	bytes, err := hex.DecodeString(strings.ReplaceAll(text, ":", ""))
	if err != nil || len(bytes) != len(id) {
		return PeerID{}, fault.Invalid.In("read peer ID", "").Says("%q is no ID of a peer", text).
			Try("it has 32 pairs of hexadecimal digits, such as tandem mesh members shows")
	}
	return PeerID(bytes), nil
}

// AddInvitationListener has fn called with each invitation that a running member of a [PeerGroup]
// begins to answer for, and when it was used or has ended. fn is called on a goroutine of the member,
// one call at a time, and must not stop it.
func (m *MultipeerReplicator) AddInvitationListener(fn func(InvitationInfo)) *ListenerToken {
	return m.inviteNews.add(fn)
}
