package discovery_test

import (
	"net"
	"net/netip"
	"slices"
	"sync"

	"github.com/tandemdb/tandem/internal/discovery"
)

// lan is a network in memory: what a machine sends, all machines on it receive.
type lan struct {
	mu       sync.Mutex // guards the following
	sockets  []*lanSocket
	sent     int               // packets
	cut      bool              // nothing arrives
	observer func(data []byte) // sees each packet, or nil
}

// machine returns the network as the machine with that number sees it.
func (l *lan) machine(number byte) *lanMachine {
	return &lanMachine{lan: l, links: []discovery.Link{{
		Index: 1, Name: "eth0", Nets: []netip.Prefix{
			netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 0, 2, number}), 24),
			netip.PrefixFrom(netip.AddrFrom16([16]byte{0: 0xfe, 1: 0x80, 15: number}), 64),
		},
	}}}
}

func (l *lan) setCut(cut bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = cut
}

func (l *lan) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sent
}

type lanMachine struct {
	lan   *lan
	mu    sync.Mutex
	links []discovery.Link
}

func (m *lanMachine) setLinks(links ...discovery.Link) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.links = links
}

func (m *lanMachine) linksNow() []discovery.Link {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.links)
}

func (m *lanMachine) Join([]string) (discovery.Socket, error) {
	s := &lanSocket{machine: m, packets: make(chan discovery.Packet, 1000), closed: make(chan struct{})}
	m.lan.mu.Lock()
	defer m.lan.mu.Unlock()
	m.lan.sockets = append(m.lan.sockets, s)
	return s, nil
}

type lanSocket struct {
	machine *lanMachine
	packets chan discovery.Packet
	closed  chan struct{}
	once    sync.Once
}

func (s *lanSocket) Links() []discovery.Link { return s.machine.linksNow() }

func (s *lanSocket) Send(link int, packet []byte, to netip.AddrPort) error {
	links := s.machine.linksNow()
	at := slices.IndexFunc(links, func(l discovery.Link) bool { return l.Index == link })
	if at < 0 {
		return net.ErrClosed
	}
	from := netip.AddrPortFrom(links[at].Nets[0].Addr(), 5353)
	s.machine.lan.deliver(discovery.Packet{Data: packet, From: from, Link: link}, to)
	return nil
}

func (l *lan) deliver(p discovery.Packet, to netip.AddrPort) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent++
	if l.observer != nil {
		l.observer(p.Data)
	}
	if l.cut || to.IsValid() {
		return
	}
	for _, s := range l.sockets {
		select {
		case <-s.closed:
		case s.packets <- p:
		default: // as UDP does
		}
	}
}

func (s *lanSocket) Receive() (discovery.Packet, error) {
	select {
	case p := <-s.packets:
		return p, nil
	case <-s.closed:
		return discovery.Packet{}, net.ErrClosed
	}
}

func (s *lanSocket) Close() error {
	s.once.Do(func() { close(s.closed) })
	return nil
}
