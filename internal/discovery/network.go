package discovery

import (
	"cmp"
	"net/netip"
	"slices"
)

// Options adjust [Advertise], [Browse] and [Find]. The zero value is ready to use.
type Options struct {
	// Interfaces names the network interfaces to use. Empty means all that are up and support
	// multicast, and the loopback interface for peers on the same machine.
	Interfaces []string
	// Service is the type of the service. Empty means [Service].
	Service string
	// Network carries the packets. Nil means this machine's network.
	Network Network
}

func (o Options) service() service {
	return service(key(cmp.Or(o.Service, Service)) + ".local.")
}

func (o Options) join() (Socket, error) {
	if o.Network == nil {
		return machine{}.Join(o.Interfaces)
	}
	return o.Network.Join(o.Interfaces)
}

// Network opens sockets that receive packets to the multicast groups of DNS, port 5353.
type Network interface {
	// Join opens a socket on the named interfaces; an empty list means all.
	Join(interfaces []string) (Socket, error)
}

// Socket sends and receives packets on all links of a machine. Its methods are safe for concurrent
// use.
type Socket interface {
	// Links returns the present links.
	Links() []Link
	// Send sends a packet on the link with that index, to one address. The zero value of to means
	// the multicast groups.
	Send(link int, packet []byte, to netip.AddrPort) error
	// Receive returns the next packet. It fails only after Close.
	Receive() (Packet, error)
	// Close closes the socket and ends every Receive.
	Close() error
}

// Link is a network interface with this machine's addresses on it.
type Link struct {
	Index int
	Name  string
	Nets  []netip.Prefix // the addresses with the size of their networks
}

// Packet is a received packet.
type Packet struct {
	Data []byte
	From netip.AddrPort
	Link int // the index of the link, or 0 when the system does not tell
}

// linkOf returns the link on which a packet arrived. It reports false for packets from outside the
// link's network (RFC 6762 §11).
func linkOf(links []Link, p Packet) (Link, bool) {
	from := p.From.Addr().Unmap()
	at := slices.IndexFunc(links, func(l Link) bool {
		return p.Link == 0 && l.reaches(from) || p.Link == l.Index && (l.reaches(from) || l.isLoopback())
	})
	if at < 0 {
		return Link{}, false
	}
	return links[at], true
}

// isLoopback reports whether only this machine sends on the link, from any of its addresses.
func (l Link) isLoopback() bool {
	return slices.ContainsFunc(l.Nets, func(n netip.Prefix) bool { return n.Addr().IsLoopback() })
}

func (l Link) reaches(addr netip.Addr) bool {
	if addr.IsLinkLocalUnicast() && addr.Zone() != "" {
		return addr.Zone() == l.Name
	}
	return slices.ContainsFunc(l.Nets, func(n netip.Prefix) bool { return n.Contains(addr.WithZone("")) })
}
