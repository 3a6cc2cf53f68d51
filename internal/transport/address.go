package transport

import (
	"context"
	"net"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
)

// lookupWait bounds the check that this host's name resolves to it.
const lookupWait = 300 * time.Millisecond

// interfaceAddresses returns the addresses of an interface, or the address that an IP literal
// names. The most useful come first: IPv4, then IPv6, then link-local ones.
func interfaceAddresses(name string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(name); err == nil {
		return []netip.Addr{a.Unmap()}, nil
	}
	i, err := net.InterfaceByName(name)
	if err != nil {
		return nil, unknownInterface(name).Because(err)
	}
	addresses, err := addressesOf(*i)
	if err != nil {
		return nil, unknownInterface(name).Because(err)
	}
	if len(addresses) == 0 {
		return nil, unknownInterface(name).Says("the interface %s has no address", name)
	}
	return addresses, nil
}

func unknownInterface(name string) *fault.Error {
	return fault.UnknownHost.Says("no interface %q on this device", name).
		Try("give an IP address of this device or the name of an interface")
}

func addressesOf(i net.Interface) ([]netip.Addr, error) {
	found, err := i.Addrs()
	if err != nil {
		return nil, err
	}
	var addresses []netip.Addr
	for _, f := range found {
		prefix, err := netip.ParsePrefix(f.String())
		if err != nil {
			continue
		}
		a := prefix.Addr().Unmap()
		if a.Is6() && a.IsLinkLocalUnicast() {
			a = a.WithZone(i.Name)
		}
		addresses = append(addresses, a)
	}
	slices.SortStableFunc(addresses, func(a, b netip.Addr) int { return rank(a) - rank(b) })
	return addresses, nil
}

func rank(a netip.Addr) int {
	switch {
	case a.IsLinkLocalUnicast() && a.Is6():
		return 3
	case a.IsLinkLocalUnicast():
		return 2
	case a.Is6():
		return 1
	}
	return 0
}

// localAddresses returns the addresses of all interfaces that are up. It returns loopback addresses
// only if there are no others: they reach this device from nowhere else.
func localAddresses() []netip.Addr {
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil
	}
	var outside, loopback []netip.Addr
	for _, i := range interfaces {
		addresses, err := addressesOf(i)
		switch {
		case err != nil || i.Flags&net.FlagUp == 0:
		case i.Flags&net.FlagLoopback != 0:
			loopback = append(loopback, addresses...)
		default:
			outside = append(outside, addresses...)
		}
	}
	if len(outside) == 0 {
		return loopback
	}
	return outside
}

// hostNames returns this host's name and its name in .local, if they resolve to this host in
// network, which is "ip" or "ip4".
func hostNames(ctx context.Context, network string) []string {
	name, err := os.Hostname()
	if err != nil || name == "" {
		return nil
	}
	candidates := []string{name}
	if !strings.Contains(name, ".") {
		candidates = append(candidates, name+".local")
	}
	return slices.DeleteFunc(candidates, func(name string) bool { return !leadsHere(ctx, network, name) })
}

func leadsHere(ctx context.Context, network, name string) bool {
	ctx, cancel := context.WithTimeout(ctx, lookupWait)
	defer cancel()
	found, err := net.DefaultResolver.LookupNetIP(ctx, network, name)
	if err != nil {
		return false
	}
	ours := localAddresses()
	return len(found) > 0 && !slices.ContainsFunc(found, func(a netip.Addr) bool {
		return !a.IsLoopback() && !slices.Contains(ours, a.Unmap().WithZone(a.Zone()))
	})
}

// endpointURL returns the URL of a database on host, a name or an address.
func endpointURL(secure bool, host string, port int, database string) string {
	u := url.URL{Scheme: "ws", Host: net.JoinHostPort(host, strconv.Itoa(port)), Path: "/" + database}
	if secure {
		u.Scheme = "wss"
	}
	u.RawPath = "/" + url.PathEscape(database)
	return u.String()
}
