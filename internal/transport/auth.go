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

// Authenticator decides which clients a [Server] lets in: by password or by certificate.
// A nil one lets in everybody. Its functions run once for each connection, on any goroutine;
// a panic of theirs refuses the client.
type Authenticator struct {
	password func(user string, password []byte) bool
	chain    func(chain []*x509.Certificate) error // nil lets in
}

// Password lets in clients for whose name and password ok returns true. The bytes are
// exactly those sent; they are wiped when ok returns.
func Password(ok func(user string, password []byte) bool) *Authenticator {
	return &Authenticator{password: ok}
}

// StaticPassword lets in one user with one password, compared in constant time.
func StaticPassword(user, password string) *Authenticator {
	return Password(func(u string, p []byte) bool {
		sameUser := subtle.ConstantTimeCompare([]byte(u), []byte(user))
		return sameUser&subtle.ConstantTimeCompare(p, []byte(password)) == 1
	})
}

// ClientRoots lets in clients with a certificate that is in roots, or whose chain ends
// there. No other root counts. It needs TLS.
func ClientRoots(roots []*x509.Certificate) *Authenticator {
	trusted := x509.NewCertPool() // even if empty: never the system's
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

// ClientChain lets in clients for whose certificate chain, leaf first, ok returns true.
// Nothing else is checked but that the client has the leaf's key. It needs TLS.
func ClientChain(ok func(chain []*x509.Certificate) bool) *Authenticator {
	return &Authenticator{chain: func(chain []*x509.Certificate) error {
		if !ok(chain) {
			return errors.New("the listener's function said no")
		}
		return nil
	}}
}

// NeedsTLS reports an authenticator by certificate.
func (a *Authenticator) NeedsTLS() bool { return a != nil && a.chain != nil }

func (a *Authenticator) needsPassword() bool { return a != nil && a.password != nil }

// verify is the verdict on a client's chain.
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

// fingerprint renders the SHA-256 of a certificate in the form that people compare: pairs of
// digits with colons, as in package identity, which this one does not import.
func fingerprint(cert *x509.Certificate) string {
	sum := sha256.Sum256(cert.Raw)
	return strings.ReplaceAll(fmt.Sprintf("% X", sum), " ", ":")
}

// named renders a name that a client claims, so that it cannot play with whoever reads the log.
func named(name pkix.Name) string {
	text := strings.Map(printable, name.String())
	if len(text) > maxLogged {
		text = strings.ToValidUTF8(text[:maxLogged], "") + "…"
	}
	return strconv.Quote(text)
}

// maxLogged bounds the names of a client in the log, in bytes.
const maxLogged = 200

// admit checks an Authorization header, and returns the user's name.
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

// contained asks ok, and takes a panic for no. What a program panics with is not logged unless
// the runtime made it: it might hold the password.
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
