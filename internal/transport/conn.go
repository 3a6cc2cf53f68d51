package transport

import (
	"crypto/x509"
	"net"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/transport/websocket"
)

var _ blip.Pipe = (*Conn)(nil)

// Conn is a connection to a peer after a successful handshake. It implements blip.Pipe. Reads fail
// with a *blip.CloseError when the peer closes or vanishes, and with fault.Timeout when it falls
// silent. The other methods are safe for concurrent use.
type Conn struct {
	*websocket.Conn

	seen     Seen
	database string
	protocol string
	user     string
	remote   net.Addr
}

// Seen holds the data that a peer showed in a handshake, even if the handshake failed.
type Seen struct {
	// Certificates is the peer's chain, leaf first. It is nil without TLS.
	Certificates []*x509.Certificate
	// Server is the Server header of a response, or the User-Agent of a request.
	Server string
	// CorrelationID names the connection in the listener's log. It may be empty.
	CorrelationID string
}

// Database returns the name of the database that a client has requested; "" on the client's side.
func (c *Conn) Database() string { return c.database }

// Protocol returns the subprotocol agreed on, such as "BLIP_3+CBMobile_4".
func (c *Conn) Protocol() string { return c.protocol }

// PeerCertificates returns the peer's chain, leaf first, or nil.
func (c *Conn) PeerCertificates() []*x509.Certificate { return c.seen.Certificates }

// CorrelationID returns the X-Correlation-Id of the handshake: the listener's name for
// the connection, to find it in its log. It is empty if the listener gave none.
func (c *Conn) CorrelationID() string { return c.seen.CorrelationID }

// ServerHeader returns the peer's program as the peer names it: a listener's Server header, or a
// client's User-Agent.
func (c *Conn) ServerHeader() string { return c.seen.Server }

// User returns the name with which a client passed the password check, or the name set by
// [WithUser], or "".
func (c *Conn) User() string { return c.user }

// RemoteAddr returns the peer's address.
func (c *Conn) RemoteAddr() net.Addr { return c.remote }
