package identity

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/tandemdb/tandem/internal/fault"
)

// Fingerprint returns the SHA-256 of a certificate's DER form as 32 upper-case hexadecimal pairs
// with colons between them: "9F:86:D0:…". Tandem shows fingerprints only in this form.
func Fingerprint(cert *x509.Certificate) string {
	sum := sha256.Sum256(cert.Raw)
	pairs := make([]string, len(sum))
	for i, b := range sum {
		pairs[i] = fmt.Sprintf("%02X", b)
	}
	return strings.Join(pairs, ":")
}

// ParseFingerprint parses a fingerprint that a person typed, and returns the SHA-256: in either
// case, with or without colons and spaces, and with an optional prefix "SHA256:" or "SHA256
// Fingerprint=". It fails with [fault.Invalid] if text is not 32 hexadecimal pairs.
func ParseFingerprint(text string) ([]byte, error) {
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
