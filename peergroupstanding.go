package tandem

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"slices"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/mesh"
	"github.com/tandemdb/tandem/internal/mesh/group"
	"github.com/tandemdb/tandem/internal/store"
)

// admit returns the certificates of a member in their order, if it is one.
func (g *PeerGroup) admit(chain []*x509.Certificate, use x509.ExtKeyUsage) ([]*x509.Certificate, error) {
	if g.left.Load() {
		return nil, g.errLeft()
	}
	return g.removals.Admits(g.name, g.root, chain, use, g.now())
}

// current reads the row of the group. It fails with [ErrNotFound] if the database has left the group,
// whether or not it is in another one of this name now.
func (g *PeerGroup) current(tx *store.Tx) (*groupRow, error) {
	row, err := readJSON[groupRow](tx, groupSpace, g.name)
	if err != nil {
		return nil, err
	}
	if row == nil || row.Leaving || !bytes.Equal(row.Root, g.root.Raw) {
		g.left.Store(true)
		return nil, g.errLeft()
	}
	return row, nil
}

func (g *PeerGroup) errLeft() error {
	return fault.NotFound.In("use group", g.name).Says("the database has left the group").
		Try("what it has stays; to belong to the group again it joins by a new code")
}

// standing reports that this member is none any more: as [ErrNotFound] that the database has left the
// group, as [ErrForbidden] that the member was removed. Certificates that were removed with who has signed
// them are replaced first, if they can be: who has the group's key signs its own, others go back to those
// before the last renewal.
func (g *PeerGroup) standing() error {
	if g.left.Load() {
		return g.errLeft()
	}
	own := g.Identity().Certificates()
	r, _ := g.removals.Removes(own)
	if due := group.RenewalDue(own[0], g.now()); r == nil && (!due || !g.Founded()) {
		return nil
	}
	if other, err := g.otherCertificates(own[0]); err == nil {
		if out, _ := g.removals.Removes(other); out == nil {
			return g.takeCertificates(other)
		}
	}
	if r == nil {
		return nil
	}
	says := "this device was removed from the group"
	if r.Member() != group.KeyOf(own[0]) {
		says = "who has invited this device, or renewed its certificate, was removed from the group, and with it this device"
	}
	return fault.Forbidden.In("sync group", g.name).Says("%s", says).
		Try("what it has stays; to belong to the group again it joins by a new code, with a new key")
}

// otherCertificates returns those that may take the place of this member's own.
func (g *PeerGroup) otherCertificates(own *x509.Certificate) ([]*x509.Certificate, error) {
	g.mu.Lock()
	authority, former := g.authority, g.row.Former
	g.mu.Unlock()
	if authority != nil {
		signer, err := signerOf(authority)
		if err != nil {
			return nil, err
		}
		return group.Issue(signer, own.PublicKey, group.Member{
			Group: g.name, Name: mesh.CleanName(own.Subject.CommonName), Now: g.now(),
		})
	}
	return g.valid(former)
}

// valid parses certificates, and verifies those of a member.
func (g *PeerGroup) valid(ders [][]byte) ([]*x509.Certificate, error) {
	chain, err := group.ParseChain(ders)
	if err != nil {
		return nil, err
	}
	return group.Way(g.name, g.root, chain, x509.ExtKeyUsageClientAuth, g.now())
}

// takeCertificates gives the key of this member other certificates.
func (g *PeerGroup) takeCertificates(way []*x509.Certificate) error {
	key, _ := g.Identity().TLSCertificate().PrivateKey.(crypto.Signer)
	id, err := IdentityFromKeyAndCerts(key, slices.Clone(way))
	if err != nil {
		return err
	}
	return g.saveIdentity(id)
}

// keepFormer keeps the certificates that a renewal replaces, unless earlier ones are still valid: whoever
// has renewed since, these stand when that one is removed.
func (g *PeerGroup) keepFormer(ctx context.Context, own []*x509.Certificate) error {
	var former [][]byte
	err := g.update(ctx, func(tx *store.Tx) error {
		row, err := g.current(tx)
		if err != nil {
			return err
		}
		if _, err := g.valid(row.Former); err != nil {
			row.Former = group.DERs(own)
		}
		former = row.Former
		return writeJSON(tx, groupSpace, g.name, *row)
	})
	if err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.row.Former = former
	return nil
}
