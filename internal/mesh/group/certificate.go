package group

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net/url"
	"slices"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
)

// Lifetimes of certificates.
const (
	MemberLife = 365 * 24 * time.Hour
	Backdate   = time.Hour // a certificate begins so long before it is issued, for clocks that are slow
)

// Signer is who signs certificates and records: the group's key, or that of a member that may invite.
type Signer struct {
	Key   crypto.Signer
	Chain []*x509.Certificate // of the key, then its issuers', the authority's last
}

// Member says what a certificate says.
type Member struct {
	Group     string
	Name      string // for people; cleaned already
	MayInvite bool
	Earlier   []Signing // of the certificate that this one renews; see [Earlier]
	Now       time.Time
}

// URI is the name by which a certificate says that its owner belongs to a group.
func URI(name string) *url.URL { return &url.URL{Scheme: "tandem-group", Opaque: url.PathEscape(name)} }

// Names reports whether a certificate names a group.
func Names(cert *x509.Certificate, name string) bool {
	want := URI(name).String()
	return slices.ContainsFunc(cert.URIs, func(u *url.URL) bool { return u.String() == want })
}

// Issue makes the owner of a public key a member, for [MemberLife], or until a certificate of the
// signer ends. It returns the member's chain.
func Issue(by Signer, public crypto.PublicKey, m Member) ([]*x509.Certificate, error) {
	var serial [16]byte
	_, _ = rand.Read(serial[:]) // never fails
	serial[0] = serial[0]&0x7f | 0x40
	if m.Name == "" {
		m.Name = "member"
	}
	template := &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(serial[:]),
		Subject:      pkix.Name{CommonName: m.Name},
		NotBefore:    m.Now.Add(-Backdate).UTC(), NotAfter: m.Now.Add(MemberLife).UTC(),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true,
		URIs:                  []*url.URL{URI(m.Group)},
	}
	if len(m.Earlier) > MaxSignings {
		return nil, fault.Unsupported.In("sign member", m.Name).Says("%d inviters have signed its certificates, more than %d", len(m.Earlier), MaxSignings).
			Try("invite it anew")
	}
	for _, signing := range m.Earlier {
		template.URIs = append(template.URIs, signing.uri())
	}
	if m.MayInvite {
		if len(by.Chain) > 1 {
			return nil, fault.Unsupported.In("sign member", m.Name).Says("only the group's own key makes members that may invite").
				Try("invite it from the device that made the group")
		}
		template.IsCA, template.MaxPathLenZero = true, true
		template.KeyUsage |= x509.KeyUsageCertSign
	}
	for _, issuer := range by.Chain { // none is of use for longer than these
		if issuer.NotAfter.Before(template.NotAfter) {
			template.NotAfter = issuer.NotAfter
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by.Chain[0], public, by.Key)
	if err != nil {
		return nil, fault.Crypto.In("sign member", m.Name).Because(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fault.Crypto.In("sign member", m.Name).Because(err)
	}
	return append([]*x509.Certificate{cert}, by.Chain...), nil
}

// Key identifies a member: the SHA-256 of its public key (SPKI).
type Key = [sha256.Size]byte

// KeyOf returns the key of a certificate's owner.
func KeyOf(cert *x509.Certificate) Key { return sha256.Sum256(cert.RawSubjectPublicKeyInfo) }

// MayInvite reports whether the member at the beginning of a way may sign others: only the group's key
// gives that right.
func MayInvite(way []*x509.Certificate) bool {
	leaf := way[0]
	return len(way) == 2 && leaf.BasicConstraintsValid && leaf.IsCA && leaf.KeyUsage&x509.KeyUsageCertSign != 0
}

// RenewalDue reports whether two thirds of a certificate's life are over.
func RenewalDue(cert *x509.Certificate, now time.Time) bool {
	return now.After(cert.NotBefore.Add(cert.NotAfter.Sub(cert.NotBefore) / 3 * 2))
}

// Way verifies certificates that somebody has shown, leaf first and the others in any order, as those of
// a client or server. It returns the member's, that of who has signed it unless the group's key has, and
// the authority's; it leaves out all else. Of several certificates of one signer it takes any: they
// differ in their times alone.
func Way(
	name string, root *x509.Certificate, chain []*x509.Certificate, use x509.ExtKeyUsage, now time.Time,
) ([]*x509.Certificate, error) {
	switch {
	case len(chain) == 0 || len(chain) > MaxChain:
		return nil, fmt.Errorf("it shows %d certificates, want 1 to %d", len(chain), MaxChain)
	case len(chain[0].Raw) > MaxCertificate:
		return nil, fmt.Errorf("its certificate has %d bytes, more than %d", len(chain[0].Raw), MaxCertificate)
	case !Names(chain[0], name):
		return nil, fmt.Errorf("its certificate does not name the group %q", name)
	}
	trusted, between := x509.NewCertPool(), x509.NewCertPool() // never the system's roots
	trusted.AddCert(root)
	for _, cert := range chain[1:] {
		between.AddCert(cert)
	}
	ways, err := chain[0].Verify(x509.VerifyOptions{
		Roots: trusted, Intermediates: between, KeyUsages: []x509.ExtKeyUsage{use}, CurrentTime: now,
	})
	switch {
	case err != nil:
		return nil, err
	case len(ways[0]) < 2:
		return nil, fmt.Errorf("its certificate is the group's own")
	}
	return ways[0], nil
}

// Bounds of what a member shows.
const (
	MaxChain       = 3       // certificates: its own, that of who has invited it, the authority's
	MaxCertificate = 8 << 10 // bytes of its own; others sign no longer ones, see [MaxSignings]
)

// ParseChain reads certificates in DER.
func ParseChain(ders [][]byte) ([]*x509.Certificate, error) {
	if len(ders) == 0 || len(ders) > MaxChain {
		return nil, fault.Crypto.In("read certificates", "").Says("there are %d, want 1 to %d", len(ders), MaxChain)
	}
	var chain []*x509.Certificate
	for _, der := range ders {
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, fault.Crypto.In("read certificates", "").Because(err)
		}
		chain = append(chain, cert)
	}
	return chain, nil
}

// DERs returns the certificates in DER.
func DERs(chain []*x509.Certificate) [][]byte {
	ders := make([][]byte, len(chain))
	for i, cert := range chain {
		ders[i] = bytes.Clone(cert.Raw)
	}
	return ders
}
