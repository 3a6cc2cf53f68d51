package discovery

import (
	"cmp"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"

	"github.com/tandemdb/tandem/internal/fault"
)

// Service is the DNS-SD service type of peers.
const Service = "_tandem._tcp"

// MeshService is the DNS-SD service type of members of a mesh.
const MeshService = "_tandem-mesh._tcp"

// Peer is the data that a peer announces. The data of a peer found on the network is unproved.
type Peer struct {
	// Name is unique on the network and readable for people: at most 63 bytes.
	Name string
	// Database is the name of the database in the URL, at most 200 bytes.
	Database string
	// Protocols are the WebSocket subprotocols of the listener, best first.
	Protocols []string
	// Fingerprint is the fingerprint of the listener's certificate in the form of package identity,
	// or "" if it uses no TLS.
	Fingerprint string
	// Insecure tells that the listener uses no TLS.
	Insecure bool
	// Port is the TCP port of the listener.
	Port uint16
	// Host is the host name, found by Browse or given in a list.
	Host string
	// Addrs are the addresses, best first. Advertise announces on each network this machine's
	// addresses there. If Addrs is not empty, it announces only those among Addrs, where 0.0.0.0
	// stands for all of IPv4.
	Addrs []netip.Addr
}

// URLs returns a URL of the listener for each address, best first. Without addresses it returns a
// URL for the host name.
func (p Peer) URLs() []string {
	if len(p.Addrs) == 0 && p.Host != "" {
		return []string{p.url(p.Host)}
	}
	urls := make([]string, len(p.Addrs))
	for i, addr := range p.Addrs {
		urls[i] = p.url(addr.String())
	}
	return urls
}

func (p Peer) url(host string) string {
	u := url.URL{Scheme: "wss", Host: net.JoinHostPort(host, strconv.Itoa(int(p.Port))), Path: "/" + p.Database}
	if p.Insecure {
		u.Scheme = "ws"
	}
	return u.String()
}

func (p Peer) equal(q Peer) bool {
	return p.Name == q.Name && p.Database == q.Database && slices.Equal(p.Protocols, q.Protocols) &&
		p.Fingerprint == q.Fingerprint && p.Insecure == q.Insecure && p.Port == q.Port && p.Host == q.Host &&
		slices.Equal(p.Addrs, q.Addrs)
}

const (
	maxName      = 63 // a label of DNS
	maxDatabase  = 200
	maxProtocols = 200
)

func (p Peer) validate() error {
	invalid := fault.Invalid.In("advertise", p.Name)
	switch {
	case p.Name == "" || len(p.Name) > maxName:
		return invalid.Says("the name has %d bytes, want 1 to %d", len(p.Name), maxName)
	case p.Database == "" || len(p.Database) > maxDatabase:
		return invalid.Says("the database name has %d bytes, want 1 to %d", len(p.Database), maxDatabase)
	case len(joinProtocols(p.Protocols)) > maxProtocols:
		return invalid.Says("the protocols have more than %d bytes", maxProtocols)
	case len(p.Fingerprint) > maxDatabase:
		return invalid.Says("the fingerprint has %d bytes", len(p.Fingerprint))
	case !isText(p.Name + p.Database + p.Fingerprint + joinProtocols(p.Protocols)):
		return invalid.Says("it is not valid UTF-8, or has control characters")
	case p.Port == 0:
		return invalid.Says("the port is 0")
	}
	return nil
}

// isReachedAt reports whether an advertised peer answers at this machine's address addr on link.
func (p Peer) isReachedAt(addr netip.Addr, link Link) bool {
	return len(p.Addrs) == 0 || slices.ContainsFunc(p.Addrs, func(own netip.Addr) bool {
		return own.WithZone("") == addr && (own.Zone() == "" || own.Zone() == link.Name) ||
			own == netip.IPv4Unspecified() && addr.Is4()
	})
}

// sortAddrs sorts addresses by how likely they lead to the peer: IPv4, global IPv6, link-local,
// loopback.
func sortAddrs(addrs []netip.Addr) {
	rank := func(a netip.Addr) int {
		switch {
		case a.IsLoopback():
			return 3
		case a.IsLinkLocalUnicast():
			return 2
		case a.Is6():
			return 1
		}
		return 0
	}
	slices.SortFunc(addrs, func(a, b netip.Addr) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), a.Compare(b))
	})
}
