package transport

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/tandemdb/tandem/internal/fault"
)

// connect reaches the endpoint by TCP, through the proxy if there is one, and TLS.
func (d *dialer) connect(ctx context.Context) (net.Conn, error) {
	address := d.to.Address()
	if d.cfg.Proxy != nil {
		address = d.cfg.Proxy.Host
	}
	nc, err := d.dialTCP(ctx, address)
	if err != nil {
		return nil, netFault(err)
	}
	limitUnsent(nc)
	stop := context.AfterFunc(ctx, func() { _ = nc.Close() })
	defer stop()
	if d.cfg.Proxy != nil {
		if err := d.tunnel(nc); err != nil {
			_ = nc.Close()
			return nil, err
		}
	}
	if !d.to.Secure() {
		return nc, nil
	}
	secure := tls.Client(nc, d.tlsConfig())
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = nc.Close()
		return nil, tlsFault(err)
	}
	return secure, nil
}

// dialTCP tries each address of the chosen interface in turn.
func (d *dialer) dialTCP(ctx context.Context, address string) (net.Conn, error) {
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

// tunnel asks the proxy to connect to the endpoint.
func (d *dialer) tunnel(nc net.Conn) error {
	auth := ""
	if user := d.cfg.Proxy.User; user != nil {
		password, _ := user.Password()
		auth = "Proxy-Authorization: Basic " +
			base64.StdEncoding.EncodeToString([]byte(user.Username()+":"+password)) + "\r\n"
	}
	to := d.to.Address()
	if _, err := fmt.Fprintf(nc, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n%s\r\n", to, to, auth); err != nil {
		return netFault(err)
	}
	// One byte at a time: what follows the head belongs to the peer behind the proxy.
	br := bufio.NewReaderSize(&headReader{r: byteReader{nc}, left: maxHead}, 16)
	res, err := http.ReadResponse(br, &http.Request{Method: http.MethodConnect})
	if err != nil {
		return fault.New(fault.WebSocket, http.StatusBadGateway, "the proxy's answer is not HTTP").Because(err)
	}
	if res.StatusCode/100 != 2 {
		return fault.New(fault.WebSocket, res.StatusCode, "the proxy refused: "+res.Status)
	}
	return nil
}

type byteReader struct{ net.Conn }

func (b byteReader) Read(p []byte) (int, error) { return b.Conn.Read(p[:min(1, len(p))]) }

func (d *dialer) tlsConfig() *tls.Config {
	host, _, _ := strings.Cut(d.to.Host(), "%")
	return &tls.Config{
		MinVersion:                  tls.VersionTLS12,
		ServerName:                  host,
		DynamicRecordSizingDisabled: true, // whole records from the start
		InsecureSkipVerify:          true, //nolint:gosec // VerifyConnection verifies, with the codes of this protocol
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
