package tandem

import (
	"context"
	"net"
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

// advertise tells the local networks of the listener's databases, if it is configured to; starting
// is held.
func (l *URLEndpointListener) advertise() error {
	if l.cfg.Advertise == "" {
		return nil
	}
	options := discovery.Options{Interfaces: interfacesOf(l.cfg.NetworkInterface)}
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

// advertised is what is told of a database. Those after the first add their own name to the
// configured one.
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
		Port:      uint16(l.Port()),
	}
	if id := l.TLSIdentity(); id != nil {
		peer.Fingerprint = id.Fingerprint()
	}
	return peer
}

// maxAdvertised is the longest name that the network takes, in bytes.
const maxAdvertised = 63

// stopAdvertising tells the local networks that the listener is gone; starting is held.
func (l *URLEndpointListener) stopAdvertising() {
	l.mu.Lock()
	ads := l.ads
	l.ads = nil
	l.mu.Unlock()
	for _, ad := range ads {
		_ = ad.Close() // it never fails
	}
}

// interfacesOf names the interfaces that a listener on address, the name of an interface or an
// IP address, is reached by; nil means all.
func interfacesOf(address string) []string {
	ip := net.ParseIP(address)
	switch {
	case address == "" || ip != nil && ip.IsUnspecified():
		return nil
	case ip == nil:
		return []string{address}
	}
	all, _ := net.Interfaces() // where they are not known, all are advertised to
	for _, candidate := range all {
		addrs, _ := candidate.Addrs()
		for _, addr := range addrs {
			if prefix, ok := addr.(*net.IPNet); ok && prefix.IP.Equal(ip) {
				return []string{candidate.Name}
			}
		}
	}
	return nil
}
