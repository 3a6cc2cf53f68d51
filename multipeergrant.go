package tandem

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/json"
	"errors"
	"time"

	"github.com/tandemdb/tandem/internal/mesh/group"
	"github.com/tandemdb/tandem/internal/mesh/joining"
	"github.com/tandemdb/tandem/internal/store"
)

// maxGranted bounds the records that a joiner is sent at once, in bytes: the message has a bound. Its
// first neighbour sends it the others.
const maxGranted = 2 << 20

// Grant implements [joining.Desk].
func (d *joinDesk) Grant(ctx context.Context, key joining.Key, joiner *x509.Certificate, name string) *joining.Grant {
	d.mu.Lock()
	id := d.open[key].id
	d.mu.Unlock()
	var grant *joining.Grant
	err := d.g.update(ctx, func(tx *store.Tx) (err error) {
		grant, err = d.grant(tx, id, joiner, name)
		return err
	})
	if err != nil {
		d.log.Warn("mesh: a device that has the code could not join", "error", err)
		return &joining.Grant{Ended: joining.Failed}
	}
	return grant
}

// grant decides about a joiner that has proved an invitation.
func (d *joinDesk) grant(tx *store.Tx, id string, joiner *x509.Certificate, name string) (*joining.Grant, error) {
	row, err := readJSON[invitationRow](tx, invitationSpace+d.g.name, id)
	if err != nil {
		return nil, err
	}
	if row == nil {
		return &joining.Grant{Ended: joining.Expired}, nil
	}
	spki := group.KeyOf(joiner)
	again := row.State == InvitationUsed && bytes.Equal(row.Spent, spki[:])
	switch {
	case row.State == InvitationUsed && !again:
		return &joining.Grant{Ended: joining.Used}, nil
	case row.State == InvitationCancelled:
		return &joining.Grant{Ended: joining.Cancelled}, nil
	case row.Run != d.id || d.isOver(id, time.Now()) || row.State == InvitationExpired:
		return &joining.Grant{Ended: joining.Expired}, nil
	case again:
		member, err := readJSON[memberRow](tx, memberSpace+d.g.name, hexOf(spki))
		if err != nil || member == nil {
			return &joining.Grant{Ended: joining.Expired}, err
		}
		return d.granted(member.Chain), nil
	}
	chain, err := d.admit(tx, row, joiner, cleanOr(name, "member"))
	if err != nil {
		return nil, err
	}
	row.State, row.Spent, row.Name = InvitationUsed, spki[:], chain[0].Subject.CommonName
	if err := writeJSON(tx, invitationSpace+d.g.name, id, row); err != nil {
		return nil, err
	}
	return d.granted(group.DERs(chain)), nil
}

// admit issues the certificate of a new member, and writes it down.
func (d *joinDesk) admit(tx *store.Tx, row *invitationRow, joiner *x509.Certificate, name string) ([]*x509.Certificate, error) {
	signer, err := d.g.signer()
	if err != nil {
		return nil, err
	}
	if public, ok := joiner.PublicKey.(*ecdsa.PublicKey); !ok || public.Curve != elliptic.P256() {
		return nil, errors.New("the key of the device is none on P-256")
	}
	if d.g.removals.Of(group.KeyOf(joiner), group.KeyOf(signer.Chain[0])) != nil {
		return nil, errors.New("the key of this device was removed from the group")
	}
	now := d.g.now()
	chain, err := group.Issue(signer, joiner.PublicKey, group.Member{
		Group: d.g.name, Name: name, MayInvite: row.MayInvite, Now: now,
	})
	if err != nil {
		return nil, err
	}
	return chain, d.g.writeMember(tx, memberRow{Name: name, As: name, Chain: group.DERs(chain), Issued: chain[0].Raw, Invited: now.Unix()})
}

func (d *joinDesk) granted(chain [][]byte) *joining.Grant {
	grant := &joining.Grant{Group: d.g.name, Chain: chain, Now: d.g.now().Unix()}
	for _, c := range d.run.m.cfg.Collections[:min(len(d.run.m.cfg.Collections), maxUnshared)] {
		grant.Shares = append(grant.Shares, c.Collection.FullName())
	}
	for _, r := range d.g.removals.First(group.MaxRemovals, maxGranted) {
		grant.Removals = append(grant.Removals, json.RawMessage(r.Text()))
	}
	return grant
}
