package joining

import (
	"context"
	"crypto/hmac"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"net/netip"
	"sync"
	"time"
)

// Desk is who decides about a device that has proved a code.
type Desk interface {
	// Keys returns the keys of all codes that are remembered, those that have ended included.
	Keys() []Key
	// Grant makes the owner of the certificate's key a member, and stores that before it returns. It
	// says why not by [Grant].Ended.
	Grant(ctx context.Context, key Key, joiner *x509.Certificate, name string) *Grant
}

// Time for a joiner's message, after the handshake.
const patience = 10 * time.Second

// ErrWrongProof reports that a device has proved no code.
var ErrWrongProof = errors.New("it has not proved a code")

// Answer answers a joiner after the TLS handshake, in which this end has shown own. The caller closes
// conn. A wrong proof is refused with an answer while limit allows it, and then in silence.
func Answer(ctx context.Context, conn *tls.Conn, own *x509.Certificate, desk Desk, limit *Limit, from netip.Addr) error {
	_ = conn.SetDeadline(time.Now().Add(patience)) // fails only on a dead connection, as the next read does
	b, err := bind(conn, own, false)
	if err != nil {
		return err
	}
	var r request
	if err := readMessage(conn, maxRequest, &r); err != nil {
		return err
	}
	key, ok := find(desk.Keys(), b, r.Proof)
	if !ok {
		if limit.allow(time.Now(), from) {
			_ = writeMessage(conn, answer{}) // the joiner may have gone
		}
		return ErrWrongProof
	}
	text, err := json.Marshal(desk.Grant(ctx, key, conn.ConnectionState().PeerCertificates[0], r.Name))
	if err != nil {
		return err
	}
	return writeMessage(conn, answer{Proof: key.inviterProof(b, text), Grant: text})
}

// find returns the key that a proof was made with. It tries all, so that the time tells nothing.
func find(keys []Key, b binding, proof []byte) (found Key, ok bool) {
	for _, key := range keys {
		if hmac.Equal(proof, key.joinerProof(b)) {
			found, ok = key, true
		}
	}
	return found, ok
}

// Limit bounds the answers to wrong proofs: ten a second in all, one a second for an address. Right
// proofs are never held up. The zero Limit is ready to use, from any goroutine.
type Limit struct {
	mu    sync.Mutex
	since time.Time // of the running second
	all   int       // answers in it
	of    map[netip.Addr]bool
	wrong uint64
}

const answersPerSecond = 10

// Wrong returns how many wrong proofs there were.
func (l *Limit) Wrong() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.wrong
}

func (l *Limit) allow(now time.Time, from netip.Addr) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wrong++
	if l.of == nil || now.Sub(l.since) >= time.Second {
		l.since, l.all, l.of = now, 0, make(map[netip.Addr]bool)
	}
	if l.all >= answersPerSecond || l.of[from] {
		return false
	}
	l.all++
	l.of[from] = true
	return true
}
