package identity

import (
	"encoding/hex"
	"errors"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
)

// RenewBefore is the validity that [Anonymous] wants left in an identity it reuses.
const RenewBefore = 24 * time.Hour

// anonymousYears is the validity of an anonymous identity: longer than a device lives.
const anonymousYears = 20

// AnonymousLabel returns the label of the anonymous identity of the database uuid.
func AnonymousLabel(uuid [16]byte) string { return "anonymous-" + hex.EncodeToString(uuid[:]) }

// Anonymous returns the self-signed identity of a database whose listener was given none: for
// twenty years, on P-256, kept in store under [AnonymousLabel]. All who ask, also in other
// processes, get the same one. It gives encryption, not authentication.
//
// An identity that is not valid now, or has less than [RenewBefore] left, is renewed with its
// own key, and its former certificates stay in the chain: a peer that has pinned any of them
// still recognizes the listener.
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
	// Another listener may have been first: then its identity is the one to use.
	if theirs, err := store.Load(label); err == nil && fresh(theirs, now) {
		return theirs, nil
	}
	return nil, saveErr
}

func fresh(id *Identity, now time.Time) bool {
	leaf := id.certs[0]
	return !now.Before(leaf.NotBefore) && leaf.NotAfter.Sub(now) >= RenewBefore
}

// renewed returns an anonymous identity that takes the place of old, which may be nil. It is
// valid whenever old was, so that a clock that jumps to and fro renews it once each way.
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
