package mesh

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/tandemdb/tandem/internal/mesh/overlay"
)

// ID identifies a peer.
type ID = overlay.ID

// Conn is a connection whose other end has proved its ID.
type Conn interface {
	// Peer returns the ID that the other end has proved.
	Peer() ID
	// Address returns the address of the other end.
	Address() string
	// Abort closes the connection at once.
	Abort()
}

// Config configures a [Node]. Self, Dial and Serve are required.
type Config struct {
	Self     ID
	Name     string // for people
	MaxLinks int    // zero means 8

	// Addresses returns where others reach this peer, host:port, best first. Nil means nowhere.
	Addresses func() []string

	// Hand are addresses that are tried for ever.
	Hand []string

	// Known are peers of an earlier run.
	Known []Past

	// Dial connects to an address. It must return soon after ctx ends.
	Dial func(ctx context.Context, address string) (Conn, error)

	// Serve holds the conversation of a link until it or ctx ends. It calls [Link.Attach] first. Where a
	// younger link with the same peer takes the place of one, ctx of the older has ended before the younger
	// is served; the older may be served after that.
	Serve func(ctx context.Context, l *Link) error

	// Changed, unless nil, is called when the state may have changed. It must not block.
	Changed func()

	Log *slog.Logger // nil logs nothing
}

// Past is what is known of a peer from an earlier run.
type Past struct {
	ID        ID
	Name      string
	Addresses []string
	Met       time.Time // when the last link began or ended; zero for never
}

// Node is a member of a mesh. Its methods may be called from any goroutine.
type Node struct {
	cfg   Config
	log   *slog.Logger
	wake  chan struct{} // capacity 1
	group sync.WaitGroup

	mu    sync.Mutex      // guards the following
	ctx   context.Context //nolint:containedctx // of Run: links end with it
	o     *overlay.Overlay
	links map[ID]*Link
	hand  []*handAddress
	ended bool
	probe time.Time // not before: of an address where this peer's own ID may be found
}

// New returns a node that is not running.
func New(cfg Config) *Node {
	n := &Node{
		cfg: cfg, log: cfg.Log, wake: make(chan struct{}, 1), links: make(map[ID]*Link),
		o: overlay.New(overlay.Config{
			Self: cfg.Self, Name: cfg.Name, MaxLinks: cfg.MaxLinks,
			Version: uint64(max(0, time.Now().UnixMilli())), // an earlier life's is lower, in most cases
			Rand:    rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())),
		}),
	}
	if n.log == nil {
		n.log = slog.New(slog.DiscardHandler)
	}
	for _, address := range cfg.Hand {
		n.hand = append(n.hand, &handAddress{address: address})
	}
	for _, p := range cfg.Known {
		n.o.Recall(time.Now(), p.ID, p.Name, p.Addresses, p.Met)
	}
	return n
}

const (
	tickEvery = 250 * time.Millisecond
	tickSoon  = 20 * time.Millisecond // after an event
)

// Run keeps the node connected until ctx ends.
func (n *Node) Run(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	n.mu.Lock()
	n.ctx = ctx
	n.mu.Unlock()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-n.wake:
			timer.Reset(tickSoon)
			continue
		case <-timer.C:
			n.tick(ctx)
			timer.Reset(tickEvery)
		}
	}
	n.mu.Lock()
	n.ended = true
	n.mu.Unlock()
	n.group.Wait()
}

func (n *Node) tick(ctx context.Context) {
	if n.cfg.Addresses != nil {
		addresses := n.cfg.Addresses()
		n.mu.Lock()
		n.o.SetAddresses(addresses)
		n.mu.Unlock()
	}
	now := time.Now()
	n.mu.Lock()
	actions := n.o.Tick(now)
	n.probeLocked(ctx, now)
	for _, a := range actions {
		n.doLocked(ctx, a)
	}
	for _, h := range n.hand {
		n.tryLocked(ctx, now, h)
	}
	for _, l := range n.links {
		l.flush()
	}
	n.mu.Unlock()
	if len(actions) > 0 {
		n.changed()
	}
}

func (n *Node) doLocked(ctx context.Context, a overlay.Action) {
	switch a.Kind {
	case overlay.Dial:
		n.group.Go(func() { n.dial(ctx, a.Peer, a.Addresses) })
	case overlay.Say:
		if l := n.links[a.Peer]; l != nil {
			l.say(a.Message)
		}
	case overlay.Drop:
		if l := n.links[a.Peer]; l != nil {
			n.group.Go(l.drain)
		}
	}
}

// SetName changes what people call this peer, and tells the others.
func (n *Node) SetName(name string) {
	n.mu.Lock()
	n.o.SetName(name)
	n.mu.Unlock()
	n.poke()
}

func (n *Node) poke() {
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

func (n *Node) changed() {
	if n.cfg.Changed != nil {
		n.cfg.Changed()
	}
}

var (
	errStopped = errors.New("the member has stopped")
	errSecond  = errors.New("there is a link with the peer already")
	errSelf    = errors.New("the address is this device's own")
)

// Accept holds the link of a connection that the other end has dialled. It returns when that ends.
func (n *Node) Accept(conn Conn) error { return n.hold(conn, false) }

// hold makes a connection a link, if the overlay keeps it, and serves it.
func (n *Node) hold(conn Conn, dialled bool) error {
	l, err := n.begin(conn, dialled)
	if err != nil {
		conn.Abort()
		return err
	}
	defer n.group.Done()
	err = n.cfg.Serve(l.ctx, l)
	l.cancel(err)
	conn.Abort()
	n.mu.Lock()
	if id := conn.Peer(); n.links[id] == l {
		delete(n.links, id)
		n.o.Down(time.Now(), id, reasonOf(err))
	}
	n.mu.Unlock()
	n.log.Info("link ended", "peer", conn.Peer(), "address", conn.Address(), "error", err)
	n.poke()
	n.changed()
	return err
}

func reasonOf(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func (n *Node) begin(conn Conn, dialled bool) (*Link, error) {
	defer n.changed()
	defer n.poke()
	n.mu.Lock()
	defer n.mu.Unlock()
	id := conn.Peer()
	switch {
	case n.ctx == nil || n.ended || n.ctx.Err() != nil:
		return nil, errStopped
	case id == n.cfg.Self:
		return nil, errSelf
	}
	verdict := n.o.Up(time.Now(), id, dialled)
	if verdict == overlay.Refuse {
		return nil, errSecond
	}
	if old := n.links[id]; old != nil {
		old.cancel(errSecond)
	}
	l := newLink(n, conn, dialled)
	n.links[id] = l
	n.group.Add(1)
	n.log.Info("link begun", "peer", id, "address", conn.Address(), "dialled", dialled)
	return l, nil
}

// renewed says that the conversation of a link has begun anew, over another connection.
func (n *Node) renewed(l *Link) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if id := l.Peer(); n.links[id] == l {
		now := time.Now()
		n.o.Down(now, id, "")
		n.o.Up(now, id, l.Dialled)
	}
	n.poke()
}

// hear passes a message on to the overlay.
func (n *Node) hear(l *Link, m *overlay.Message) {
	n.mu.Lock()
	defer n.mu.Unlock()
	id := l.Peer()
	if n.links[id] != l {
		return
	}
	n.o.Hear(time.Now(), id, m)
	if m.Full && !n.ended {
		n.group.Go(l.drain)
	}
	n.poke()
}

// Peers returns the state of all known peers, by ID.
func (n *Node) Peers() []overlay.Peer {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.o.Peers()
}

// Links returns the present links, by ID of the peer.
func (n *Node) Links() []*Link {
	n.mu.Lock()
	defer n.mu.Unlock()
	all := make([]*Link, 0, len(n.links))
	for _, l := range n.links {
		all = append(all, l)
	}
	slices.SortFunc(all, func(a, b *Link) int {
		x, y := a.Peer(), b.Peer()
		return slices.Compare(x[:], y[:])
	})
	return all
}

// RetryNow ends all waiting, because the network has changed.
func (n *Node) RetryNow() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.o.RetryNow(time.Now())
	for _, h := range n.hand {
		h.failed, h.next = 0, time.Time{}
	}
	n.poke()
}

// Cut ends the links whose connections accepts does not accept.
func (n *Node) Cut(accepts func(conn Conn, dialled bool) bool) {
	for _, l := range n.Links() {
		if !accepts(l.Conn, l.Dialled) {
			l.cancel(errors.New("the peer is not accepted any more"))
		}
	}
}

// Peer is a snapshot of what is known of another peer.
type Peer = overlay.Peer

// IsAddress reports whether text is host:port that can be dialled.
func IsAddress(text string) bool { return overlay.IsAddress(text) }

// CleanName returns a name that is safe to show: one line of at most 64 bytes.
func CleanName(name string) string { return overlay.CleanName(name) }
