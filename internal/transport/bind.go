package transport

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strconv"

	"github.com/tandemdb/tandem/internal/fault"
)

// bind opens the port on one interface or on all.
func bind(ctx context.Context, name string, port uint16) (net.Listener, error) {
	network, host := "tcp", ""
	if name != "" {
		addresses, err := interfaceAddresses(name)
		if err != nil {
			return nil, err
		}
		addresses[0] = zoned(addresses[0])
		if host = addresses[0].String(); addresses[0] == netip.IPv4Unspecified() {
			network = "tcp4"
		}
		if addresses[0] == netip.IPv6Unspecified() {
			host = "" // listens with IPv4, too
		}
	}
	l, err := new(net.ListenConfig).Listen(ctx, network, net.JoinHostPort(host, strconv.Itoa(int(port))))
	if err != nil {
		return nil, bindFault(err, name, port)
	}
	return l, nil
}

func bindFault(err error, name string, port uint16) error {
	f := netFault(err)
	switch {
	case errors.Is(err, addrInUse):
		f = fault.AddressInUse.Because(shortly(err)).Try("choose another port, or 0 for a free one")
	case errors.Is(err, accessDenied):
		f = fault.New(fault.POSIX, int(accessDenied), "").Because(err).Try("choose a port above 1023")
	case errors.Is(err, addrNotAvailable):
		f = unknownInterface(name).Because(err)
	}
	return f.In("listen on port", strconv.Itoa(int(port)))
}

// namesOf returns the host's names under which l can be reached.
func namesOf(ctx context.Context, l net.Listener) []string {
	at := l.Addr().(*net.TCPAddr).AddrPort().Addr()
	switch {
	case !at.IsUnspecified():
		return nil
	case at.Is4():
		return hostNames(ctx, "ip4")
	}
	return hostNames(ctx, "ip")
}

// zoned adds the zone to a link-local IPv6 address of this device.
func zoned(a netip.Addr) netip.Addr {
	if !a.Is6() || !a.IsLinkLocalUnicast() || a.Zone() != "" {
		return a
	}
	for _, own := range localAddresses() {
		if own.WithZone("") == a {
			return own
		}
	}
	return a
}

// Bound returns the address that the server listens at, with its zone. It is unspecified if the
// server listens on all interfaces, and the zero value without a port.
func (s *Server) Bound() netip.Addr {
	if s.listener == nil {
		return netip.Addr{}
	}
	return zoned(s.listener.Addr().(*net.TCPAddr).AddrPort().Addr().Unmap()) // the listener's address lacks the zone
}

// Addresses returns the addresses at which other machines may reach the server, those of this machine
// alone if there is no other; none without a port.
func (s *Server) Addresses() (reachable []netip.AddrPort) {
	at := s.Bound()
	switch {
	case !at.IsValid():
		return nil
	case !at.IsUnspecified():
		return []netip.AddrPort{netip.AddrPortFrom(at, uint16(s.Port()))}
	}
	for _, a := range localAddresses() {
		if (a.Is4() || at.Is6()) && a.Zone() == "" { // a zone means nothing on another machine
			reachable = append(reachable, netip.AddrPortFrom(a, uint16(s.Port())))
		}
	}
	return reachable
}

// hosts returns the names and addresses under which clients reach this server.
func (s *Server) hosts() []string {
	at := s.Bound()
	if !at.IsUnspecified() {
		return []string{at.String()}
	}
	hosts := append([]string(nil), s.names...)
	for _, a := range localAddresses() {
		if a.Is4() || at.Is6() {
			hosts = append(hosts, a.String())
		}
	}
	return hosts
}
