package tandem

import (
	"crypto/tls"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/identity"
)

// TLSIdentity returns the identity in use, nil while the listener is not running or speaks
// clear text.
func (l *URLEndpointListener) TLSIdentity() *TLSIdentity {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.identity
}

// SetTLSIdentity replaces the identity for new connections. The port stays the same. If it fails,
// the old identity stays in use: with [ErrInvalid] if the listener speaks clear text or id is nil,
// with [ErrNotOpen] if the listener is not running, with [ErrCertExpired] if id is not valid now,
// and with [ErrCrypto] if id is not for servers.
func (l *URLEndpointListener) SetTLSIdentity(id *TLSIdentity) error {
	const op = "replace identity"
	l.starting.Lock()
	defer l.starting.Unlock()
	switch {
	case l.running() == nil:
		return fault.NotOpen.In(op, "").Says("the listener is not running").Try("start the listener before")
	case l.withoutTLS():
		return fault.Invalid.In(op, "").Says("the listener has no TLS").Try("leave DisableTLS false in its configuration")
	case id == nil || len(id.Certificates()) == 0:
		return fault.Invalid.In(op, "").Says("there is no identity").Try("take an identity of CreateIdentity or GetIdentity")
	}
	if err := id.Check(ServerUsage, time.Now()); err != nil {
		return err
	}
	return l.replaceIdentity(id, false)
}

// chooseIdentity returns the identity to start with, nil without TLS.
func (l *URLEndpointListener) chooseIdentity() (*TLSIdentity, error) {
	switch {
	case l.withoutTLS():
		return nil, nil
	case l.cfg.TLSIdentity == nil:
		return l.anonymousIdentity()
	}
	return l.cfg.TLSIdentity, l.cfg.TLSIdentity.Check(ServerUsage, time.Now())
}

// withoutTLS reports a listener that does no TLS itself.
func (l *URLEndpointListener) withoutTLS() bool { return l.cfg.DisableTLS || l.cfg.DisablePort }

// anonymousIdentity returns the anonymous identity of the first database.
func (l *URLEndpointListener) anonymousIdentity() (*TLSIdentity, error) {
	return AnonymousIdentity(l.cfg.IdentityStore, l.databases[0].db)
}

func certificateOf(id *TLSIdentity) *tls.Certificate {
	if id == nil {
		return nil
	}
	cert := id.TLSCertificate()
	return &cert
}

// use makes id the identity in use, and schedules its checks. The caller holds starting.
func (l *URLEndpointListener) use(id *TLSIdentity, anonymous bool) {
	if id == nil {
		return
	}
	l.mu.Lock()
	l.identity = id
	l.mu.Unlock()
	l.anonymous, l.warned = anonymous, time.Time{}
	l.lookAfterIdentity(time.Second)
}

// replaceIdentity changes the identity of a running listener, also where it is advertised;
// starting is held.
func (l *URLEndpointListener) replaceIdentity(id *TLSIdentity, anonymous bool) error {
	l.running().SetCertificate(certificateOf(id))
	l.use(id, anonymous)
	l.stopAdvertising()
	return l.advertise()
}

const (
	identityInterval = time.Hour // between two looks at the identity in use, at most
	warningInterval  = 24 * time.Hour
)

// lookAfterIdentity warns of an identity that expires soon and will not be renewed, and has it
// looked at again later, after the time least or more; starting is held.
func (l *URLEndpointListener) lookAfterIdentity(least time.Duration) {
	id, now := l.TLSIdentity(), time.Now()
	text := id.Warning(now)
	if text != "" && !l.anonymous && l.cfg.Logger != nil && now.Sub(l.warned) >= warningInterval {
		l.warned = now
		l.cfg.Logger.Warn("listener: the certificate "+text, "fingerprint", id.Fingerprint())
	}
	renewal := id.Expiration().Add(-identity.RenewBefore).Sub(now) + time.Second
	delay := max(least, min(renewal, identityInterval))
	if l.upkeep == nil {
		l.upkeep = time.AfterFunc(delay, l.keepIdentity)
		return
	}
	l.upkeep.Reset(delay)
}

// keepIdentity renews an anonymous identity before it expires, or warns that another does.
func (l *URLEndpointListener) keepIdentity() {
	l.starting.Lock()
	defer l.starting.Unlock()
	if l.running() == nil {
		return
	}
	if l.anonymous {
		if err := l.renewIdentity(); err != nil && l.cfg.Logger != nil {
			l.cfg.Logger.Warn("listener: the anonymous identity is not renewed", "error", err)
		}
	}
	l.lookAfterIdentity(time.Minute)
}

func (l *URLEndpointListener) renewIdentity() error {
	id, err := l.anonymousIdentity()
	if err != nil || id.Fingerprint() == l.TLSIdentity().Fingerprint() {
		return err
	}
	return l.replaceIdentity(id, true)
}
