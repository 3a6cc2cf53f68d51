package discovery

import (
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"

	"github.com/tandemdb/tandem/internal/fault"
)

const (
	mdnsPort  = 5353
	hops      = 255 // RFC 6762 §11
	maxPacket = 9000
	rescan    = 5 * time.Second
)

var (
	group4 = netip.MustParseAddr("224.0.0.251")
	group6 = netip.MustParseAddr("ff02::fb")
)

// machine is this machine's network.
type machine struct{}

// Join opens port 5353 together with other programs that use it, such as Avahi. IPv4 or IPv6 alone
// suffices.
func (machine) Join(interfaces []string) (Socket, error) {
	for _, name := range interfaces {
		if _, err := net.InterfaceByName(name); err != nil {
			return nil, fault.UnknownInterface.In("join network", name).Because(err)
		}
	}
	// A multicast address makes package net share the port, and bind to all addresses.
	c4, err4 := net.ListenPacket("udp4", netip.AddrPortFrom(group4, mdnsPort).String())
	c6, err6 := net.ListenPacket("udp6", netip.AddrPortFrom(group6, mdnsPort).String())
	if err4 != nil && err6 != nil {
		return nil, fault.NetworkDown.In("join network", "port 5353").Because(errors.Join(err4, err6)).
			Try("another program may keep the port of multicast DNS to itself")
	}
	s := &socket{only: interfaces, packets: make(chan Packet, 16), closed: make(chan struct{}), joined: map[int]bool{}}
	if err4 == nil {
		s.v4 = ipv4.NewPacketConn(c4)
		_ = s.v4.SetMulticastTTL(hops)
		_ = s.v4.SetMulticastLoopback(true)
		_ = s.v4.SetControlMessage(ipv4.FlagInterface, true) // not on Windows
		s.readers.Go(s.read4)
	}
	if err6 == nil {
		s.v6 = ipv6.NewPacketConn(c6)
		_ = s.v6.SetMulticastHopLimit(hops)
		_ = s.v6.SetMulticastLoopback(true)
		_ = s.v6.SetControlMessage(ipv6.FlagInterface, true)
		s.readers.Go(s.read6)
	}
	s.Links()
	return s, nil
}

type socket struct {
	only    []string // names of interfaces; empty means all
	v4      *ipv4.PacketConn
	v6      *ipv6.PacketConn
	packets chan Packet
	closed  chan struct{}
	once    sync.Once
	readers sync.WaitGroup

	sending sync.Mutex // sending multicasts sets the interface of the whole connection

	mu      sync.Mutex // guards the following
	links   []Link
	scanned time.Time
	joined  map[int]bool // by index; a group stays joined as long as its interface exists
}

func (s *socket) Links() []Link {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.scanned.IsZero() || time.Since(s.scanned) >= rescan {
		s.scanned = time.Now()
		s.scanLocked()
	}
	return slices.Clone(s.links)
}

func (s *socket) scanLocked() {
	found, err := net.Interfaces()
	if err != nil {
		return // keep the known links
	}
	s.links = s.links[:0:0]
	here := map[int]bool{}
	for _, ifi := range found {
		if !s.wanted(ifi) {
			continue
		}
		link := Link{Index: ifi.Index, Name: ifi.Name, Nets: networksOf(ifi)}
		if len(link.Nets) == 0 || !s.joined[ifi.Index] && !s.join(ifi) {
			continue
		}
		here[ifi.Index] = true
		s.links = append(s.links, link)
	}
	s.joined = here
}

func (s *socket) wanted(ifi net.Interface) bool {
	if ifi.Flags&net.FlagUp == 0 {
		return false
	}
	if len(s.only) > 0 {
		return slices.Contains(s.only, ifi.Name)
	}
	return ifi.Flags&(net.FlagMulticast|net.FlagLoopback) != 0
}

// join reports whether the interface is in at least one of the groups. An error may mean that it
// was in it before.
func (s *socket) join(ifi net.Interface) bool {
	ok := false
	if s.v4 != nil {
		ok = s.v4.JoinGroup(&ifi, &net.UDPAddr{IP: group4.AsSlice()}) == nil
	}
	if s.v6 != nil {
		ok = s.v6.JoinGroup(&ifi, &net.UDPAddr{IP: group6.AsSlice()}) == nil || ok
	}
	return ok
}

func (s *socket) Send(link int, packet []byte, to netip.AddrPort) error {
	if to.IsValid() {
		return s.sendTo(packet, to)
	}
	ifi, err := net.InterfaceByIndex(link)
	if err != nil {
		return err
	}
	s.sending.Lock()
	defer s.sending.Unlock()
	err4, err6 := net.ErrClosed, net.ErrClosed
	if s.v4 != nil {
		if err4 = s.v4.SetMulticastInterface(ifi); err4 == nil {
			_, err4 = s.v4.WriteTo(packet, nil, &net.UDPAddr{IP: group4.AsSlice(), Port: mdnsPort})
		}
	}
	if s.v6 != nil {
		if err6 = s.v6.SetMulticastInterface(ifi); err6 == nil {
			_, err6 = s.v6.WriteTo(packet, nil, &net.UDPAddr{IP: group6.AsSlice(), Port: mdnsPort, Zone: ifi.Name})
		}
	}
	if err4 != nil && err6 != nil {
		return errors.Join(err4, err6)
	}
	return nil
}

func (s *socket) sendTo(packet []byte, to netip.AddrPort) (err error) {
	addr := net.UDPAddrFromAddrPort(to)
	switch {
	case to.Addr().Is4() && s.v4 != nil:
		_, err = s.v4.WriteTo(packet, nil, addr)
	case to.Addr().Is6() && s.v6 != nil:
		_, err = s.v6.WriteTo(packet, nil, addr)
	}
	return err
}

func (s *socket) Receive() (Packet, error) {
	select {
	case p := <-s.packets:
		return p, nil
	case <-s.closed:
		return Packet{}, net.ErrClosed
	}
}

func (s *socket) Close() error {
	s.once.Do(func() {
		close(s.closed)
		if s.v4 != nil {
			_ = s.v4.Close()
		}
		if s.v6 != nil {
			_ = s.v6.Close()
		}
	})
	s.readers.Wait()
	return nil
}

func (s *socket) read4() {
	buf := make([]byte, maxPacket)
	for {
		n, cm, from, err := s.v4.ReadFrom(buf)
		link := 0
		if cm != nil {
			link = cm.IfIndex
		}
		if !s.deliver(buf[:n], from, link, err) {
			return
		}
	}
}

func (s *socket) read6() {
	buf := make([]byte, maxPacket)
	for {
		n, cm, from, err := s.v6.ReadFrom(buf)
		link := 0
		if cm != nil {
			link = cm.IfIndex
		}
		if !s.deliver(buf[:n], from, link, err) {
			return
		}
	}
}

// deliver passes a packet to Receive, and reports whether to read on.
func (s *socket) deliver(data []byte, from net.Addr, link int, err error) bool {
	if err != nil {
		if errors.Is(err, net.ErrClosed) {
			return false
		}
		select { // an error such as a message too long on Windows: pause briefly and read on
		case <-s.closed:
			return false
		case <-time.After(10 * time.Millisecond):
			return true
		}
	}
	udp, ok := from.(*net.UDPAddr)
	if !ok {
		return true
	}
	p := Packet{Data: slices.Clone(data), From: udp.AddrPort(), Link: link}
	select {
	case s.packets <- p:
		return true
	case <-s.closed:
		return false
	}
}

func networksOf(ifi net.Interface) []netip.Prefix {
	addrs, err := ifi.Addrs()
	if err != nil {
		return nil
	}
	var nets []netip.Prefix
	for _, addr := range addrs {
		if n, ok := addr.(*net.IPNet); ok {
			ip, ok := netip.AddrFromSlice(n.IP)
			ones, _ := n.Mask.Size()
			if ok {
				nets = append(nets, netip.PrefixFrom(ip.Unmap(), ones))
			}
		}
	}
	return nets
}
