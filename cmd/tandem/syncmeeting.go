package main

import (
	"crypto/x509"
	"sync"

	"github.com/tandemdb/tandem"
)

// firstMeeting is the certificate of a peer that the database has not met before. The database
// remembers the certificate once the peer has let it in.
type firstMeeting struct {
	mu          sync.Mutex // guards the following
	fingerprint string     // of the certificate; "" before the meeting, and when it was told
}

// trust accepts the certificate.
func (m *firstMeeting) trust(cert *x509.Certificate) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fingerprint = tandem.Fingerprint(cert)
	return true
}

// tell prints once that the database trusts the certificate.
func (m *firstMeeting) tell(a *app) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fingerprint != "" {
		a.note("trusted from now on: the peer's certificate %s", m.fingerprint)
		m.fingerprint = ""
	}
}
