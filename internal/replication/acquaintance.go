package replication

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tandemdb/tandem/internal/store"
)

// The application protocols that a session can speak, named as WebSocket subprotocols.
const (
	CBMobile3 = "BLIP_3+CBMobile_3" // revision trees
	CBMobile4 = "BLIP_3+CBMobile_4" // version vectors
)

// Protocols lists the subprotocols that suit a database and the requested directions, best first.
func Protocols(versioning store.Versioning, pull bool) []string {
	switch {
	case versioning == store.Both:
		return []string{CBMobile4, CBMobile3}
	case versioning == store.VersionVectors:
		return []string{CBMobile4}
	case pull:
		return []string{CBMobile3}
	default:
		return []string{CBMobile4, CBMobile3}
	}
}

// Acquaintance decides which protocols a database of both generations offers to a remote. Some releases of
// Sync Gateway 3 accept the fourth protocol and speak the third. The database remembers such a remote until
// the remote names itself otherwise, at most for a day. Its methods are for the goroutine that connects.
type Acquaintance struct {
	db     *store.DB
	remote string
	server string      // as the remote names itself now
	doubts atomic.Bool // whether the remote speaks the fourth protocol, which it has accepted
}

// NewAcquaintance returns the acquaintance with the remote of that URL.
func NewAcquaintance(db *store.DB, remote string) *Acquaintance {
	return &Acquaintance{db: db, remote: remote}
}

// pretense is what the database remembers of a remote that accepts the fourth protocol and does not speak it.
type pretense struct {
	Server string    `json:"server"` // as it named itself
	Noted  time.Time `json:"noted"`
}

// pretensesLast is how long a database believes a remote that does not name its release: it may have been
// updated since.
const pretensesLast = 24 * time.Hour

//nolint:gochecknoglobals // constant
var pretenses = records[pretense]{"accepts the fourth protocol, speaks the third"}

// ErrSpeaksTrees ends a session with a remote that has accepted the fourth protocol and refuses versions.
// Nothing has been stored by then, and another session follows at once.
var ErrSpeaksTrees = errors.New("the peer accepts the protocol of version vectors, and speaks that of revision trees")

// Offers lists the protocols to offer, best first. Databases of one generation have no choice.
func (a *Acquaintance) Offers(ctx context.Context, pulls bool) ([]string, error) {
	if a.db.Versioning() != store.Both {
		return Protocols(a.db.Versioning(), pulls), nil
	}
	known, _, err := a.read(ctx)
	if err != nil {
		return nil, err
	}
	if known != nil {
		return []string{CBMobile3, CBMobile4}, nil
	}
	return Protocols(store.Both, pulls), nil
}

// Met takes what a remote has chosen of the offer, and how it names itself. again means that the connection
// must be closed before its first message, and another one made with a new offer. The error means that there is no protocol in common.
func (a *Acquaintance) Met(ctx context.Context, protocol, server string) (again bool, err error) {
	pretends := protocol == CBMobile4 && isOldGateway(server)
	a.server = server
	a.doubts.Store(false)
	switch {
	case pretends && a.db.Versioning() == store.VersionVectors:
		return false, ErrSpeaksTrees
	case a.db.Versioning() != store.Both:
		return false, nil
	}
	known, now, err := a.read(ctx)
	switch {
	case err != nil:
		return false, err
	case known == nil && pretends:
		return true, a.note(ctx)
	case known == nil:
		a.doubts.Store(protocol == CBMobile4 && !namesItself(server))
		return false, nil
	case protocol == CBMobile4: // it does not know the third one any more
		return false, a.forget(ctx)
	case known.Server != server || now.Sub(known.Noted) > pretensesLast:
		return true, a.forget(ctx)
	}
	return false, nil
}

// isSound says that the remote has answered in the protocol that it has accepted.
func (a *Acquaintance) isSound() {
	if a != nil {
		a.doubts.Store(false)
	}
}

// isMistaken notes that the remote refuses versions, if that is news.
func (a *Acquaintance) isMistaken(ctx context.Context) (bool, error) {
	if a == nil || !a.doubts.Swap(false) {
		return false, nil
	}
	return true, a.note(ctx)
}

func (a *Acquaintance) read(ctx context.Context) (known *pretense, now time.Time, err error) {
	err = a.db.View(ctx, func(tx *store.Tx) (err error) {
		now = tx.Now()
		known, err = pretenses.of(tx, a.remote)
		return err
	})
	return known, now, err
}

func (a *Acquaintance) note(ctx context.Context) error {
	return a.db.Update(ctx, func(tx *store.Tx) error {
		return pretenses.set(tx, a.remote, pretense{Server: a.server, Noted: tx.Now()})
	})
}

func (a *Acquaintance) forget(ctx context.Context) error {
	return a.db.Update(ctx, func(tx *store.Tx) error { return pretenses.remove(tx, a.remote) })
}

// gatewayName begins the Server header of a Sync Gateway, which may keep its release to itself.
const gatewayName = "Couchbase Sync Gateway"

// isOldGateway reports whether a Server header is that of a Sync Gateway before release 4.
func isOldGateway(server string) bool {
	major, ok := gatewayRelease(server)
	return ok && major < 4
}

// namesItself reports whether a Server header tells that the fourth protocol is spoken if it is accepted.
func namesItself(server string) bool {
	_, ok := gatewayRelease(server)
	return ok || strings.Contains(server, "Tandem") || strings.Contains(server, "CouchbaseLite")
}

// gatewayRelease returns the first number of a Sync Gateway's release, from "Couchbase Sync Gateway/4.2 …".
func gatewayRelease(server string) (major int, ok bool) {
	release, found := strings.CutPrefix(server, gatewayName+"/")
	first, _, _ := strings.Cut(release, ".")
	major, err := strconv.Atoi(first)
	return major, found && err == nil
}
