package mesh

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"github.com/tandemdb/tandem/internal/mesh/overlay"
)

// Link is a connection with a neighbour that the overlay keeps.
type Link struct {
	Conn
	Dialled bool // by this peer
	Since   time.Time

	node   *Node
	ctx    context.Context //nolint:containedctx // the extent of the link
	cancel context.CancelCauseFunc

	mu      sync.Mutex // guards the following
	send    func(body []byte) error
	busy    func() bool
	unsent  []*overlay.Message
	allowed float64   // bytes that the other end may still say
	heard   time.Time // when allowed was computed
}

// Bounds of what a neighbour may say.
const (
	maxMessage = 128 << 10 // bytes
	burst      = 4 << 20   // bytes at once,
	rate       = 64 << 10  // and bytes each second on the average
	maxUnsent  = 256       // messages
)

func newLink(n *Node, conn Conn, dialled bool) *Link {
	now := time.Now()
	l := &Link{Conn: conn, Dialled: dialled, Since: now, node: n, allowed: burst, heard: now}
	l.ctx, l.cancel = context.WithCancelCause(n.ctx)
	return l
}

// Attach says how to send messages to the neighbour, and whether the conversation has work. A failed
// send is repeated.
func (l *Link) Attach(send func(body []byte) error, busy func() bool) {
	l.mu.Lock()
	l.send, l.busy = send, busy
	l.mu.Unlock()
	l.node.poke()
}

// Renew says that the conversation has begun anew over another connection.
func (l *Link) Renew() { l.node.renewed(l) }

// ErrFlood ends a link whose other end has said too much, or what is no message.
var ErrFlood = errors.New("the peer sends more introductions than is allowed, or unreadable ones")

// Hear takes a message of the neighbour. It does not keep body.
func (l *Link) Hear(body []byte) {
	m := new(overlay.Message)
	if !l.mayHear(len(body)) || json.Unmarshal(body, m) != nil {
		l.cancel(ErrFlood)
		return
	}
	l.node.hear(l, m)
}

// Allow reports whether the neighbour may say a message of this size, which counts with all others.
// Otherwise the link ends.
func (l *Link) Allow(size int) bool {
	ok := l.mayHear(size)
	if !ok {
		l.cancel(ErrFlood)
	}
	return ok
}

// mayHear takes a message off what the neighbour may say.
func (l *Link) mayHear(size int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	l.allowed = min(burst, l.allowed+rate*now.Sub(l.heard).Seconds())
	l.heard = now
	l.allowed -= float64(size)
	return size <= maxMessage && l.allowed >= 0
}

// say queues a message; flush sends it.
func (l *Link) say(m *overlay.Message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.unsent = append(l.unsent, m); len(l.unsent) > maxUnsent {
		l.cancel(errors.New("the peer takes no messages"))
	}
}

func (l *Link) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.send != nil && len(l.unsent) > 0 {
		body, err := json.Marshal(l.unsent[0])
		if err == nil {
			err = l.send(body)
		}
		if err != nil {
			return
		}
		l.unsent = l.unsent[1:]
	}
}

// patience bounds the wait for a link to be idle before it is given up.
const patience = 10 * time.Second

var errDrained = errors.New("neither end wants the link")

// drain ends the link when it is idle, or has been waited for long enough.
func (l *Link) drain() {
	ticker := time.NewTicker(tickEvery)
	defer ticker.Stop()
	for end := time.Now().Add(patience); time.Now().Before(end) && l.isBusy(); {
		select {
		case <-l.ctx.Done():
			return
		case <-ticker.C:
		}
	}
	l.flush()
	l.cancel(errDrained)
}

func (l *Link) isBusy() bool {
	l.mu.Lock()
	busy := l.busy
	l.mu.Unlock()
	return busy != nil && busy()
}
