package tandem

import (
	"crypto"
	"crypto/x509"
	"slices"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/mesh"
	"github.com/tandemdb/tandem/internal/mesh/group"
	"github.com/tandemdb/tandem/internal/store"
)

// askToRenew asks all neighbours for a new certificate when two thirds of this one's life are over.
// Who may invite renews its own, if it has the group's key.
func (run *meshRun) askToRenew() {
	g := run.m.cfg.Group
	leaf := g.Identity().Leaf()
	if !group.RenewalDue(leaf, g.now()) {
		return
	}
	if g.Founded() {
		chain, err := g.renewed(g.Identity().Certificates())
		if err == nil {
			err = run.takeRenewed(group.DERs(chain))
		}
		run.desk.report(err)
		return
	}
	for _, link := range run.all() {
		_ = link.send(groupRecords{Renew: true}.message()) // the next hour asks again
	}
}

// renewed issues a certificate like that of a member, which names who has signed the ones before. Only
// who has its right to invite from the group's key keeps it: a certificate of an authority that an
// inviter has signed gives none.
func (g *PeerGroup) renewed(chain []*x509.Certificate) ([]*x509.Certificate, error) {
	signer, err := g.signer()
	if err != nil {
		return nil, err
	}
	earlier, err := group.Earlier(g.name, g.root, chain, g.now())
	if err != nil {
		return nil, err
	}
	leaf := chain[0]
	return group.Issue(signer, leaf.PublicKey, group.Member{
		Group: g.name, Name: mesh.CleanName(leaf.Subject.CommonName), Now: g.now(), Earlier: earlier,
		MayInvite: group.MayInvite(leaf) && leaf.CheckSignatureFrom(g.root) == nil,
	})
}

// renew sends a neighbour a new certificate, if it is due and this member can issue one.
func (run *meshRun) renew(l *mesh.Link) error {
	g := run.m.cfg.Group
	signer, err := g.signer()
	if err != nil {
		return nil // another neighbour may
	}
	shown := l.Conn.(*meshConn).PeerCertificates()
	leaf := shown[0]
	cannot := len(signer.Chain) > 1 && group.MayInvite(leaf)
	if cannot || !group.RenewalDue(leaf, g.now()) || g.removals.Admits(g.name, g.root, shown, x509.ExtKeyUsageClientAuth, g.now()) != nil {
		return nil
	}
	chain, err := g.renewed(shown)
	if err != nil {
		return err
	}
	err = g.update(run.ctx, func(tx *store.Tx) error {
		return g.writeMember(tx, memberRow{Chain: group.DERs(chain), Issued: chain[0].Raw, Invited: g.now().Unix()})
	})
	if err != nil {
		return err
	}
	if link := run.link(l.Peer()); link != nil {
		_ = link.send(groupRecords{Chain: group.DERs(chain)}.message()) // it asks again, if that fails
	}
	return nil
}

// takeRenewed makes a new certificate of this member's key its own, if one is due.
func (run *meshRun) takeRenewed(ders [][]byte) error {
	g := run.m.cfg.Group
	chain, err := group.ParseChain(ders)
	if err != nil {
		return err
	}
	old := g.Identity()
	switch leaf := chain[0]; {
	case PeerIDOf(leaf) != run.self || !leaf.NotAfter.After(old.Expiration()) || group.MayInvite(leaf) != group.MayInvite(old.Leaf()):
		return nil // nothing that was asked for
	case !group.RenewalDue(old.Leaf(), g.now()) || leaf.NotAfter.Sub(leaf.NotBefore) > group.MemberLife+2*group.Backdate:
		return nil // nor this: it would keep the member from asking anew
	}
	if same, err := g.renews(chain, old.Certificates()); err != nil || !same {
		return err
	}
	for _, use := range []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth} {
		if err := g.removals.Admits(g.name, g.root, chain, use, g.now()); err != nil {
			return fault.CertUntrusted.In("renew certificate", g.name).Because(err)
		}
	}
	key, _ := old.TLSCertificate().PrivateKey.(crypto.Signer)
	id, err := IdentityFromKeyAndCerts(key, slices.Clone(chain))
	if err != nil {
		return err
	}
	if err := g.saveIdentity(id); err != nil {
		return err
	}
	run.identity.Store(g.Identity())
	cert := run.certificate()
	run.server.SetCertificate(&cert)
	return nil
}

// renews reports whether a new certificate names who has signed the ones before, and nobody else, whose
// removal would end it.
func (g *PeerGroup) renews(chain, old []*x509.Certificate) (bool, error) {
	named, err := group.Named(chain[0])
	if err != nil {
		return false, fault.CertUntrusted.In("renew certificate", g.name).Because(err)
	}
	earlier, err := group.Earlier(g.name, g.root, old, g.now())
	return slices.Equal(named, earlier), err
}
