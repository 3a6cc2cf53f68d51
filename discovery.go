package tandem

import (
	"context"
	"io"
	"net"

	"github.com/tandemdb/tandem/internal/discovery"
	"github.com/tandemdb/tandem/internal/replication"
)

// DiscoveryService is the DNS-SD service type under which listeners advertise themselves: see
// [URLEndpointListenerConfiguration].Advertise.
const DiscoveryService = discovery.Service

// DiscoveredPeer is what a listener on the local network tells of itself: its Name, its
// Database, the Fingerprint of its certificate and, from URLs, where it is. Nothing of it is
// proved; a replicator that pins the fingerprint proves it.
type DiscoveredPeer = discovery.Peer

// DiscoveryEvent tells that a peer appeared, changed or vanished.
type DiscoveryEvent = discovery.Event

// The changes of a [DiscoveryEvent].
const (
	PeerAppeared = discovery.Appeared
	PeerChanged  = discovery.Changed
	PeerVanished = discovery.Vanished
)

// PeerBrowser watches the peers of the local networks: see [BrowsePeers].
type PeerBrowser = discovery.Browser

// BrowsePeers looks for peers on the local networks until the browser is closed or ctx ends.
// It fails when there is no network to look in.
func BrowsePeers(ctx context.Context) (*PeerBrowser, error) {
	return discovery.Browse(ctx, discovery.Options{})
}

// FindPeer waits for the peer whose name or database is name: one of known, else the first on
// the local networks. When ctx ends it fails with [ErrUnknownHost].
func FindPeer(ctx context.Context, name string, known []DiscoveredPeer) (DiscoveredPeer, error) {
	return discovery.Find(ctx, name, known, discovery.Options{})
}

// ParsePeers reads a list of known peers, for networks without multicast. A line has a name, a
// URL and perhaps the fingerprint of the certificate, separated by white space. Empty lines and
// those that begin with # do not count. The error is [ErrInvalid] with the number of the line.
func ParsePeers(r io.Reader) ([]DiscoveredPeer, error) { return discovery.ParseList(r) }

// advertiseLocked tells the local networks of the listener, if it is to.
func (l *URLEndpointListener) advertiseLocked() error {
	if l.cfg.Advertise == "" {
		return nil
	}
	peer := discovery.Peer{
		Name:      l.cfg.Advertise,
		Database:  l.db.Name(),
		Protocols: replication.Protocols(l.db.store.Versioning(), true),
		Insecure:  l.cfg.DisableTLS,
		Port:      uint16(l.server.Port()),
	}
	if l.identity != nil {
		peer.Fingerprint = l.identity.Fingerprint()
	}
	options := discovery.Options{Interfaces: interfacesOf(l.cfg.NetworkInterface)}
	ad, err := discovery.Advertise(context.Background(), peer, options)
	if err == nil {
		l.ad = ad
	}
	return err
}

// interfacesOf names the interfaces that a listener on address, the name of an interface or an
// IP address, is reached by; nil means all.
func interfacesOf(address string) []string {
	ip := net.ParseIP(address)
	switch {
	case address == "" || ip != nil && ip.IsUnspecified():
		return nil
	case ip == nil:
		return []string{address}
	}
	all, _ := net.Interfaces() // where they are not known, all are advertised to
	for _, candidate := range all {
		addrs, _ := candidate.Addrs()
		for _, addr := range addrs {
			if prefix, ok := addr.(*net.IPNet); ok && prefix.IP.Equal(ip) {
				return []string{candidate.Name}
			}
		}
	}
	return nil
}

// AdvertisedName returns the name that the network knows the listener by: the configured one,
// perhaps with a number. It is "" while the listener is not advertised.
func (l *URLEndpointListener) AdvertisedName() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ad == nil {
		return ""
	}
	return l.ad.Name()
}
