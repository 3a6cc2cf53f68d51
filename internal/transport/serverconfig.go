package transport

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/throttle"
)

// Database is a database that clients of a [Server] may request.
type Database struct {
	// Name is the database's name; [URLName] makes it fit for the URL.
	Name string
	// Protocols are the supported protocols. The client's order decides among them.
	Protocols []string
}

// ServerConfig configures a [Server]. Databases and Handler are required.
type ServerConfig struct {
	// Databases are the databases that clients may request, each under its own name.
	Databases []Database
	// Handler runs on a goroutine of its own for each connection. The connection is dropped when it
	// returns.
	Handler func(*Conn)
	// Refused is called for each refused client, on any goroutine. It may be nil.
	Refused func(Refused)

	// NoPort opens no port: clients come only through [Server.ServeHTTP]. Port, Interface,
	// Certificate, Limits.Handshake before the request and Limits.Pending then have no effect.
	NoPort bool
	// Port is the TCP port. Zero chooses a free one.
	Port uint16
	// Interface is a local IP address or the name of an interface. Empty means all interfaces,
	// "0.0.0.0" all with IPv4.
	Interface string
	// Listener, unless nil, is used in place of a port that is opened: Port and Interface then have no
	// effect. Its address is a *net.TCPAddr.
	Listener net.Listener
	// Pace bounds what the clients that come by the port move, and others that have it. Nil bounds nothing.
	Pace *Pace
	// Certificate turns on TLS. Nil means clear text.
	Certificate *tls.Certificate
	// Authenticator decides which clients are accepted. Nil accepts everybody.
	Authenticator *Authenticator
	// Throttle slows down the guessing of passwords. Servers may have one in common. Nil makes one.
	Throttle *throttle.Throttle
	// Aside serves clients that ask for another protocol in the TLS handshake. Nil serves none.
	Aside *Aside
	// AllowedOrigins are sites, such as "https://app.example.com", whose pages may connect from a
	// browser. Pages of the listener's own address always may. AnyOrigin allows every site.
	// Replicators that are no browsers need no entry.
	AllowedOrigins []string
	// Heartbeat is the silence after which a client gets a PING. Zero means 300 s.
	Heartbeat time.Duration
	// Limits bound the resources that clients may use.
	Limits Limits
	// Product is the Server header. Empty means "Tandem".
	Product string
	// Logger receives refusals and connections. Nil discards them.
	Logger *slog.Logger
}

// Aside is another protocol at the port of a [Server], for clients that show some certificate.
type Aside struct {
	// Protocol is its name in the TLS handshake (ALPN).
	Protocol string
	// Open reports whether it is served now. It must not block.
	Open func() bool
	// Serve holds one connection after the handshake, over TLS 1.3. ctx ends when the server stops. The
	// connection is closed when it returns. Newer clients may push it out, see Limits.Pending. from is
	// the address that limits count the client under.
	Serve func(ctx context.Context, conn *tls.Conn, from netip.Addr)
}

// Refused describes a client that was refused.
type Refused struct {
	Address string // host:port
	User    string // the user that the client claims to be, or ""
	Agent   string // the program that the client claims to be, or ""
	Err     error  // the reason; of the WebSocket domain if the client got a status
}

// Limits bound the resources that clients may use. The zero value of each field is its default.
type Limits struct {
	// Handshake bounds the time until the response. Zero means 15 s.
	Handshake time.Duration
	// Connections is the largest number of clients at once; others get HTTP 503. Zero means 1000.
	Connections int
	// PerAddress is the largest number of clients at once from one address (an IPv6 /64). Zero
	// means 250.
	PerAddress int
	// Pending is the largest number of clients that have sent no request yet; a further one pushes
	// out the oldest. Zero means 512.
	Pending int
}

func (l Limits) withDefaults() Limits {
	l.Handshake = cmp.Or(l.Handshake, defaultTimeout)
	l.Connections = cmp.Or(l.Connections, 1000)
	l.PerAddress = cmp.Or(l.PerAddress, 250)
	l.Pending = cmp.Or(l.Pending, 512)
	return l
}

// Validate reports every setting that cannot work, as fault.Invalid.
func (c ServerConfig) Validate() error {
	var errs []error
	wrong := func(what string) { errs = append(errs, fault.Invalid.In("listen", "").Says("%s", what)) }
	if len(c.Databases) == 0 {
		wrong("there is no database")
	}
	names := map[string]bool{}
	for _, db := range c.Databases {
		if len(db.Protocols) == 0 {
			wrong("there is no protocol to speak")
		}
		if names[URLName(db.Name)] {
			wrong("two databases have the name " + URLName(db.Name))
		}
		names[URLName(db.Name)] = true
	}
	if c.Handler == nil {
		wrong("there is no handler")
	}
	if c.Authenticator.NeedsTLS() && c.Certificate == nil && !c.NoPort {
		wrong("clients can be known by certificate only with TLS")
	}
	if err := CheckOrigins(c.AllowedOrigins); err != nil {
		wrong(err.Error())
	}
	if c.Heartbeat < 0 || c.Limits.Handshake < 0 {
		wrong("heartbeat and time limits cannot be negative")
	}
	if min(c.Limits.Connections, c.Limits.PerAddress, c.Limits.Pending) < 0 {
		wrong("limits cannot be negative")
	}
	return errors.Join(errs...)
}

func (c ServerConfig) clone() ServerConfig {
	c.Databases = slices.Clone(c.Databases)
	for i, db := range c.Databases {
		c.Databases[i] = Database{Name: URLName(db.Name), Protocols: slices.Clone(db.Protocols)}
	}
	c.AllowedOrigins = slices.Clone(c.AllowedOrigins)
	return c
}

// URLName returns a database's name in a form that fits into a URL's path.
func URLName(database string) string {
	name := strings.Map(func(c rune) rune {
		if c == '/' || c < ' ' || c == 0x7F {
			return '-'
		}
		return c
	}, database)
	if strings.HasPrefix(name, "_") {
		name = "-" + name[1:]
	}
	return cmp.Or(name, "db")
}
