package identity

import (
	"cmp"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
)

// Usage is a set of uses that an identity permits.
type Usage uint8

// The uses of an identity.
const (
	Server Usage = 1 << iota // authenticates a listener to its clients
	Client                   // authenticates a replicator to a listener
	Issue                    // signs other identities, see Options.Issuer
)

// Options describe the identity that [Create] makes. Only CommonName is required.
type Options struct {
	// Usage is the set of permitted uses. Zero means Server and Client.
	Usage Usage

	// CommonName names the owner: a host, a device, a person. It must not be empty.
	CommonName string
	// Further attributes of the subject. Empty ones are left out.
	Organization, OrganizationalUnit, Country, Locality, State string

	// Alternative names of the subject. A client that verifies host names needs a DNS name or an
	// address here.
	Emails   []string
	DNSNames []string
	IPs      []netip.Addr
	URIs     []*url.URL

	// Expires is the end of the validity, in whole seconds. Zero means one year from now.
	Expires time.Time
	// AllowPast permits an expiry in the past, for tests.
	AllowPast bool

	// Label is the name under which the identity is stored. Empty means that it is not stored.
	Label string

	// Issuer signs the identity, and its chain follows the new certificate. It needs the use Issue.
	// Nil means self-signed.
	Issuer *Identity

	// Key is the private key, for example one in a TPM. Nil means a new key on P-256.
	Key crypto.Signer
}

const (
	defaultValidity = 365 * 24 * time.Hour
	backdate        = time.Hour // for peers whose clocks are slow
	maxCerts        = 32        // in one chain; real ones have two to four
)

// Create makes an identity, and stores it if it has a label. Without a label, store may be nil.
//
// It fails with [fault.Crypto] if the common name is missing, the label is taken, or the issuer may
// not sign. It fails with [fault.Invalid] if the expiry is past or an attribute does not fit into a
// certificate.
func Create(store Store, opts Options) (*Identity, error) {
	return createAt(store, opts, time.Now())
}

func createAt(store Store, opts Options, now time.Time) (*Identity, error) {
	if err := opts.validate(store, now); err != nil {
		return nil, err
	}
	key := opts.Key
	if key == nil {
		var err error
		if key, err = newKey(opts.Label); err != nil {
			return nil, err
		}
	}
	from, to := opts.validity(now)
	id, err := opts.sign(key, from, to)
	if err != nil {
		return nil, err
	}
	if opts.Label == "" {
		return id, nil
	}
	if err := store.Save(opts.Label, id, nil); err != nil {
		return nil, err
	}
	return id.labelled(opts.Label), nil
}

func newKey(label string) (crypto.Signer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fault.Crypto.In("create identity", label).Because(err)
	}
	return key, nil
}

func (o Options) validate(store Store, now time.Time) error {
	invalid := fault.Invalid.In("create identity", o.Label)
	noHost := slices.IndexFunc(o.DNSNames, isNoHost)
	switch {
	case o.CommonName == "":
		return fault.Crypto.In("create identity", o.Label).Says("the common name is missing").
			Try("name the owner of the identity, such as a host or a device")
	case !o.Expires.IsZero() && !o.Expires.After(now) && !o.AllowPast:
		return invalid.Says("the expiry %s is in the past", o.Expires.UTC().Format(time.RFC3339))
	case o.Expires.Year() > 9999:
		return invalid.Says("the expiry is after the year 9999")
	case o.Country != "" && len(o.Country) != 2:
		return invalid.Says("the country %q is not a code of two letters", o.Country)
	case noHost >= 0:
		return invalid.Says("%q is not the name of a host", o.DNSNames[noHost]).
			Try("write it as in host.example.com or *.example.com, in ASCII")
	case o.Usage > Server|Client|Issue:
		return invalid.Says("unknown usage %d", o.Usage)
	case o.Label != "" && store == nil:
		return invalid.Says("there is no store for the label")
	case o.Issuer != nil && !o.Issuer.mayIssue():
		return fault.Crypto.In("create identity", o.Label).Says("the issuer may not sign certificates").
			Try("create the issuer for the use of issuing, or import a certificate authority")
	}
	if o.Label == "" {
		return nil
	}
	return checkLabel("create identity", o.Label)
}

// hostName matches a host name that a certificate may have, with an optional wildcard in front.
var hostName = regexp.MustCompile(`^(\*\.)?([\w-]{1,63}\.)*[\w-]{1,63}$`)

func isNoHost(name string) bool { return len(name) > 253 || !hostName.MatchString(name) }

func (id *Identity) mayIssue() bool {
	leaf := id.certs[0]
	return leaf.IsCA && (leaf.KeyUsage == 0 || leaf.KeyUsage&x509.KeyUsageCertSign != 0)
}

// validity returns the first and the last moment of the identity's validity.
func (o Options) validity(now time.Time) (from, to time.Time) {
	from, to = now.Add(-backdate), o.Expires
	if to.IsZero() {
		to = now.Add(defaultValidity)
	}
	if to.Before(from) {
		from = to.Add(-backdate)
	}
	return from, to
}

func (o Options) sign(key crypto.Signer, from, to time.Time) (*Identity, error) {
	template := o.template(key, from, to)
	parent, signer := template, key
	var chain []*x509.Certificate
	if o.Issuer != nil {
		parent, signer, chain = o.Issuer.certs[0], o.Issuer.key, o.Issuer.certs
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		return nil, fault.Invalid.In("create identity", o.Label).Because(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fault.Invalid.In("create identity", o.Label).Because(err)
	}
	return FromKeyAndCerts(key, append([]*x509.Certificate{cert}, chain...))
}

func (o Options) template(key crypto.Signer, from, to time.Time) *x509.Certificate {
	usage := cmp.Or(o.Usage, Server|Client)
	c := &x509.Certificate{
		SerialNumber:          serial(),
		Subject:               o.subject(),
		NotBefore:             from.UTC(),
		NotAfter:              to.UTC(),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		BasicConstraintsValid: true,
		IsCA:                  usage&Issue != 0,
		EmailAddresses:        o.Emails,
		DNSNames:              o.DNSNames,
		URIs:                  o.URIs,
	}
	for _, ip := range o.IPs {
		c.IPAddresses = append(c.IPAddresses, net.IP(ip.Unmap().AsSlice()))
	}
	if _, ok := key.Public().(*rsa.PublicKey); ok {
		c.KeyUsage |= x509.KeyUsageKeyEncipherment
	}
	if usage&Issue != 0 {
		c.KeyUsage |= x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	}
	if usage&Server != 0 {
		c.ExtKeyUsage = append(c.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
	}
	if usage&Client != 0 {
		c.ExtKeyUsage = append(c.ExtKeyUsage, x509.ExtKeyUsageClientAuth)
	}
	return c
}

func (o Options) subject() pkix.Name {
	return pkix.Name{
		CommonName:         o.CommonName,
		Organization:       nonEmpty(o.Organization),
		OrganizationalUnit: nonEmpty(o.OrganizationalUnit),
		Country:            nonEmpty(o.Country),
		Locality:           nonEmpty(o.Locality),
		Province:           nonEmpty(o.State),
	}
}

func nonEmpty(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

// serial returns a positive random number of at most 127 bits, as RFC 5280 §4.1.2.2 allows.
func serial() *big.Int {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[0] &= 0x7f
	b[15] |= 1
	return new(big.Int).SetBytes(b[:])
}
