package tandem

import (
	"context"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/identity"
	"github.com/tandemdb/tandem/internal/mesh"
	"github.com/tandemdb/tandem/internal/mesh/group"
	"github.com/tandemdb/tandem/internal/mesh/joining"
)

// JoinOptions configure [JoinPeerGroup].
type JoinOptions struct {
	PeerGroupOptions

	// Peers are addresses of the inviter, host:port. On the local network it is found without.
	Peers []string

	// DisableDiscovery does not look for the inviter on the local network.
	DisableDiscovery bool

	// Trouble, unless nil, is called when an address does not lead to the inviter, on any goroutine.
	Trouble func(address string, err error)
}

// JoinedPeerGroup is what [JoinPeerGroup] returns.
type JoinedPeerGroup struct {
	*PeerGroup

	// ClockOff is how far this device's clock is from the inviter's: positive if it is ahead. Tell the
	// user from a few minutes on.
	ClockOff time.Duration

	// Collections are those that the inviter shares, as scope.collection, so that this device can share
	// the same ones: 256 at most. The database may lack some of them.
	Collections []string
}

// JoinPeerGroup makes a database a member of the group that a code leads to. It looks for the inviter
// until ctx ends. It fails with [ErrInvalid] for a mistyped code, which is not sent anywhere, and if
// the database is in another group of this name; with [ErrForbidden] if the inviter says that the
// code was used, has expired or was cancelled, or if none of the addresses knows it. A database that
// is a member already becomes another one, with a new key. Nothing is stored unless the inviter has
// proved to know the code.
func JoinPeerGroup(ctx context.Context, db *Database, code string, o JoinOptions) (*JoinedPeerGroup, error) {
	secret, hints, err := joining.ParseCode(code)
	if err != nil {
		return nil, err
	}
	for _, address := range append(hints, o.Peers...) {
		if !mesh.IsAddress(address) {
			return nil, fault.Invalid.In("join group", "").Says("the address %q cannot be dialled", address).
				Try("write host:port, such as 192.0.2.7:4984")
		}
	}
	if len(hints)+len(o.Peers) == 0 && o.DisableDiscovery {
		return nil, fault.Invalid.In("join group", "").Says("there is no address, and discovery is off").Try("name the inviter by its address")
	}
	key, err := newMemberKey()
	if err != nil {
		return nil, err
	}
	own, err := identity.Create(nil, identity.Options{CommonName: "joiner", Key: key})
	if err != nil {
		return nil, err
	}
	j := &joinSearch{
		code: secret, own: own.TLSCertificate(), name: cleanOr(o.DeviceName, ""), o: o, found: make(chan joinFound, 1),
		tried: make(map[string]bool), waiting: len(hints) + len(o.Peers),
	}
	found, err := j.search(ctx, append(hints, o.Peers...))
	if err != nil {
		return nil, err
	}
	return found.enter(ctx, db, key, o)
}

// CheckJoinCode reports as [ErrInvalid] that a text is no code, mistyped or cut off, and as
// [ErrUnsupported] that it is one of another version. It does not ask anybody.
func CheckJoinCode(code string) error {
	_, _, err := joining.ParseCode(code)
	return err
}

// joinSearch looks for the inviter at many addresses at once.
type joinSearch struct {
	code  joining.Code
	own   tls.Certificate
	name  string
	o     JoinOptions
	found chan joinFound
	group sync.WaitGroup
	large atomic.Int64 // bytes that large answers hold now

	mu      sync.Mutex // guards the following
	tried   map[string]bool
	waiting int // addresses by hand that have not refused the code
}

// joinFound is an inviter that has proved the code, or the end of the search.
type joinFound struct {
	grant   *joining.Grant
	address string
	err     error
}

const (
	joinAttempt    = 10 * time.Second // for one connection
	joinPause      = time.Second      // between two attempts at one address
	joinPatience   = 4 * time.Second  // for discovery, when all addresses by hand have refused the code
	maxJoinTargets = 64               // addresses
)

func (j *joinSearch) search(ctx context.Context, addresses []string) (joinFound, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer j.group.Wait()
	defer cancel()
	for _, address := range addresses {
		j.try(ctx, address, true)
	}
	if !j.o.DisableDiscovery {
		j.group.Go(func() {
			err := mesh.FindJoin(ctx, j.code.Tag(), nil, func(addresses []string) {
				for _, address := range addresses {
					j.try(ctx, address, false)
				}
			})
			if err != nil {
				j.trouble(ctx, "the local network", err)
				if len(addresses) == 0 {
					j.end(joinFound{err: fmt.Errorf("look for the inviter: %w", err)})
				}
			}
		})
	}
	select {
	case found := <-j.found:
		return found, found.err
	case <-ctx.Done():
		return joinFound{}, fault.Timeout.In("join group", "").Says("the inviter was not found").Because(context.Cause(ctx)).
			Try("is it running? Otherwise name its address: tandem mesh join DB CODE --peer HOST:PORT")
	}
}

// try begins to ask at an address, again and again.
func (j *joinSearch) try(ctx context.Context, address string, byHand bool) {
	j.mu.Lock()
	known := j.tried[address] || len(j.tried) >= maxJoinTargets
	if !known {
		j.tried[address] = true
	}
	j.mu.Unlock()
	if known {
		if byHand {
			j.refused(ctx, true) // it is there twice
		}
		return
	}
	j.group.Go(func() {
		timer := time.NewTimer(0)
		defer timer.Stop()
		for pause, refused := joinPause, false; ; pause = min(2*pause, 16*joinPause) {
			select {
			case <-ctx.Done():
				return
			case <-timer.C:
			}
			ended := j.ask(ctx, address)
			if ended && !refused {
				refused = true
				j.refused(ctx, byHand)
			}
			timer.Reset(pause)
		}
	})
}

// ask asks once at an address, and reports whether the code was refused.
func (j *joinSearch) ask(ctx context.Context, address string) (refused bool) {
	limited, cancel := context.WithTimeout(ctx, joinAttempt)
	defer cancel()
	tcp, err := new(net.Dialer).DialContext(limited, "tcp", address)
	if err != nil {
		j.trouble(ctx, address, err)
		return false
	}
	limit := &limitedConn{Conn: tcp, held: &j.large}
	defer limit.release()
	grant, err := joining.Ask(limited, limit, j.own, j.code, j.name)
	switch {
	case err != nil:
		var alert tls.AlertError
		j.trouble(ctx, address, err)
		return errors.As(err, &alert)
	case grant.Ended == "":
		j.end(joinFound{grant: grant, address: address})
	case grant.Ended.IsFinal():
		j.end(joinFound{err: grant.Ended.Err()})
	default:
		j.trouble(ctx, address, grant.Ended.Err())
	}
	return grant.Ended == joining.Refused
}

// trouble tells why an address does not lead to the inviter, while that matters.
func (j *joinSearch) trouble(ctx context.Context, address string, err error) {
	if j.o.Trouble != nil && ctx.Err() == nil {
		j.o.Trouble(address, err)
	}
}

// end ends the search, unless it has ended.
func (j *joinSearch) end(found joinFound) {
	select {
	case j.found <- found:
	default:
	}
}

// refused notes that an address does not know the code. When all that were given by hand have refused
// it, discovery has a little time left.
func (j *joinSearch) refused(ctx context.Context, byHand bool) {
	if !byHand {
		return // somebody pretends
	}
	j.mu.Lock()
	j.waiting--
	left := j.waiting
	j.mu.Unlock()
	if left > 0 {
		return
	}
	j.group.Go(func() {
		patience := joinPatience
		if j.o.DisableDiscovery {
			patience = 0
		}
		timer := time.NewTimer(patience)
		defer timer.Stop()
		select {
		case <-ctx.Done():
		case <-timer.C:
			j.end(joinFound{err: joining.Refused.Err()})
		}
	})
}

// enter checks what an inviter has granted, and stores it.
func (f joinFound) enter(ctx context.Context, db *Database, key crypto.Signer, o JoinOptions) (*JoinedPeerGroup, error) {
	grant := f.grant
	bad := fault.CertUntrusted.In("join group", "")
	if err := checkGroupName(grant.Group); err != nil {
		return nil, err
	}
	chain, err := group.ParseChain(grant.Chain)
	if err != nil {
		return nil, err
	}
	now, root := time.Unix(grant.Now, 0), chain[len(chain)-1]
	if !sameKey(chain[0], key) {
		return nil, bad.Says("the inviter has sent a certificate of another key")
	}
	way, err := group.Way(grant.Group, root, chain, x509.ExtKeyUsageServerAuth, now)
	if err == nil {
		way, err = group.Way(grant.Group, root, chain, x509.ExtKeyUsageClientAuth, now)
	}
	if err != nil {
		return nil, bad.Says("the inviter has sent a certificate that is not valid").Because(err)
	}
	g, err := newPeerGroup(db, grant.Group, o.Identities)
	if err != nil {
		return nil, err
	}
	old, err := g.membership(ctx)
	if err != nil {
		return nil, err
	}
	if old != nil && (old.Founded || string(old.Root) != string(root.Raw)) {
		return nil, fault.Invalid.In("join group", grant.Group).Says("the database is in a group of this name already, which is another one").
			Try("leave that one first: tandem mesh leave DB --group NAME; or join with another database")
	}
	g.root = root
	var removals []*group.Removal
	for _, text := range grant.Removals {
		if r, err := group.ParseRemoval(g.name, root, text); err == nil {
			removals = append(removals, r)
		}
	}
	if err := g.settle(ctx); err != nil {
		return nil, err
	}
	if err := g.dropAuthority(); err != nil {
		return nil, err
	}
	row := groupRow{Floor: grant.Now, At: []string{f.address}, Inviter: hexOf(grant.Inviter)}
	if old != nil {
		row.Name = old.Name // as it was renamed
	}
	if err := g.enter(ctx, key, way, row, removals); err != nil {
		return nil, err
	}
	return &JoinedPeerGroup{g, time.Since(now).Round(time.Second), grant.Shares[:min(len(grant.Shares), maxUnshared)]}, nil
}

// dropAuthority deletes the key of a group that was not made in the end.
func (g *PeerGroup) dropAuthority() error {
	if authority, err := g.loadAuthority(); err != nil || authority != nil {
		return err
	}
	if err := g.store.Delete(g.AuthorityLabel()); err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	return nil
}

func sameKey(cert *x509.Certificate, key crypto.Signer) bool {
	public, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool })
	return ok && public.Equal(cert.PublicKey)
}
