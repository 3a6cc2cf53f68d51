package identity_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/identity"
)

// What is taken for a file of another kind is named, and the hint says what to do.
func TestAFileOfAnotherKindIsNamed(t *testing.T) {
	own := create(t, nil, identity.Options{CommonName: "own"})
	whole := exported(t, own)
	block, _ := pem.Decode(read(t, "leaf.pem"))
	request := certificateRequest(t)
	type reader func(data []byte) error
	var (
		p12 reader = func(data []byte) error {
			_, err := identity.FromPKCS12(data, "secret", identity.PKCS12Options{})
			return err
		}
		key reader = func(data []byte) error {
			_, err := identity.FromPEM(data, "secret")
			return err
		}
		certs reader = func(data []byte) error {
			_, err := identity.ParseCertificates(data)
			return err
		}
	)
	jks := append([]byte("\xfe\xed\xfe\xed\x00\x00\x00\x02"), make([]byte, 40)...)
	for name, c := range map[string]struct {
		read       reader
		data       []byte
		says, hint string
	}{
		"PEM as PKCS#12":              {p12, whole, "it is PEM, want PKCS#12", "--pem"},
		"JKS as PKCS#12":              {p12, jks, "Java key store (JKS)", "keytool"},
		"JCEKS as PKCS#12":            {p12, []byte("\xce\xce\xce\xce\x00\x00\x00\x02"), "Java key store (JCEKS)", "keytool"},
		"certificate as PKCS#12":      {p12, block.Bytes, "a certificate without its private key", "one PEM or PKCS#12 file"},
		"key as PKCS#12":              {p12, pkcs8(t), "a private key without its certificate", "PEM file"},
		"request as PKCS#12":          {p12, request, "a request for a certificate", "authority"},
		"nothing as PKCS#12":          {p12, nil, "it is empty", ""},
		"PKCS#12 as PEM":              {key, read(t, "modern.p12"), "it is PKCS#12", "--p12"},
		"JKS as PEM":                  {key, jks, "Java key store", "keytool"},
		"UTF-16 as PEM":               {key, inUTF16(string(whole)), "text in UTF-16", "UTF-8"},
		"OpenSSH as PEM":              {key, armoured("OPENSSH PRIVATE KEY"), "a key of OpenSSH", "ssh-keygen"},
		"PuTTY as PEM":                {key, []byte("PuTTY-User-Key-File-3: ssh-rsa\n"), "a key of PuTTY", "ssh-keygen"},
		"certificate alone as PEM":    {key, own.CertificatesPEM(), "there are 0 private keys", "one private key"},
		"DER certificate as PEM":      {key, block.Bytes, "a certificate without its private key", "one PEM or PKCS#12 file"},
		"PKCS#12 as certificates":     {certs, read(t, "modern.p12"), "it is PKCS#12", "--p12"},
		"PKCS#7 as certificates":      {certs, armoured("PKCS7"), "PKCS#7", "openssl pkcs7"},
		"request as certificates":     {certs, request, "a request for a certificate", "authority"},
		"PEM request as certificates": {certs, armoured("NEW CERTIFICATE REQUEST"), "a request for a certificate", "authority"},
		"UTF-16 as certificates":      {certs, inUTF16(string(whole)), "text in UTF-16", "UTF-8"},
		"key as certificates":         {certs, pkcs8(t), "a private key without its certificate", "PEM file"},
		"nothing as certificates":     {certs, []byte(" \n"), "it is empty", ""},
	} {
		t.Run(name, func(t *testing.T) {
			err := c.read(c.data)
			wantFault(t, err, fault.WrongFormat)
			if !strings.Contains(err.Error(), c.says) || !strings.Contains(fault.HintOf(err), c.hint) {
				t.Errorf("got %q, hint %q; want %q, hint %q", err, fault.HintOf(err), c.says, c.hint)
			}
		})
	}
}

// Editors on Windows begin files in UTF-8 with a mark, which nobody sees.
func TestAByteOrderMarkIsPassedOver(t *testing.T) {
	marked := func(data []byte) []byte { return append([]byte("\xef\xbb\xbf"), data...) }
	own := create(t, nil, identity.Options{CommonName: "own"})
	id, err := identity.FromPEM(marked(exported(t, own)), "")
	if err != nil || id.Fingerprint() != own.Fingerprint() {
		t.Errorf("identity: got %v, %v", id, err)
	}
	certs, err := identity.ParseCertificates(marked(own.CertificatesPEM()))
	if err != nil || len(certs) != 1 || !certs[0].Equal(own.Leaf()) {
		t.Errorf("certificates: got %v, %v", certs, err)
	}
}

// A key with which no handshake succeeds is no identity, wherever it comes from.
func TestKeysThatTLSDoesNotTakeAreRefused(t *testing.T) {
	t.Setenv("GODEBUG", "rsa1024min=0") // as older programs made them
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	small, err := rsa.GenerateKey(rand.Reader, 512)
	if err != nil {
		t.Fatal(err)
	}
	_, err = identity.Create(nil, identity.Options{CommonName: "x", Key: p224})
	wantFault(t, err, fault.Unsupported)
	if !strings.Contains(err.Error(), "P-224") {
		t.Errorf("got %q, want it to name P-224", err)
	}
	_, err = identity.Create(nil, identity.Options{CommonName: "x", Key: small})
	wantFault(t, err, fault.Unsupported)
	for _, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()} {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		create(t, nil, identity.Options{CommonName: "x", Key: key})
	}
}

func TestWeakIdentitiesAreWarnedOf(t *testing.T) {
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	good, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	weakRoot := create(t, nil, identity.Options{CommonName: "old root", Usage: identity.Issue, Key: small})
	sha1 := signedWithSHA1(t, good)
	for name, c := range map[string]struct {
		id   *identity.Identity
		want string
	}{
		"P-256":               {create(t, nil, identity.Options{CommonName: "x"}), ""},
		"RSA 2048":            {create(t, nil, identity.Options{CommonName: "x", Key: good}), ""},
		"RSA 1024":            {weakRoot, "has an RSA key of 1024 bits, and many peers refuse fewer than 2048"},
		"issued by RSA 1024":  {create(t, nil, identity.Options{CommonName: "x", Issuer: weakRoot}), "issuer old root: has an RSA key of 1024 bits"},
		"signed with SHA-1":   {sha1, "is signed with SHA-1, which most peers refuse"},
		"weak and soon to go": {create(t, nil, identity.Options{CommonName: "x", Key: small, Expires: now.Add(50 * time.Hour)}), "; has an RSA key"},
	} {
		if got := c.id.Warning(now); !strings.Contains(got, c.want) || (got == "") != (c.want == "") {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

func exported(t *testing.T, id *identity.Identity) []byte {
	t.Helper()
	data, err := id.ExportPEM("")
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func pkcs8(t *testing.T) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func certificateRequest(t *testing.T) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader,
		&x509.CertificateRequest{Subject: pkix.Name{CommonName: "x"}}, key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func armoured(kind string) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: []byte("something")})
}

func inUTF16(text string) []byte {
	var out bytes.Buffer
	out.WriteString("\xff\xfe")
	for _, unit := range utf16.Encode([]rune(text)) {
		out.Write([]byte{byte(unit), byte(unit >> 8)})
	}
	return out.Bytes()
}

// signedWithSHA1 makes an identity as old programs did. Its signature was made with SHA-256, and
// says that it was made with SHA-1: nobody verifies it here.
func signedWithSHA1(t *testing.T, key *rsa.PrivateKey) *identity.Identity {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "x"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	const sha256WithRSA, sha1WithRSA = "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b", "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05"
	cert, err := x509.ParseCertificate(bytes.ReplaceAll(der, []byte(sha256WithRSA), []byte(sha1WithRSA)))
	if err != nil {
		t.Fatal(err)
	}
	id, err := identity.FromKeyAndCerts(key, []*x509.Certificate{cert})
	if err != nil {
		t.Fatal(err)
	}
	return id
}
