package tandem

import (
	"context"
	"net"
	"net/netip"
	"strings"

	"github.com/tandemdb/tandem/internal/discovery"
	"github.com/tandemdb/tandem/internal/replication"
)

// AdvertisedName returns the name that the network knows the listener's first database by: the
// configured one, perhaps with a number. It is "" while the listener is not advertised.
func (l *URLEndpointListener) AdvertisedName() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.ads) == 0 {
		return ""
	}
	return l.ads[0].Name()
}

// advertise announces the listener's databases on the local networks, if it is configured to. The
// caller holds starting.
func (l *URLEndpointListener) advertise() error {
	if l.cfg.Advertise == "" {
		return nil
	}
	options := discovery.Options{Interfaces: interfacesOf(l.running().Bound())}
	for i := range l.databases {
		ad, err := discovery.Advertise(context.Background(), l.advertised(i), options)
		if err != nil {
			l.stopAdvertising()
			return err
		}
		l.mu.Lock()
		l.ads = append(l.ads, ad)
		l.mu.Unlock()
	}
	return nil
}

// advertised returns the announcement of a database. Databases after the first add their own name
// to the configured one.
func (l *URLEndpointListener) advertised(at int) discovery.Peer {
	shared, name := l.databases[at], l.cfg.Advertise
	if at > 0 {
		name += " " + shared.name
		name = strings.ToValidUTF8(name[:min(len(name), maxAdvertised)], "")
	}
	peer := discovery.Peer{
		Name:      name,
		Database:  shared.name,
		Protocols: replication.Protocols(shared.db.store.Versioning(), true),
		Insecure:  l.cfg.DisableTLS,
		Port:      l.Port(),
	}
	if bound := l.running().Bound(); bound != netip.IPv6Unspecified() {
		peer.Addrs = []netip.Addr{bound}
	}
	if id := l.TLSIdentity(); id != nil {
		peer.Fingerprint = id.Fingerprint()
	}
	return peer
}

// maxAdvertised is the longest name that the network takes, in bytes.
const maxAdvertised = 63

// stopAdvertising announces that the listener is gone. The caller holds starting.
func (l *URLEndpointListener) stopAdvertising() {
	l.mu.Lock()
	ads := l.ads
	l.ads = nil
	l.mu.Unlock()
	for _, ad := range ads {
		_ = ad.Close() // it never fails
	}
}

// interfacesOf names the interface that has the address which a listener is bound to; nil means
// all.
func interfacesOf(bound netip.Addr) []string {
	if bound.IsUnspecified() {
		return nil
	}
	all, _ := net.Interfaces() // where they are not known, all are advertised to
	for _, candidate := range all {
		addrs, _ := candidate.Addrs()
		for _, addr := range addrs {
			prefix, err := netip.ParsePrefix(addr.String())
			sameZone := bound.Zone() == "" || bound.Zone() == candidate.Name
			if err == nil && prefix.Addr().Unmap() == bound.WithZone("") && sameZone {
				return []string{candidate.Name}
			}
		}
	}
	return nil
}
