package identity

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"slices"
	"strings"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/identity/pkcs"
)

// maxFileCerts bounds the certificates of one PKCS#12 file.
const maxFileCerts = 1000

// PKCS12Options select the key that [FromPKCS12] takes from a file. The zero value takes the only
// key.
type PKCS12Options struct {
	// Alias is the friendly name of the entry. Empty means the only entry.
	Alias string
	// KeyPassword opens the key. Empty means the password of the file.
	KeyPassword string
}

// FromPKCS12 returns an identity from a PKCS#12 file, with old or new ciphers, in DER, BER or the
// Base64 of either. The certificate of the key comes first, and its issuers follow. The identity
// has no label and is not stored.
//
// It fails with [fault.Crypto] for a wrong password or a key without its certificate, with
// [fault.NotFound] for an unknown alias, with [fault.Invalid] if the file has several keys and no
// alias is given, and with [fault.WrongFormat] and [fault.Unsupported] for broken and unsupported
// files.
func FromPKCS12(data []byte, password string, opts PKCS12Options) (*Identity, error) {
	const op = "read PKCS#12"
	if len(data) > maxInput {
		return nil, tooLarge(op)
	}
	data = fromBase64(withoutBOM(data))
	file, err := pkcs.Open(data, password)
	if err != nil {
		return nil, notA("PKCS#12", &formatPKCS12, data, within(op, "", err))
	}
	key, err := chooseKey(op, file, opts.Alias)
	if err != nil {
		return nil, err
	}
	if opts.KeyPassword != "" {
		password = opts.KeyPassword
	}
	return fromFile(op, file, key, password)
}

// ExportPKCS12 returns the identity as a PKCS#12 file with the ciphers of OpenSSL 3 and the label
// as alias. It fails with [fault.Unsupported] if the key cannot leave its device.
func (id *Identity) ExportPKCS12(password string) ([]byte, error) {
	const op = "export identity"
	var file pkcs.File
	if err := addToFile(op, &file, id, id.label, password, 0); err != nil {
		return nil, err
	}
	data, err := file.Encode(password, 0)
	if err != nil {
		return nil, within(op, id.label, err)
	}
	return data, nil
}

func chooseKey(op string, file *pkcs.File, alias string) (pkcs.Key, error) {
	if alias == "" && len(file.Keys) == 1 {
		return file.Keys[0], nil
	}
	var names []string
	for _, equal := range []func(a, b string) bool{sameText, strings.EqualFold} {
		names = names[:0]
		for _, key := range file.Keys {
			name := aliasOf(file, key)
			if alias != "" && equal(name, alias) {
				return key, nil
			}
			names = append(names, name)
		}
	}
	switch {
	case len(file.Keys) == 0:
		return pkcs.Key{}, fault.WrongFormat.In(op, "").Says("the file has no private key")
	case alias == "":
		return pkcs.Key{}, fault.Invalid.In(op, "").Says("the file has %d private keys", len(file.Keys)).
			Try("choose one by its alias: " + strings.Join(names, ", "))
	}
	return pkcs.Key{}, fault.NotFound.In(op, alias).Says("no private key has this alias").
		Try("choose one of: " + strings.Join(names, ", "))
}

// fromFile returns the identity of one key of file.
func fromFile(op string, file *pkcs.File, key pkcs.Key, password string) (*Identity, error) {
	der, err := key.Open(password)
	if err != nil {
		return nil, within(op, key.Alias, err)
	}
	signer, err := parsePKCS8(op, der)
	if err != nil { // a wrong password sometimes passes the padding check
		return nil, fault.Crypto.In(op, key.Alias).Says("wrong password of the key, or it is damaged")
	}
	certs, err := parseFileCerts(op, file, key)
	if err != nil {
		return nil, err
	}
	return FromKeyAndCerts(signer, keepMost(arrange(certs, signer.Public(), len(file.Keys) == 1)))
}

// parseFileCerts returns the certificates of file, starting with those that have the ID of key.
func parseFileCerts(op string, file *pkcs.File, key pkcs.Key) ([]*x509.Certificate, error) {
	if len(file.Certs) > maxFileCerts {
		return nil, fault.Unsupported.In(op, "").Says("more than %d certificates in one file", maxFileCerts)
	}
	var certs []*x509.Certificate
	for _, c := range file.Certs {
		cert, err := x509.ParseCertificate(c.DER)
		switch {
		case err != nil:
			return nil, fault.WrongFormat.In(op, c.Alias).Because(err)
		case sharesID(c, key):
			certs = slices.Insert(certs, 0, cert)
		default:
			certs = append(certs, cert)
		}
	}
	return someCerts(op, certs)
}

// addToFile adds id to file under alias, with its key under password.
func addToFile(op string, file *pkcs.File, id *Identity, alias, password string, rounds int) error {
	der, err := id.pkcs8(op)
	if err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(alias + id.Fingerprint()))
	key, err := pkcs.NewKey(alias, sum[:], der, password, rounds)
	if err != nil {
		return within(op, alias, err)
	}
	file.Keys = append(file.Keys, key)
	for i, cert := range id.certs {
		switch {
		case i == 0:
			file.Certs = append(file.Certs, pkcs.Cert{Alias: alias, ID: sum[:], DER: cert.Raw})
		case !slices.ContainsFunc(file.Certs, func(c pkcs.Cert) bool { return bytes.Equal(c.DER, cert.Raw) }):
			file.Certs = append(file.Certs, pkcs.Cert{DER: cert.Raw})
		}
	}
	return nil
}

// aliasOf returns the friendly name of a key. Some files give it only to the key's certificate.
func aliasOf(file *pkcs.File, key pkcs.Key) string {
	if key.Alias == "" {
		if at := slices.IndexFunc(file.Certs, func(c pkcs.Cert) bool { return sharesID(c, key) }); at >= 0 {
			return file.Certs[at].Alias
		}
	}
	return key.Alias
}

func sharesID(cert pkcs.Cert, key pkcs.Key) bool {
	return len(key.ID) > 0 && bytes.Equal(cert.ID, key.ID)
}

func sameText(a, b string) bool { return a == b }

func keepMost(certs []*x509.Certificate) []*x509.Certificate {
	return certs[:min(len(certs), maxCerts)]
}
