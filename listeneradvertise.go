package tandem

import (
	"context"
	"net"

	"github.com/tandemdb/tandem/internal/discovery"
	"github.com/tandemdb/tandem/internal/replication"
	"github.com/tandemdb/tandem/internal/transport"
)

// AdvertisedName returns the name that the network knows the listener by: the configured one,
// perhaps with a number. It is "" while the listener is not advertised.
func (l *URLEndpointListener) AdvertisedName() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ad == nil {
		return ""
	}
	return l.ad.Name()
}

// advertise tells the local networks of the listener, if it is to; starting is held.
func (l *URLEndpointListener) advertise() error {
	if l.cfg.Advertise == "" {
		return nil
	}
	peer := discovery.Peer{
		Name:      l.cfg.Advertise,
		Database:  transport.URLName(l.db.Name()),
		Protocols: replication.Protocols(l.db.store.Versioning(), true),
		Insecure:  l.cfg.DisableTLS,
		Port:      uint16(l.Port()),
	}
	if id := l.TLSIdentity(); id != nil {
		peer.Fingerprint = id.Fingerprint()
	}
	options := discovery.Options{Interfaces: interfacesOf(l.cfg.NetworkInterface)}
	ad, err := discovery.Advertise(context.Background(), peer, options)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ad = ad
	return nil
}

// stopAdvertising tells the local networks that the listener is gone; starting is held.
func (l *URLEndpointListener) stopAdvertising() {
	l.mu.Lock()
	ad := l.ad
	l.ad = nil
	l.mu.Unlock()
	if ad != nil {
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
