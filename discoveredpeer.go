package tandem

import (
	"context"
	"io"
	"net/netip"

	"github.com/tandemdb/tandem/internal/discovery"
)

// DiscoveredPeer is a listener's unproved claim about itself on the local network. A replicator
// that pins the fingerprint connects only to the owner of that certificate.
type DiscoveredPeer struct {
	Name        string       // unique on the network, and made for people
	Database    string       // as in the URL
	Protocols   []string     // the WebSocket subprotocols, best first
	Fingerprint string       // of its certificate, as [Fingerprint] gives it; "" without TLS
	Insecure    bool         // it uses no TLS
	Port        uint16       // the TCP port
	Host        string       // the host name
	Addrs       []netip.Addr // best first
}

// URLs returns the addresses of the peer's database for [NewURLEndpoint], best first.
func (p DiscoveredPeer) URLs() []string { return discovery.Peer(p).URLs() }

// DiscoveryEvent reports one change of one peer.
type DiscoveryEvent struct {
	Change PeerChange
	Peer   DiscoveredPeer // the last state of one that vanished
}

// PeerChange is what has happened to a peer.
type PeerChange int

// The changes of peers.
const (
	PeerAppeared PeerChange = PeerChange(discovery.Appeared)
	PeerChanged  PeerChange = PeerChange(discovery.Changed)
	PeerVanished PeerChange = PeerChange(discovery.Vanished)
)

// String returns "appeared", "changed" or "vanished".
func (c PeerChange) String() string { return discovery.Change(c).String() }

// PeerBrowser watches the peers of the local networks: see [BrowsePeers].
type PeerBrowser struct {
	browser *discovery.Browser
	events  chan DiscoveryEvent
	cancel  context.CancelFunc
	done    chan struct{} // closed when events is
}

// BrowsePeers looks for peers on the local networks until the browser is closed or ctx ends.
// It fails when there is no network to look in.
func BrowsePeers(ctx context.Context) (*PeerBrowser, error) {
	ctx, cancel := context.WithCancel(ctx)
	browser, err := discovery.Browse(ctx, discovery.Options{})
	if err != nil {
		cancel()
		return nil, err
	}
	b := &PeerBrowser{browser: browser, events: make(chan DiscoveryEvent), cancel: cancel, done: make(chan struct{})}
	go b.pass(ctx)
	return b, nil
}

// pass passes events on.
func (b *PeerBrowser) pass(ctx context.Context) {
	defer close(b.done)
	defer close(b.events)
	for e := range b.browser.Events() {
		select {
		case b.events <- DiscoveryEvent{PeerChange(e.Change), DiscoveredPeer(e.Peer)}:
		case <-ctx.Done():
		}
	}
}

// Events returns the changes, beginning with the peers that are there already. The channel is
// closed when the browser ends. A slow reader misses only changes that were reverted meanwhile.
func (b *PeerBrowser) Events() <-chan DiscoveryEvent { return b.events }

// Peers returns the peers that are there now, sorted by name.
func (b *PeerBrowser) Peers() []DiscoveredPeer { return discoveredPeers(b.browser.Peers()) }

// Close ends the browser and waits for it. Closing twice is harmless.
func (b *PeerBrowser) Close() error {
	b.cancel()
	<-b.done
	return b.browser.Close()
}

// FindPeer waits for the peer whose name or database is name: one of known, else the first on
// the local networks. It waits until ctx ends, for ever if that has no deadline, and then fails
// with [ErrUnknownHost]. Peers that are there answer within a second or two.
func FindPeer(ctx context.Context, name string, known []DiscoveredPeer) (DiscoveredPeer, error) {
	list := make([]discovery.Peer, len(known))
	for i, p := range known {
		list[i] = discovery.Peer(p)
	}
	found, err := discovery.Find(ctx, name, list, discovery.Options{})
	return DiscoveredPeer(found), err
}

// ParsePeers reads a list of known peers, for networks without multicast. A line has a name, a
// URL and perhaps the fingerprint of the certificate, separated by white space. Empty lines and
// those that begin with # do not count. The error is [ErrInvalid] with the number of the line.
func ParsePeers(r io.Reader) ([]DiscoveredPeer, error) {
	list, err := discovery.ParseList(r)
	return discoveredPeers(list), err
}

func discoveredPeers(list []discovery.Peer) []DiscoveredPeer {
	if list == nil {
		return nil
	}
	peers := make([]DiscoveredPeer, len(list))
	for i, p := range list {
		peers[i] = DiscoveredPeer(p)
	}
	return peers
}
