// Package discovery finds peers on the local network by DNS-SD over multicast DNS (RFC 6762, RFC
// 6763), as Bonjour, Avahi and Android do, on IPv4 and IPv6. The service type is [Service]; a
// [Peer] holds the data that a peer announces.
//
// A listener advertises itself until it closes:
//
//	peer := discovery.Peer{Name: "till 7", Database: "sales", Port: 4984}
//	ad, err := discovery.Advertise(ctx, peer, discovery.Options{})
//	…
//	defer ad.Close()
//
// Others watch which peers come and go, or wait for a certain one:
//
//	browser, err := discovery.Browse(ctx, discovery.Options{})
//	…
//	for event := range browser.Events() {
//	}
//
//	peer, err := discovery.Find(ctx, "till 7", nil, discovery.Options{})
//
// Where multicast does not reach, [Find] can use a list of peers, see [ParseList].
//
// # Guarantees
//
// If another peer on the network has the name, a number is appended: "till 7 (2)". Closing an
// advertiser announces its end, and peers that die silently vanish within 2 minutes. New and
// changed network interfaces are noticed within 5 seconds.
//
// Nothing on the network is trusted. Packets from other networks are dropped, and the memory for
// received records is bounded. Only a peer's TLS certificate proves who the peer is; the
// advertisement has the certificate's fingerprint for a first comparison.
//
// Advertisers and browsers own their goroutines, and none is left when Close returns. Their methods
// are safe for concurrent use.
package discovery
