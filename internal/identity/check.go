package identity

import (
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
)

// WarnBefore is the remaining validity from which an expiring identity is worth a warning.
const WarnBefore = 30 * 24 * time.Hour

// Check reports why id cannot serve the uses at the time now: [fault.CertExpired] if it has expired
// or is not yet valid, [fault.Crypto] if its certificate excludes a use. A certificate that names
// no use is good for Server and Client.
func (id *Identity) Check(uses Usage, now time.Time) error {
	leaf, op := id.certs[0], "use identity"
	switch {
	case now.Before(leaf.NotBefore):
		return fault.CertExpired.In(op, id.label).Says("the certificate is not valid before %s", stamp(leaf.NotBefore)).
			Try("check the clock of this machine")
	case now.After(leaf.NotAfter):
		return fault.CertExpired.In(op, id.label).Says("the certificate expired at %s", stamp(leaf.NotAfter)).
			Try("create or import a new identity")
	case uses&Server != 0 && !allows(leaf, x509.ExtKeyUsageServerAuth):
		return fault.Crypto.In(op, id.label).Says("the certificate is not for server authentication").
			Try("use one that is: tandem identity create LABEL --usage server")
	case uses&Client != 0 && !allows(leaf, x509.ExtKeyUsageClientAuth):
		return fault.Crypto.In(op, id.label).Says("the certificate is not for client authentication").
			Try("use one that is: tandem identity create LABEL --usage client")
	case uses&Issue != 0 && !id.mayIssue():
		return fault.Crypto.In(op, id.label).Says("the certificate is not for signing others").
			Try("use one that is: tandem identity create LABEL --usage issuer")
	}
	return nil
}

// Warning describes, for people, what is wrong with id, in a form that continues "the certificate
// …". It reports that the certificate has expired, is not valid yet, or expires within
// [WarnBefore], and that its keys or signatures are too weak for many peers. If nothing is wrong,
// Warning returns "".
func (id *Identity) Warning(now time.Time) string {
	warnings := id.weaknesses()
	if text := id.dateWarning(now); text != "" {
		warnings = slices.Insert(warnings, 0, text)
	}
	return strings.Join(warnings, "; ")
}

func (id *Identity) dateWarning(now time.Time) string {
	leaf := id.certs[0]
	left := leaf.NotAfter.Sub(now)
	switch {
	case left < 0:
		return "expired at " + stamp(leaf.NotAfter)
	case now.Before(leaf.NotBefore):
		return "is not valid before " + stamp(leaf.NotBefore)
	case left < WarnBefore:
		return "expires " + soon(left) + ", at " + stamp(leaf.NotAfter)
	}
	return ""
}

// soon returns the time left in full hours or, from two days on, in full days.
func soon(left time.Duration) string {
	switch hours := int(left.Hours()); {
	case hours == 0:
		return "within the hour"
	case hours == 1:
		return "in 1 hour"
	case hours < 48:
		return fmt.Sprintf("in %d hours", hours)
	default:
		return fmt.Sprintf("in %d days", hours/24)
	}
}

func allows(cert *x509.Certificate, use x509.ExtKeyUsage) bool {
	if len(cert.ExtKeyUsage) == 0 && len(cert.UnknownExtKeyUsage) == 0 {
		return true
	}
	return slices.Contains(cert.ExtKeyUsage, use) || slices.Contains(cert.ExtKeyUsage, x509.ExtKeyUsageAny)
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
