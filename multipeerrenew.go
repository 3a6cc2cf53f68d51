package tandem

import (
	"crypto/x509"
	"slices"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/mesh"
	"github.com/tandemdb/tandem/internal/mesh/group"
)

// askToRenew asks all neighbours for a new certificate when two thirds of this one's life are over.
// Who has the group's key renews its own, and asks nobody.
func (run *meshRun) askToRenew() {
	g := run.m.cfg.Group
	leaf := g.Identity().Leaf()
	if !group.RenewalDue(leaf, g.now()) {
		return
	}
	if g.Founded() {
		run.groupChanged()
		return
	}
	run.mu.Lock()
	run.renewing = true
	run.mu.Unlock()
	for _, link := range run.all() {
		_ = link.send(groupRecords{Renew: true}.message()) // the next hour asks again
	}
}

// renewed issues a certificate like that of a member, which names who has signed the ones before.
func (g *PeerGroup) renewed(way []*x509.Certificate) ([]*x509.Certificate, error) {
	signer, err := g.signer()
	if err != nil {
		return nil, err
	}
	earlier, err := group.Earlier(g.name, g.root, way, g.now())
	if err != nil {
		return nil, err
	}
	leaf := way[0]
	return group.Issue(signer, leaf.PublicKey, group.Member{
		Group: g.name, Name: mesh.CleanName(leaf.Subject.CommonName), Now: g.now(), Earlier: earlier,
		MayInvite: group.MayInvite(way),
	})
}

// renew sends a neighbour a new certificate, if it is due and this member can issue one.
func (run *meshRun) renew(l *mesh.Link) error {
	g := run.m.cfg.Group
	signer, err := g.signer()
	if err != nil {
		return nil // another neighbour may
	}
	way, err := g.admit(l.Conn.(*meshConn).PeerCertificates(), usageOf(l.Dialled))
	cannot := err != nil || len(signer.Chain) > 1 && group.MayInvite(way)
	if cannot || !group.RenewalDue(way[0], g.now()) {
		return nil
	}
	chain, err := g.renewed(way)
	if err != nil {
		return err
	}
	if link := run.link(l.Peer()); link != nil {
		_ = link.send(groupRecords{Chain: group.DERs(chain)}.message()) // it asks again, if that fails
	}
	return nil
}

// takeRenewed makes a new certificate of this member's key its own, if it has asked for one.
func (run *meshRun) takeRenewed(ders [][]byte) error {
	g := run.m.cfg.Group
	chain, err := group.ParseChain(ders)
	if err != nil || !run.isRenewing() || PeerIDOf(chain[0]) != run.self {
		return err
	}
	way, err := g.admit(chain, x509.ExtKeyUsageServerAuth)
	if err == nil {
		_, err = g.admit(chain, x509.ExtKeyUsageClientAuth)
	}
	if err != nil {
		return fault.CertUntrusted.In("renew certificate", g.name).Because(err)
	}
	old := g.Identity()
	switch leaf, before := way[0], old.Certificates(); {
	case !leaf.NotAfter.After(old.Expiration()) || leaf.NotAfter.Sub(leaf.NotBefore) > group.MemberLife+2*group.Backdate:
		return nil // it would keep the member from asking anew
	case group.MayInvite(way) != group.MayInvite(before):
		return nil
	}
	if same, err := g.renews(way, old.Certificates()); err != nil || !same {
		return err
	}
	if err := g.keepFormer(run.ctx, old.Certificates()); err != nil {
		return err
	}
	if err := g.takeCertificates(way); err != nil {
		return err
	}
	run.useIdentity()
	return nil
}

func (run *meshRun) isRenewing() bool {
	run.mu.Lock()
	defer run.mu.Unlock()
	return run.renewing
}

// useIdentity has connections from now on show the certificates that the group has for this member.
func (run *meshRun) useIdentity() {
	run.mu.Lock()
	run.renewing = false
	run.mu.Unlock()
	run.identity.Store(run.m.cfg.Group.Identity())
	cert := run.certificate()
	run.server.SetCertificate(&cert)
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
