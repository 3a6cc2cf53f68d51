package transport

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/tandemdb/tandem/internal/fault"
)

// Authenticator decides which clients a [Server] accepts: by password or by certificate. A nil
// Authenticator accepts everybody. Its function runs once for each connection, on any goroutine. If
// the function panics, the client is refused.
type Authenticator struct {
	password func(user string, password []byte) bool
	chain    func(chain []*x509.Certificate) error // accepts the client by returning nil
}

// Password accepts clients for whose name and password ok returns true. The bytes are exactly those
// sent; they are wiped when ok returns.
func Password(ok func(user string, password []byte) bool) *Authenticator {
	return &Authenticator{password: ok}
}

// StaticPassword accepts one user with one password. It compares in constant time.
func StaticPassword(user, password string) *Authenticator {
	return Password(func(u string, p []byte) bool {
		sameUser := subtle.ConstantTimeCompare([]byte(u), []byte(user))
		return sameUser&subtle.ConstantTimeCompare(p, []byte(password)) == 1
	})
}

// ClientRoots accepts clients whose certificate is in roots, or whose chain ends there. Other roots
// do not count. It needs TLS.
func ClientRoots(roots []*x509.Certificate) *Authenticator {
	trusted := x509.NewCertPool() // never the system's roots, even if roots is empty
	for _, root := range roots {
		trusted.AddCert(root)
	}
	return &Authenticator{chain: func(chain []*x509.Certificate) error {
		_, err := chain[0].Verify(x509.VerifyOptions{
			Roots: trusted, Intermediates: pool(chain[1:]), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		})
		return err
	}}
}

// ClientChain accepts clients for whose certificate chain, leaf first, ok returns true. Apart from
// ok, the server checks only that the client has the leaf's key. It needs TLS.
func ClientChain(ok func(chain []*x509.Certificate) bool) *Authenticator {
	return &Authenticator{chain: func(chain []*x509.Certificate) error {
		if !ok(chain) {
			return errors.New("the listener's function said no")
		}
		return nil
	}}
}

// ClientVerified accepts clients about whose certificate chain, leaf first, verify has no objection.
// Apart from verify, the server checks only that the client has the leaf's key. It needs TLS.
func ClientVerified(verify func(chain []*x509.Certificate) error) *Authenticator {
	return &Authenticator{chain: verify}
}

// NeedsTLS reports whether a authenticates by certificate.
func (a *Authenticator) NeedsTLS() bool { return a != nil && a.chain != nil }

func (a *Authenticator) needsPassword() bool { return a != nil && a.password != nil }

// verify decides about a client's chain.
func (a *Authenticator) verify(log *slog.Logger, chain []*x509.Certificate) error {
	if len(chain) == 0 {
		return fault.CertRequired
	}
	reason := errors.New("the function that decides has failed")
	if contained(log, func() bool { reason = a.chain(chain); return reason == nil }) {
		return nil
	}
	leaf := chain[0]
	return fault.CertRejected.Says("the client's certificate was refused (%s, issued by %s, fingerprint %s)",
		named(leaf.Subject), named(leaf.Issuer), fingerprint(leaf)).Because(reason)
}

// fingerprint returns the SHA-256 of a certificate in the form that people compare: pairs of digits
// with colons. Package identity has the same form; this package does not import it.
func fingerprint(cert *x509.Certificate) string {
	sum := sha256.Sum256(cert.Raw)
	return strings.ReplaceAll(fmt.Sprintf("% X", sum), " ", ":")
}

// named returns a client's claimed name in quotes, without characters that could mislead readers of
// the log.
func named(name pkix.Name) string {
	text := strings.Map(printable, name.String())
	if len(text) > maxLogged {
		text = strings.ToValidUTF8(text[:maxLogged], "") + "…"
	}
	return strconv.Quote(text)
}

// maxLogged bounds the names of a client in the log, in bytes.
const maxLogged = 200

// admit checks an Authorization header and returns the user's name.
func (a *Authenticator) admit(log *slog.Logger, header string) (user string, ok bool) {
	scheme, encoded, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Basic") {
		return "", false
	}
	decoded, err := base64.StdEncoding.DecodeString(strings.TrimSpace(encoded))
	if err != nil {
		return "", false
	}
	defer clear(decoded)
	name, password, found := bytes.Cut(decoded, []byte(":"))
	return string(name), found && contained(log, func() bool { return a.password(string(name), password) })
}

// contained calls ok and treats a panic as false. It logs the value of the panic only if the
// runtime made it: a program's own value might contain the password.
func contained(log *slog.Logger, ok func() bool) (yes bool) {
	defer func() {
		r := recover()
		if r == nil {
			return
		}
		reason := fmt.Sprintf("%T", r)
		if err, isRuntime := r.(runtime.Error); isRuntime {
			reason = err.Error()
		}
		log.Error("the authenticator panicked", "panic", reason, "stack", string(debug.Stack()))
		yes = false
	}()
	return ok()
}
