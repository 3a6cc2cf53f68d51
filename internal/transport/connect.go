package transport

import (
	"context"
	"crypto/tls"
	"net"
	"net/netip"
	"strings"

	"github.com/tandemdb/tandem/internal/fault"
)

// connect reaches the endpoint by TCP, through the proxy if there is one, and does the TLS
// handshake for wss.
func (d *dialer) connect(ctx context.Context) (net.Conn, error) {
	proxy, err := d.proxy()
	if err != nil {
		return nil, err
	}
	address := d.to.Address()
	if proxy != nil {
		address = proxyAddress(proxy)
	}
	nc, err := d.dialTCP(ctx, address)
	switch {
	case err != nil && proxy != nil:
		return nil, noProxy(proxy, err)
	case err != nil:
		return nil, netFault(err)
	}
	limitUnsent(nc)
	nc = d.cfg.Pace.of(nc)
	stop := context.AfterFunc(ctx, func() { _ = nc.Close() })
	defer stop()
	if proxy != nil {
		if err := d.tunnel(nc, proxy); err != nil {
			_ = nc.Close()
			return nil, err
		}
	}
	if !d.to.Secure() {
		begin(nc)
		return nc, nil
	}
	secure := tls.Client(nc, d.tlsConfig())
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = nc.Close()
		return nil, tlsFault(err)
	}
	begin(nc)
	return secure, nil
}

// dialTCP dials from each address of the chosen interface in turn, until one succeeds.
func (d *dialer) dialTCP(ctx context.Context, address string) (net.Conn, error) {
	if d.cfg.Connect != nil {
		return d.cfg.Connect(ctx, address)
	}
	if d.cfg.NetworkInterface == "" {
		return new(net.Dialer).DialContext(ctx, "tcp", address)
	}
	from, err := interfaceAddresses(d.cfg.NetworkInterface)
	if err != nil {
		return nil, fault.UnknownInterface.Says("no interface %q on this device", d.cfg.NetworkInterface)
	}
	for _, local := range from {
		dialer := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(local, 0))}
		var nc net.Conn
		if nc, err = dialer.DialContext(ctx, family(local), address); err == nil {
			return nc, nil
		}
	}
	return nil, err
}

func family(a netip.Addr) string {
	if a.Is4() {
		return "tcp4"
	}
	return "tcp6"
}

func (d *dialer) tlsConfig() *tls.Config {
	host, _, _ := strings.Cut(d.to.Host(), "%")
	return &tls.Config{
		MinVersion:                  tls.VersionTLS12,
		ServerName:                  host,
		DynamicRecordSizingDisabled: true, // full records from the start
		InsecureSkipVerify:          true, //nolint:gosec // VerifyConnection verifies, and returns this protocol's error codes
		VerifyConnection: func(state tls.ConnectionState) error {
			d.seen.Certificates = state.PeerCertificates
			return d.cfg.Trust.verify(state.PeerCertificates, host)
		},
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			d.certAsked = true
			if d.cfg.ClientCertificate == nil {
				return new(tls.Certificate), nil
			}
			return d.cfg.ClientCertificate, nil
		},
	}
}
