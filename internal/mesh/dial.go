package mesh

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/tandemdb/tandem/internal/mesh/overlay"
)

const (
	dialGap     = 250 * time.Millisecond // between the beginnings of attempts at the addresses of one peer
	dialTimeout = 10 * time.Second       // of one attempt
	handPause   = time.Minute            // between two attempts at an address given by hand, at most
)

// dial connects to a peer at the first of its addresses that leads to it, and holds the link.
func (n *Node) dial(ctx context.Context, id ID, addresses []string) {
	conn, err := n.reach(ctx, id, addresses)
	if err == nil {
		if err = n.hold(conn, true); !errors.Is(err, errSecond) && !errors.Is(err, errStopped) {
			return
		}
	}
	n.mu.Lock()
	n.o.Failed(time.Now(), id, reasonOf(err))
	n.mu.Unlock()
	n.poke()
	n.changed()
}

// reach tries all addresses, each a little after the one before it.
func (n *Node) reach(ctx context.Context, id ID, addresses []string) (Conn, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type result struct {
		conn Conn
		err  error
	}
	results := make(chan result, len(addresses))
	for i, address := range addresses {
		n.group.Go(func() {
			conn, err := n.dialAt(ctx, time.Duration(i)*dialGap, id, address)
			results <- result{conn, err}
		})
	}
	var found Conn
	var failed error
	for range addresses {
		switch r := <-results; {
		case r.err != nil:
			failed = r.err
		case found != nil:
			r.conn.Abort()
		default:
			found = r.conn
			cancel()
		}
	}
	if found != nil {
		return found, nil
	}
	return nil, failed
}

func (n *Node) dialAt(ctx context.Context, delay time.Duration, id ID, address string) (Conn, error) {
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-timer.C:
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	conn, err := n.cfg.Dial(ctx, address)
	if err != nil {
		return nil, err
	}
	if conn.Peer() != id {
		conn.Abort()
		return nil, fmt.Errorf("%s leads to another peer, %s", address, conn.Peer())
	}
	return conn, nil
}

// handAddress is an address that somebody has given by hand.
type handAddress struct {
	address string
	found   bool
	id      ID // that was found there
	busy    bool
	failed  int
	next    time.Time
	why     string
}

// tryLocked tries an address unless the peer there is online.
func (n *Node) tryLocked(ctx context.Context, now time.Time, h *handAddress) {
	if h.busy || now.Before(h.next) || h.found && (h.id == n.cfg.Self || n.o.IsOnline(h.id)) {
		return
	}
	h.busy = true
	n.group.Go(func() { n.try(ctx, h) })
}

func (n *Node) try(ctx context.Context, h *handAddress) {
	limited, cancel := context.WithTimeout(ctx, dialTimeout)
	conn, err := n.cfg.Dial(limited, h.address)
	cancel()
	n.mu.Lock()
	h.busy, h.why = false, reasonOf(err)
	if err != nil {
		h.failed++
		pause := min(overlay.BackOff(h.failed), handPause)
		h.next = time.Now().Add(pause/2 + rand.N(pause))
	} else {
		h.failed, h.found, h.id = 0, true, conn.Peer()
		h.next = time.Now().Add(time.Second)
		n.o.Seen(time.Now(), h.id, []string{h.address})
		n.o.Gone(h.id)
	}
	n.mu.Unlock()
	n.changed()
	if err == nil {
		_ = n.hold(conn, true) // the log has the error
	} else {
		n.log.Info("address does not answer", "address", h.address, "error", err)
	}
}

// probePause is the least time between two looks for another peer with the own ID.
const probePause = 30 * time.Second

// probeLocked dials where another peer with the own ID is said to be: [Config.Dial] finds out.
func (n *Node) probeLocked(ctx context.Context, now time.Time) {
	if now.Before(n.probe) {
		return
	}
	for _, address := range n.o.Elsewhere() {
		n.probe = now.Add(probePause)
		n.group.Go(func() {
			limited, cancel := context.WithTimeout(ctx, dialTimeout)
			defer cancel()
			if conn, err := n.cfg.Dial(limited, address); err == nil {
				conn.Abort()
			}
		})
	}
}

// Hand is the state of an address that was given by hand.
type Hand struct {
	Address string
	Found   bool
	ID      ID     // of the peer that was found there
	Trouble string // why it does not answer; "" if it does
}

// Hands returns the state of the addresses that were given by hand.
func (n *Node) Hands() []Hand {
	n.mu.Lock()
	defer n.mu.Unlock()
	all := make([]Hand, len(n.hand))
	for i, h := range n.hand {
		all[i] = Hand{h.address, h.found, h.id, h.why}
	}
	return all
}
