package identity

import (
	"encoding/hex"
	"errors"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
)

// RenewBefore is the least remaining validity of an identity that [Anonymous] reuses.
const RenewBefore = 24 * time.Hour

// anonymousYears is the validity of an anonymous identity: longer than the life of a device.
const anonymousYears = 20

// AnonymousLabel returns the label of the anonymous identity of the database uuid.
func AnonymousLabel(uuid [16]byte) string { return "anonymous-" + hex.EncodeToString(uuid[:]) }

// Anonymous returns the self-signed identity of a database whose listener has no configured
// identity. It is valid for twenty years, uses P-256, and is kept in store under [AnonymousLabel].
// All callers, in other processes too, get the same identity. It gives encryption, not
// authentication.
//
// An identity that is not valid now, or has less than [RenewBefore] left, is renewed with its own
// key. Its former certificates stay in the chain: a peer that has pinned any of them still
// recognizes the listener.
func Anonymous(store Store, uuid [16]byte, now time.Time) (*Identity, error) {
	label := AnonymousLabel(uuid)
	old, err := store.Load(label)
	switch {
	case errors.Is(err, fault.NotFound):
		old = nil
	case err != nil:
		return nil, err
	case fresh(old, now):
		return old, nil
	}
	made, err := renewed(old, now)
	if err != nil {
		return nil, err
	}
	saveErr := store.Save(label, made, old)
	if saveErr == nil {
		return made.labelled(label), nil
	}
	// Another listener may have saved an identity first; use that one.
	if theirs, err := store.Load(label); err == nil && fresh(theirs, now) {
		return theirs, nil
	}
	return nil, saveErr
}

func fresh(id *Identity, now time.Time) bool {
	leaf := id.certs[0]
	return !now.Before(leaf.NotBefore) && leaf.NotAfter.Sub(now) >= RenewBefore
}

// renewed returns an anonymous identity that replaces old, which may be nil. It is valid whenever
// old was, so that a clock that jumps back and forth renews it only once in each direction.
func renewed(old *Identity, now time.Time) (*Identity, error) {
	subject := Options{CommonName: "Tandem anonymous peer"}
	from, to := now.Add(-backdate), now.AddDate(anonymousYears, 0, 0)
	if old == nil {
		key, err := newKey("")
		if err != nil {
			return nil, err
		}
		return subject.sign(key, from, to)
	}
	if begins := old.certs[0].NotBefore; begins.Before(from) {
		from = begins
	}
	if expires := old.certs[0].NotAfter; expires.After(to) {
		to = expires
	}
	made, err := subject.sign(old.key, from, to)
	if err != nil {
		return nil, err
	}
	return FromKeyAndCerts(old.key, keepMost(append(made.certs, old.certs...)))
}
