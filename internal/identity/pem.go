package identity

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/pem"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/identity/pkcs"
)

// FromPEM returns the identity in PEM data: one private key (PKCS#8, encrypted or not, SEC 1,
// PKCS#1) and its certificates, in any order. Password opens an encrypted key and may be empty
// otherwise. The identity has no label and is not stored.
//
// It fails with [fault.WrongFormat] if something is missing or malformed, and with [fault.Crypto]
// if the password is wrong or no certificate belongs to the key.
func FromPEM(data []byte, password string) (*Identity, error) {
	const op = "read PEM identity"
	if len(data) > maxInput {
		return nil, tooLarge(op)
	}
	data = withoutBOM(data)
	id, err := fromPEM(op, data, password)
	return id, notA("PEM with a private key and its certificate", &formatPEM, data, err)
}

func fromPEM(op string, data []byte, password string) (*Identity, error) {
	certs, keys, err := parsePEM(op, data)
	if err != nil {
		return nil, err
	}
	if len(keys) != 1 {
		return nil, fault.WrongFormat.In(op, "").Says("there are %d private keys, want one", len(keys)).
			Try("give a PEM file with one private key and its certificates")
	}
	if _, err := someCerts(op, certs); err != nil {
		return nil, err
	}
	key, err := openPEMKey(op, keys[0], password)
	if err != nil {
		return nil, err
	}
	return FromKeyAndCerts(key, arrange(certs, key.Public(), true))
}

// ExportPEM returns the identity as PEM: the certificates, leaf first, and the key as PKCS#8,
// encrypted under password. With an empty password, everyone who sees the bytes can read the key.
// It fails with [fault.Unsupported] if the key cannot leave its device.
func (id *Identity) ExportPEM(password string) ([]byte, error) {
	return id.exportPEM("export identity", password, 0)
}

func (id *Identity) exportPEM(op, password string, rounds int) ([]byte, error) {
	der, err := id.pkcs8(op)
	if err != nil {
		return nil, err
	}
	block := &pem.Block{Type: "PRIVATE KEY", Bytes: der}
	if password != "" {
		if der, err = pkcs.EncryptKey(der, password, rounds); err != nil {
			return nil, fault.Crypto.In(op, id.label).Because(err)
		}
		block = &pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: der}
	}
	return append(id.CertificatesPEM(), pem.EncodeToMemory(block)...), nil
}

// CertificatesPEM returns the certificates without the key as PEM, leaf first, for peers that use
// them as roots or pin them.
func (id *Identity) CertificatesPEM() []byte {
	var out bytes.Buffer
	for _, cert := range id.certs {
		out.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}))
	}
	return out.Bytes()
}

func (id *Identity) pkcs8(op string) ([]byte, error) {
	if !id.exportable() {
		return nil, fault.Unsupported.In(op, id.label).Says("the private key cannot leave its device").
			Try("keep such an identity in memory, and build it from the device at each start")
	}
	der, err := x509.MarshalPKCS8PrivateKey(id.key)
	if err != nil {
		return nil, fault.Crypto.In(op, id.label).Because(err)
	}
	return der, nil
}

func openPEMKey(op string, block *pem.Block, password string) (crypto.Signer, error) {
	der := block.Bytes
	if x509.IsEncryptedPEMBlock(block) { //nolint:staticcheck // old files are read, never written
		var err error
		der, err = x509.DecryptPEMBlock(block, []byte(password)) //nolint:staticcheck // as above
		if err != nil {
			return nil, fault.Crypto.In(op, "").Says("wrong password").Because(err)
		}
	}
	switch block.Type {
	case "ENCRYPTED PRIVATE KEY":
		plain, err := pkcs.DecryptKey(der, password)
		if err != nil {
			return nil, within(op, "", err)
		}
		key, err := parsePKCS8(op, plain)
		if err != nil { // a wrong password sometimes passes the padding check
			return nil, fault.Crypto.In(op, "").Says("wrong password, or the key is damaged")
		}
		return key, nil
	case "EC PRIVATE KEY":
		key, err := x509.ParseECPrivateKey(der)
		return key, malformedKey(op, err)
	case "RSA PRIVATE KEY":
		key, err := x509.ParsePKCS1PrivateKey(der)
		return key, malformedKey(op, err)
	}
	return parsePKCS8(op, der)
}
