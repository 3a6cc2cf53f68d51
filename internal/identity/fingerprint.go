package identity

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"strings"

	"github.com/tandemdb/tandem/internal/fault"
)

// Fingerprint returns the SHA-256 of a certificate's DER form as 32 upper-case hexadecimal
// pairs with colons between them, the one form used everywhere: "9F:86:D0:…".
func Fingerprint(cert *x509.Certificate) string { return FingerprintDER(cert.Raw) }

// FingerprintDER is [Fingerprint] of a certificate that was not parsed.
func FingerprintDER(der []byte) string {
	sum := sha256.Sum256(der)
	return format(sum[:])
}

func format(sum []byte) string {
	const digits = "0123456789ABCDEF"
	text := make([]byte, 0, 3*len(sum)-1)
	for i, b := range sum {
		if i > 0 {
			text = append(text, ':')
		}
		text = append(text, digits[b>>4], digits[b&15])
	}
	return string(text)
}

// ParseFingerprint brings a fingerprint that a person typed into the form of [Fingerprint]:
// either case, with or without colons, spaces, and a "SHA256:" or "SHA256 Fingerprint=" in
// front. It fails with [fault.Invalid] when it is not 32 hexadecimal pairs.
func ParseFingerprint(text string) (string, error) {
	sum, err := FingerprintBytes(text)
	if err != nil {
		return "", err
	}
	return format(sum), nil
}

// FingerprintBytes is [ParseFingerprint] that gives the SHA-256 itself.
func FingerprintBytes(text string) ([]byte, error) {
	digits := strings.ToUpper(strings.TrimSpace(text))
	for _, prefix := range []string{"SHA256 FINGERPRINT=", "SHA256:", "SHA-256:"} {
		digits = strings.TrimPrefix(digits, prefix)
	}
	digits = strings.NewReplacer(":", "", " ", "").Replace(digits)
	sum, err := hex.DecodeString(digits)
	if err != nil || len(sum) != sha256.Size {
		return nil, fault.Invalid.In("read fingerprint", "").Says("not a SHA-256 fingerprint").
			Try("give 32 hexadecimal pairs, such as tandem identity show prints them")
	}
	return sum, nil
}
