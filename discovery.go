package tandem

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/tandemdb/tandem/internal/discovery"
	"github.com/tandemdb/tandem/internal/fault"
)

// DiscoveryService is the DNS-SD service type under which listeners advertise themselves: see
// [URLEndpointListenerConfiguration].Advertise.
const DiscoveryService = discovery.Service

// ReplicatorConfigurationForPeer returns the configuration that replicates collections with a
// discovered peer: at the first of its addresses that answers, with the advertised fingerprint
// pinned. The replicator thus connects to the peer that was discovered. Only the fingerprint,
// compared by a person, or an authenticator proves who that peer is.
//
// A peer without a fingerprint, for example from a list, is trusted like any other server. A peer
// without TLS is refused with [ErrInvalid], since anybody could pose as it; use its URLs where that
// does not matter. A peer without an address is [ErrUnknownHost].
func ReplicatorConfigurationForPeer(
	ctx context.Context, peer DiscoveredPeer, collections ...*Collection,
) (ReplicatorConfiguration, error) {
	cfg := ReplicatorConfiguration{PinnedServerFingerprint: peer.Fingerprint}
	if peer.Insecure {
		return cfg, fault.Invalid.In("connect to peer", peer.Name).Says("it speaks clear text").
			Try("let it use TLS, or connect to its URL")
	}
	for _, coll := range collections {
		cfg.AddCollection(coll)
	}
	endpoints, err := endpointsOf(peer)
	if err != nil {
		return cfg, err
	}
	cfg.Endpoint = firstToAnswer(ctx, endpoints)
	return cfg, nil
}

func endpointsOf(peer DiscoveredPeer) ([]URLEndpoint, error) {
	var endpoints []URLEndpoint
	for _, url := range peer.URLs() {
		endpoint, err := NewURLEndpoint(url)
		if err != nil {
			return nil, err
		}
		endpoints = append(endpoints, endpoint)
	}
	if len(endpoints) == 0 {
		return nil, fault.UnknownHost.In("connect to peer", peer.Name).Says("it tells no address")
	}
	return endpoints, nil
}

// The pace of trying the addresses of a peer (RFC 8305 §5), and the end of it.
const (
	addressGap     = 250 * time.Millisecond
	addressTimeout = 5 * time.Second
)

// firstToAnswer returns the first endpoint that takes a TCP connection; the best one starts
// first, and is returned when none answers: a replicator will tell why.
func firstToAnswer(ctx context.Context, endpoints []URLEndpoint) URLEndpoint {
	if len(endpoints) == 1 {
		return endpoints[0]
	}
	ctx, cancel := context.WithTimeout(ctx, addressTimeout)
	var trying sync.WaitGroup
	defer trying.Wait()
	defer cancel()
	results := make(chan int, len(endpoints)) // the index of one that answered, or -1
	for i, endpoint := range endpoints {
		trying.Go(func() {
			if !wait(ctx, time.Duration(i)*addressGap) || !answers(ctx, endpoint) {
				i = -1
			}
			results <- i
		})
	}
	for range endpoints {
		if at := <-results; at >= 0 {
			return endpoints[at]
		}
	}
	return endpoints[0]
}

func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

func answers(ctx context.Context, endpoint URLEndpoint) bool {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", endpoint.endpoint.Address())
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}
