package transport_test

import (
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/tandemdb/tandem/internal/transport"
)

// A link-local address needs its zone, even if the system or the user leaves it out.
func TestLinkLocalURLsHaveTheirZone(t *testing.T) {
	all := linkLocal(t)
	if len(all) == 0 {
		t.Skip("this machine has no link-local IPv6 address")
	}
	address := all[0]
	for _, name := range []string{address.String(), address.WithZone("").String()} {
		s := listen(t, transport.ServerConfig{Interface: name})
		if s.Bound() != address {
			t.Errorf("%s: bound to %s, want %s", name, s.Bound(), address)
		}
		if url := s.URLs()[0]; !strings.Contains(url, "%25"+address.Zone()+"]") {
			t.Errorf("%s: the URL is %s, want a zone", name, url)
		}
		checkReached(t, s, transport.DialConfig{})
	}
}

// linkLocal returns the link-local IPv6 addresses of this machine, with their zones.
func linkLocal(t *testing.T) (all []netip.Addr) {
	t.Helper()
	interfaces, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range interfaces {
		addrs, _ := i.Addrs()
		for _, addr := range addrs {
			prefix, err := netip.ParsePrefix(addr.String())
			if err == nil && prefix.Addr().Is6() && prefix.Addr().IsLinkLocalUnicast() && i.Flags&net.FlagUp != 0 {
				all = append(all, prefix.Addr().WithZone(i.Name))
			}
		}
	}
	return all
}
