package tandem

import (
	"cmp"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"net/url"
	"slices"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/mesh"
)

// PeerID identifies a member of a mesh: the SHA-256 of its public key (SPKI). It stays the same when
// the certificate of the key is renewed. It is comparable.
type PeerID [32]byte

// PeerIDOf returns the ID of a peer with this certificate.
func PeerIDOf(cert *x509.Certificate) PeerID { return sha256.Sum256(cert.RawSubjectPublicKeyInfo) }

// String returns the ID in the form that fingerprints have: 32 hexadecimal pairs with colons.
func (id PeerID) String() string { return mesh.ID(id).String() }

// PeerGroupURI returns the name by which a certificate says that its owner belongs to a group. Put it
// among the URIs of [TLSIdentityOptions] when you sign the identities of members.
func PeerGroupURI(group string) *url.URL {
	return &url.URL{Scheme: "tandem-group", Opaque: url.PathEscape(group)}
}

// MultipeerAuthenticator decides which peers belong to a mesh. It decides about peers that dial and
// about peers that are dialled. Make it with [MultipeerRoots], [AnyOfAuthority] or
// [MultipeerCertificateAuthenticator].
type MultipeerAuthenticator struct {
	admits func(group string, chain []*x509.Certificate, use x509.ExtKeyUsage) error
	roots  []*x509.Certificate // empty if a function of the program decides
}

// MultipeerRoots admits peers whose certificate names the group, by [PeerGroupURI], and whose chain
// ends at one of roots. No other root counts: without any, nobody is admitted.
func MultipeerRoots(roots ...*x509.Certificate) *MultipeerAuthenticator {
	trusted := slices.Clone(roots)
	return &MultipeerAuthenticator{roots: trusted, admits: func(group string, chain []*x509.Certificate, use x509.ExtKeyUsage) error {
		if !namesGroup(chain[0], group) {
			return fmt.Errorf("its certificate does not name the group %q", group)
		}
		return verifyMember(trusted, chain, use)
	}}
}

// AnyOfAuthority admits every peer whose chain ends at one of roots, whatever group its certificate
// names. Use it for an authority that vouches for the members of one group alone.
func AnyOfAuthority(roots ...*x509.Certificate) *MultipeerAuthenticator {
	trusted := slices.Clone(roots)
	return &MultipeerAuthenticator{roots: trusted, admits: func(_ string, chain []*x509.Certificate, use x509.ExtKeyUsage) error {
		return verifyMember(trusted, chain, use)
	}}
}

// MultipeerCertificateAuthenticator admits peers for whose ID and certificate chain, leaf first, ok
// returns true. ok alone decides, also about dates and groups; TLS proves that the peer has the
// leaf's key. ok runs on any goroutine, every two seconds for each neighbour: when it changes its mind,
// the link ends. A panic counts as false. Nil
// admits nobody.
func MultipeerCertificateAuthenticator(ok func(peer PeerID, chain []*x509.Certificate) bool) *MultipeerAuthenticator {
	return &MultipeerAuthenticator{admits: func(_ string, chain []*x509.Certificate, _ x509.ExtKeyUsage) (err error) {
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("the function that decides has panicked: %v", p)
			}
		}()
		if ok == nil || !ok(PeerIDOf(chain[0]), chain) {
			return fmt.Errorf("the function that decides said no")
		}
		return nil
	}}
}

func namesGroup(cert *x509.Certificate, group string) bool {
	want := PeerGroupURI(group).String()
	return slices.ContainsFunc(cert.URIs, func(u *url.URL) bool { return u.String() == want })
}

func verifyMember(roots, chain []*x509.Certificate, use x509.ExtKeyUsage) error {
	trusted, between := x509.NewCertPool(), x509.NewCertPool() // never the system's roots
	for _, root := range roots {
		trusted.AddCert(root)
	}
	for _, cert := range chain[1:] {
		between.AddCert(cert)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{
		Roots: trusted, Intermediates: between, KeyUsages: []x509.ExtKeyUsage{use},
	})
	return err
}

// groupTag names a group on the network, so that a name cannot be guessed and groups of one name
// under several authorities differ.
func (a *MultipeerAuthenticator) groupTag(group string) string {
	authority := []byte(nil)
	if len(a.roots) > 0 {
		first := slices.MinFunc(a.roots, func(a, b *x509.Certificate) int {
			return slices.Compare(a.RawSubjectPublicKeyInfo, b.RawSubjectPublicKeyInfo)
		})
		authority = first.RawSubjectPublicKeyInfo
	}
	sum := sha256.Sum256(slices.Concat([]byte("tandem group"), authority, []byte(group)))
	return hex.EncodeToString(sum[:8])
}

// checkOwn reports why others would not admit this identity.
func (a *MultipeerAuthenticator) checkOwn(group string, id *TLSIdentity) error {
	if len(a.roots) == 0 {
		return nil
	}
	chain := id.Certificates()
	err := cmp.Or(a.admits(group, chain, x509.ExtKeyUsageServerAuth), a.admits(group, chain, x509.ExtKeyUsageClientAuth))
	if err == nil {
		return nil
	}
	return fault.CertUntrusted.In("join mesh", group).
		Says("the identity %s is none of this group: %v", cmp.Or(id.Label(), id.Fingerprint()), err).
		Try("have the group's authority sign it for server and client, with the name of the group: " +
			"tandem identity create LABEL --issuer CA --group NAME")
}
