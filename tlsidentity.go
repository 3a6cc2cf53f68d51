package tandem

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io/fs"
	"maps"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"time"

	"github.com/tandemdb/tandem/internal/identity"
)

// TLSIdentity is a private key and the certificate chain that proves it. It is immutable and
// safe for use from any goroutine. Its zero value is no identity.
type TLSIdentity identity.Identity

func (id *TLSIdentity) inner() *identity.Identity { return (*identity.Identity)(id) }

// Label returns the label under which the identity is stored, "" if it is not from a store.
func (id *TLSIdentity) Label() string { return id.inner().Label() }

// Fingerprint returns the [Fingerprint] of the identity's own certificate.
func (id *TLSIdentity) Fingerprint() string { return id.inner().Fingerprint() }

// Expiration returns when the identity's own certificate expires.
func (id *TLSIdentity) Expiration() time.Time { return id.inner().Expiration() }

// Leaf returns the identity's own certificate, which the caller must not change.
func (id *TLSIdentity) Leaf() *x509.Certificate { return id.inner().Leaf() }

// Certificates returns the chain, its own certificate first. The caller must not change the
// certificates.
func (id *TLSIdentity) Certificates() []*x509.Certificate { return id.inner().Certificates() }

// Certs returns copies of the chain in DER, its own certificate first.
func (id *TLSIdentity) Certs() [][]byte { return id.inner().Certs() }

// CertificatesPEM returns the chain in PEM, without the key, for peers that pin it.
func (id *TLSIdentity) CertificatesPEM() []byte { return id.inner().CertificatesPEM() }

// TLSCertificate returns the identity in the form of crypto/tls, with the whole chain.
func (id *TLSIdentity) TLSCertificate() tls.Certificate { return id.inner().TLSCertificate() }

// Check reports why the identity cannot serve uses at the time now: [ErrCertExpired] if it has
// expired or is not valid yet, [ErrCrypto] if its certificate excludes a use.
func (id *TLSIdentity) Check(uses TLSUsage, now time.Time) error {
	return id.inner().Check(identity.Usage(uses), now)
}

// Warning says for people, so that it goes on from "the certificate", what is wrong with the
// identity at the time now: from 30 days before it expires, and if its keys are weak. "" is nothing.
func (id *TLSIdentity) Warning(now time.Time) string { return id.inner().Warning(now) }

// ExportPKCS12 returns the identity as a PKCS#12 file with the label as alias. A key that cannot
// leave its device is [ErrUnsupported].
func (id *TLSIdentity) ExportPKCS12(password string) ([]byte, error) {
	return id.inner().ExportPKCS12(password)
}

// ExportPEM returns the chain and the key in PEM. The key is encrypted with password, and in clear
// text if that is "". A key that cannot leave its device is [ErrUnsupported].
func (id *TLSIdentity) ExportPEM(password string) ([]byte, error) {
	return id.inner().ExportPEM(password)
}

// TLSIdentityOptions describe the identity to create. Only CommonName is required.
type TLSIdentityOptions struct {
	// Usage is the set of permitted uses. Zero means ServerUsage and ClientUsage.
	Usage TLSUsage

	// CommonName names the owner: a host, a device, a person. It must not be empty.
	CommonName string

	// The further attributes of the subject; empty ones are left out.
	Organization, OrganizationalUnit, Country, Locality, State string

	// The alternative names of the subject. A client that verifies host names needs a DNS
	// name or an address here.
	Emails   []string
	DNSNames []string
	IPs      []netip.Addr
	URIs     []*url.URL

	// Expires is when the identity ends, to the second. Zero means one year from now.
	Expires time.Time

	// AllowPast permits an identity that has expired already, for tests.
	AllowPast bool

	// Label is the name to store the identity under. Empty means that it is not stored.
	Label string

	// Issuer signs the identity, and its chain follows in that of the identity. It needs
	// IssuerUsage. Nil means self-signed.
	Issuer *TLSIdentity

	// Key is the private key to use, such as one in a TPM. Nil means a new one on P-256.
	Key crypto.Signer
}

// TLSUsage says what an identity may be used for, as a set of bits.
type TLSUsage uint8

// The usages.
const (
	ServerUsage TLSUsage = TLSUsage(identity.Server) // authenticates a listener to its clients
	ClientUsage TLSUsage = TLSUsage(identity.Client) // authenticates a replicator to a listener
	IssuerUsage TLSUsage = TLSUsage(identity.Issue)  // signs other identities
)

// PKCS12Options select the key that [IdentityFromPKCS12] takes from a file. The zero value takes
// the only key.
type PKCS12Options struct {
	// Alias names the key, by its friendly name. Empty means the only one.
	Alias string

	// KeyPassword opens the key. Empty means that the password of the file does.
	KeyPassword string
}

// CreateIdentity makes a key and a certificate for it, and saves them in store if the options
// have a label. A nil store means [DefaultIdentityStore]. A taken label, a missing common name
// and an issuer that may not sign are [ErrCrypto]; an expiry in the past is [ErrInvalid].
func CreateIdentity(store TLSIdentityStore, opts TLSIdentityOptions) (*TLSIdentity, error) {
	if opts.Label == "" {
		return public(identity.Create(nil, opts.inner()))
	}
	store, err := orDefault(store)
	if err != nil {
		return nil, err
	}
	return public(identity.Create(innerStore(store), opts.inner()))
}

func (o TLSIdentityOptions) inner() identity.Options {
	return identity.Options{
		Usage: identity.Usage(o.Usage), CommonName: o.CommonName,
		Organization: o.Organization, OrganizationalUnit: o.OrganizationalUnit, Country: o.Country, Locality: o.Locality, State: o.State,
		Emails: o.Emails, DNSNames: o.DNSNames, IPs: o.IPs, URIs: o.URIs,
		Expires: o.Expires, AllowPast: o.AllowPast, Label: o.Label, Issuer: o.Issuer.inner(), Key: o.Key,
	}
}

// public passes on an identity with the error that came with it.
func public(id *identity.Identity, err error) (*TLSIdentity, error) { return (*TLSIdentity)(id), err }

// GetIdentity returns the identity under label, and nil without an error when there is none.
// A nil store means [DefaultIdentityStore]. The error is [ErrCrypto] for a wrong passphrase or
// a key that others may read, [ErrCorrupt] for a damaged one.
func GetIdentity(store TLSIdentityStore, label string) (*TLSIdentity, error) {
	store, err := orDefault(store)
	if err != nil {
		return nil, err
	}
	id, err := store.Load(label)
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	return id, err
}

// SaveIdentity keeps an identity under a label, and returns it with that label. A nil store means
// [DefaultIdentityStore]. If the label is taken, it fails with [ErrCrypto] and changes nothing.
func SaveIdentity(store TLSIdentityStore, label string, id *TLSIdentity) (*TLSIdentity, error) {
	if id == nil {
		return nil, ErrInvalid.In("save identity", label).Says("there is no identity")
	}
	store, err := orDefault(store)
	if err != nil {
		return nil, err
	}
	if err := store.Save(label, id, nil); err != nil {
		return nil, err
	}
	return store.Load(label)
}

// DeleteIdentity removes key and certificates under label. A nil store means
// [DefaultIdentityStore]. An unknown label is [ErrNotFound].
func DeleteIdentity(store TLSIdentityStore, label string) error {
	store, err := orDefault(store)
	if err != nil {
		return err
	}
	return store.Delete(label)
}

// ImportPKCS12 is [IdentityFromPKCS12] followed by [SaveIdentity].
func ImportPKCS12(
	store TLSIdentityStore, label string, data []byte, password string, opts PKCS12Options,
) (*TLSIdentity, error) {
	id, err := IdentityFromPKCS12(data, password, opts)
	if err != nil {
		return nil, err
	}
	return SaveIdentity(store, label, id)
}

// IdentityFromPKCS12 reads an identity from a PKCS#12 file or its Base64. It has no label;
// [TLSIdentityStore].Save keeps it under one. The error is [ErrCrypto] for a wrong password or
// a key without its certificate, [ErrNotFound] for an unknown alias, [ErrInvalid] for several
// keys without an alias, and others for files that cannot be read.
func IdentityFromPKCS12(data []byte, password string, opts PKCS12Options) (*TLSIdentity, error) {
	return public(identity.FromPKCS12(data, password, identity.PKCS12Options(opts)))
}

// IdentityFromPEM reads an identity from PEM: one key, and the certificates that belong to it.
// password opens an encrypted key. Label and errors are as for [IdentityFromPKCS12].
func IdentityFromPEM(data []byte, password string) (*TLSIdentity, error) {
	return public(identity.FromPEM(data, password))
}

// IdentityFromKeyAndCerts makes an identity of a key and the certificates that belong to it, its
// own first. The key may stay in a TPM, an HSM or an agent: it is only asked to sign. The
// identity has no label. A key of another certificate is [ErrCrypto].
func IdentityFromKeyAndCerts(key crypto.Signer, certs []*x509.Certificate) (*TLSIdentity, error) {
	return public(identity.FromKeyAndCerts(key, certs))
}

// AnonymousIdentity returns the self-signed identity that a listener on the database uses by
// default. The store keeps it for all listeners of the database and for later runs of the program.
// Its certificate is valid for twenty years. A certificate that is invalid now or within a day is
// renewed with the same key. The former certificates stay in the chain, so that a pin of one still
// works. A nil store means [DefaultIdentityStore].
func AnonymousIdentity(store TLSIdentityStore, db *Database) (*TLSIdentity, error) {
	store, err := orDefault(store)
	if err != nil {
		return nil, err
	}
	uuid := db.store.PublicUUID()
	id, err := public(identity.Anonymous(innerStore(store), uuid, time.Now()))
	if err == nil {
		_ = identity.NoteDatabase(innerStore(store), uuid, db.Path()) // people find their way without it, and listeners need none
	}
	return id, err
}

// AnonymousIdentityInfo tells to which database an identity of [AnonymousIdentity] belongs.
type AnonymousIdentityInfo struct {
	Label string // in the store

	// Database is the path where the database was when the identity was used last. It is empty if
	// the store does not record paths; [DefaultIdentityStore] and [FolderIdentityStore] do.
	Database string

	// Gone reports that nothing is at that path now, or that another database was served there
	// since. A database that was moved, or whose volume is not mounted, counts as gone.
	Gone bool
}

// AnonymousIdentities lists the anonymous identities in a store, sorted by label. A nil store means
// [DefaultIdentityStore].
func AnonymousIdentities(store TLSIdentityStore) ([]AnonymousIdentityInfo, error) {
	store, err := orDefault(store)
	if err != nil {
		return nil, err
	}
	places, err := identity.Places(innerStore(store))
	if err != nil {
		return nil, err
	}
	var all []AnonymousIdentityInfo
	for _, label := range slices.Sorted(maps.Keys(places)) {
		at := places[label]
		all = append(all, AnonymousIdentityInfo{label, at.Path, at.Replaced || at.Path != "" && isMissing(at.Path)})
	}
	return all, nil
}

// isMissing reports that nothing is at path: where that cannot be found out, it may be there.
func isMissing(path string) bool {
	_, err := os.Stat(path)
	return errors.Is(err, fs.ErrNotExist)
}

// Fingerprint returns the SHA-256 of a certificate in the form in which Tandem shows it
// everywhere: "9F:86:D0:…".
func Fingerprint(cert *x509.Certificate) string { return identity.Fingerprint(cert) }

// ParseCertificates reads certificates from PEM, DER, or the Base64 of either.
func ParseCertificates(data []byte) ([]*x509.Certificate, error) {
	return identity.ParseCertificates(data)
}
