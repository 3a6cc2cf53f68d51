package tandem

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/mesh/group"
)

func newMemberKey() (crypto.Signer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fault.Crypto.In("make key", "").Because(err)
	}
	return key, nil
}

// signerOf returns an identity as who signs.
func signerOf(id *TLSIdentity) (group.Signer, error) {
	cert := id.TLSCertificate()
	key, ok := cert.PrivateKey.(crypto.Signer)
	if !ok {
		return group.Signer{}, fault.Crypto.In("sign", id.Label()).Says("the key cannot sign")
	}
	return group.Signer{Key: key, Chain: id.Certificates()}, nil
}

// signer returns who signs on this device.
func (g *PeerGroup) signer() (group.Signer, error) {
	g.mu.Lock()
	authority, own, founded := g.authority, g.identity, g.row.Founded
	g.mu.Unlock()
	switch {
	case authority != nil:
		return signerOf(authority)
	case group.MayInvite(own.Certificates()):
		return signerOf(own)
	case founded:
		return group.Signer{}, fault.Forbidden.In("use group", g.name).
			Says("the group's key was made here, and is in the identity store no longer: %s", g.AuthorityLabel()).
			Try("bring its backup back with tandem identity import; without one, make a new group")
	}
	return group.Signer{}, fault.Forbidden.In("use group", g.name).Says("the group's key is not on this device, and it may not invite").
		Try("do it on the device that made the group, or on one that was invited with --may-invite")
}
