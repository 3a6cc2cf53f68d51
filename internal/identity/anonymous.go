package identity

import (
	"encoding/hex"
	"errors"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
)

// RenewBefore is the validity that [Anonymous] wants left in an identity it reuses.
const RenewBefore = 24 * time.Hour

// AnonymousLabel returns the label of the anonymous identity of the database uuid.
func AnonymousLabel(uuid [16]byte) string { return "anonymous-" + hex.EncodeToString(uuid[:]) }

// Anonymous returns the self-signed identity of a database whose listener was given none:
// for one year, on P-256, kept in store under [AnonymousLabel]. It is made when it is
// missing or has less than [RenewBefore] left. All who ask, also in other processes, get
// the same one. It gives encryption, not authentication.
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
	made, err := createAt(nil, Options{CommonName: "Tandem anonymous peer"}, now)
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
