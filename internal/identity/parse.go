package identity

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"

	"github.com/tandemdb/tandem/internal/fault"
)

// maxInput bounds every file of certificates and keys, in bytes.
const maxInput = 1 << 20

// ParseCertificates parses all certificates in data, which is PEM, DER (one after another), or the
// Base64 of either. It skips PEM blocks of other types. It fails with [fault.WrongFormat] if data
// has no certificate or a malformed one.
func ParseCertificates(data []byte) ([]*x509.Certificate, error) {
	const op = "read certificates"
	if len(data) > maxInput {
		return nil, tooLarge(op)
	}
	data = fromBase64(withoutBOM(data))
	certs, err := parseCertificates(op, data)
	return certs, notA("certificates", &formatPEM, data, err)
}

func parseCertificates(op string, data []byte) ([]*x509.Certificate, error) {
	if !bytes.Contains(data, []byte("-----BEGIN ")) {
		certs, err := x509.ParseCertificates(data)
		if err != nil {
			return nil, fault.WrongFormat.In(op, "").Because(err).Try("give certificates in PEM, DER or Base64")
		}
		return someCerts(op, certs)
	}
	certs, _, err := parsePEM(op, data)
	if err != nil {
		return nil, err
	}
	return someCerts(op, certs)
}

// decodeBase64 decodes standard Base64 with or without padding, white space and line ends. It fails
// with [fault.WrongFormat].
func decodeBase64(text []byte) ([]byte, error) {
	packed := bytes.TrimRight(bytes.Join(bytes.Fields(text), nil), "=")
	data, err := base64.RawStdEncoding.DecodeString(string(packed))
	if err != nil {
		return nil, fault.WrongFormat.In("read Base64", "").Because(err)
	}
	return data, nil
}

// fromBase64 decodes data if it begins like the Base64 of DER ("M") or of PEM ("LS0t"). Otherwise
// it returns data.
func fromBase64(data []byte) []byte {
	text := bytes.TrimSpace(data)
	if !bytes.HasPrefix(text, []byte("M")) && !bytes.HasPrefix(text, []byte("LS0t")) {
		return data
	}
	if decoded, err := decodeBase64(text); err == nil {
		return decoded
	}
	return data
}

func someCerts(op string, certs []*x509.Certificate) ([]*x509.Certificate, error) {
	if len(certs) == 0 {
		return nil, fault.WrongFormat.In(op, "").Says("there is no certificate")
	}
	return certs, nil
}

// parsePEM returns the certificates of data, and the blocks with private keys.
func parsePEM(op string, data []byte) (certs []*x509.Certificate, keys []*pem.Block, err error) {
	for {
		var block *pem.Block
		block, data = pem.Decode(data)
		if block == nil {
			return certs, keys, nil
		}
		switch block.Type {
		case "CERTIFICATE", "X509 CERTIFICATE":
			cert, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				return nil, nil, fault.WrongFormat.In(op, "").Because(err)
			}
			certs = append(certs, cert)
		case "PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY":
			keys = append(keys, block)
		}
	}
}

func parsePKCS8(op string, der []byte) (crypto.Signer, error) {
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, malformedKey(op, err)
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fault.Unsupported.In(op, "").Says("the private key cannot sign")
	}
	return signer, nil
}

// malformedKey wraps the error of a key's parser; nil stays nil.
func malformedKey(op string, err error) error {
	if err == nil {
		return nil
	}
	return fault.WrongFormat.In(op, "").Says("malformed private key").Because(err)
}

// within adds the operation and the label to an error of a lower layer.
func within(op, label string, err error) error {
	if f := fault.Of(err); f != nil {
		return f.In(op, label)
	}
	return fault.Unexpected.In(op, label).Because(err)
}

func tooLarge(op string) error {
	return fault.WrongFormat.In(op, "").Says("larger than %d bytes", maxInput)
}
