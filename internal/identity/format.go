package identity

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"strings"

	"github.com/tandemdb/tandem/internal/fault"
)

// format is a kind of file that people confuse with the accepted one.
type format struct {
	name string // "a Java key store"
	hint string // what to do with it
}

// Formats that Tandem cannot read, and formats that another function reads.
var (
	formatJKS = format{
		"a Java key store (JKS)",
		"convert it: keytool -importkeystore -srckeystore FILE -destkeystore FILE.p12 -deststoretype pkcs12",
	}
	formatJCEKS   = format{"a Java key store (JCEKS)", formatJKS.hint}
	formatUTF16   = format{"text in UTF-16", "save it as UTF-8, or as ASCII"}
	formatOpenSSH = format{"a key of OpenSSH", "convert it: ssh-keygen -p -m PKCS8 -f FILE, and add its certificate"}
	formatPuTTY   = format{"a key of PuTTY", "export it as an OpenSSH key, and convert that with ssh-keygen -p -m PKCS8 -f FILE"}
	formatPKCS7   = format{"PKCS#7, certificates without a key", "convert it: openssl pkcs7 -print_certs -in FILE -out FILE.pem"}
	formatRequest = format{"a request for a certificate", "give the certificate that the authority made of it"}

	formatPEM    = format{"PEM", "read it as PEM (tandem identity import LABEL --pem FILE)"}
	formatPKCS12 = format{"PKCS#12", "read it as PKCS#12 (tandem identity import LABEL --p12 FILE)"}
	formatKey    = format{"a private key without its certificate", "put key and certificates into one PEM file"}
	formatCert   = format{"a certificate without its private key", "put key and certificates into one PEM or PKCS#12 file"}
)

// formatOf recognizes the format of data; nil means an unknown format.
func formatOf(data []byte) *format {
	begins := func(prefix string) bool { return bytes.HasPrefix(data, []byte(prefix)) }
	switch {
	case begins("\xfe\xed\xfe\xed"):
		return &formatJKS
	case begins("\xce\xce\xce\xce"):
		return &formatJCEKS
	case begins("\xff\xfe"), begins("\xfe\xff"):
		return &formatUTF16
	case begins("PuTTY-User-Key-File"):
		return &formatPuTTY
	case bytes.Contains(data, []byte("-----BEGIN ")):
		return pemFormat(data)
	}
	return derFormat(data)
}

// pemFormat names the format of PEM data, if all its blocks are of one kind that has a name.
func pemFormat(data []byte) *format {
	block, _ := pem.Decode(data)
	switch {
	case block == nil:
		return &formatPEM
	case block.Type == "OPENSSH PRIVATE KEY":
		return &formatOpenSSH
	case block.Type == "PKCS7":
		return &formatPKCS7
	case strings.HasSuffix(block.Type, "CERTIFICATE REQUEST"):
		return &formatRequest
	}
	return &formatPEM
}

var oidPKCS7 = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}

func derFormat(data []byte) *format {
	var pkcs7 struct {
		Type    asn1.ObjectIdentifier
		Content asn1.RawValue `asn1:"optional"`
	}
	var pkcs12 struct {
		Version  int
		AuthSafe asn1.RawValue
		MAC      asn1.RawValue `asn1:"optional"`
	}
	_, notPKCS7 := asn1.Unmarshal(data, &pkcs7)
	_, notPKCS12 := asn1.Unmarshal(data, &pkcs12)
	_, notPKCS8 := x509.ParsePKCS8PrivateKey(data)
	_, notPKCS1 := x509.ParsePKCS1PrivateKey(data)
	_, notSEC1 := x509.ParseECPrivateKey(data)
	_, notCert := x509.ParseCertificate(data)
	_, notRequest := x509.ParseCertificateRequest(data)
	switch {
	case notPKCS7 == nil && pkcs7.Type.Equal(oidPKCS7):
		return &formatPKCS7
	case notPKCS12 == nil && pkcs12.Version == 3:
		return &formatPKCS12
	case notPKCS8 == nil, notPKCS1 == nil, notSEC1 == nil:
		return &formatKey
	case notCert == nil:
		return &formatCert
	case notRequest == nil:
		return &formatRequest
	}
	return nil
}

// notA adds to err the format of data, if that is a known format other than the accepted one.
// wanted names the accepted content in the message.
func notA(wanted string, accepted *format, data []byte, err error) error {
	if !errors.Is(err, fault.WrongFormat) && !errors.Is(err, fault.Unsupported) {
		return err
	}
	f, found := fault.Of(err), formatOf(data)
	switch {
	case len(bytes.TrimSpace(data)) == 0:
		return fault.WrongFormat.In(f.Op, f.Subject).Says("it is empty, want %s", wanted)
	case found == nil || found == accepted:
		return err
	}
	return fault.WrongFormat.In(f.Op, f.Subject).Says("it is %s, want %s", found.name, wanted).Try(found.hint)
}

// withoutBOM returns data without the byte order mark that some editors write at the start of
// UTF-8.
func withoutBOM(data []byte) []byte { return bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")) }
