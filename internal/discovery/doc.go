// Package discovery finds peers on the local network by DNS-SD over multicast DNS (RFC 6762,
// RFC 6763), as Bonjour, Avahi and Android do, on IPv4 and IPv6. The service type is
// [Service]; what a peer tells of itself is in [Peer].
//
// A listener advertises itself until it closes:
//
//	peer := discovery.Peer{Name: "till 7", Database: "sales", Port: 4984}
//	ad, err := discovery.Advertise(ctx, peer, discovery.Options{})
//	…
//	defer ad.Close()
//
// Others watch who comes and goes, or wait for the one they want:
//
//	browser, err := discovery.Browse(ctx, discovery.Options{})
//	…
//	for event := range browser.Events() {
//	}
//
//	peer, err := discovery.Find(ctx, "till 7", nil, discovery.Options{})
//
// Where multicast does not reach, a list of peers does the same for [Find], see [ParseList].
//
// # Guarantees
//
// A name that another peer has on the network gets a number: "till 7 (2)". Closing an
// advertiser tells the network, and peers that die without a word vanish within 2 minutes. New and
// changed network interfaces are noticed within 5 seconds.
//
// Nothing on the network is trusted: packets from other networks are dropped, the memory for
// what was heard is bounded, and who a peer claims to be is proved only by its TLS
// certificate, whose fingerprint is in the advertisement for a first comparison.
//
// Advertisers and browsers own their goroutines, and none is left when Close returns. Their
// methods may be called from any goroutine.
package discovery
