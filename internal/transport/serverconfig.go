package transport

import (
	"cmp"
	"crypto/tls"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
)

// Database is what clients of a [Server] ask for.
type Database struct {
	// Name is the database's name; [URLName] makes it fit for the URL.
	Name string
	// Protocols are those spoken; the client's order decides.
	Protocols []string
}

// ServerConfig says what a [Server] offers, where and to whom. Databases and Handler are
// required.
type ServerConfig struct {
	// Databases are those that clients may ask for, each under a name of its own.
	Databases []Database
	// Handler gets each connection on a goroutine of its own. The connection is dropped when it returns.
	Handler func(*Conn)
	// Refused is told of each client that is not let in, on any goroutine. Nil is told of none.
	Refused func(Refused)

	// NoPort opens no port: clients come by [Server.ServeHTTP] alone. Port, Interface,
	// Certificate and the limits on those whose request has not come mean nothing then.
	NoPort bool
	// Port is the TCP port. Zero chooses a free one.
	Port uint16
	// Interface is a local IP address or the name of an interface; empty means all, "0.0.0.0"
	// all with IPv4.
	Interface string
	// Certificate turns on TLS. Nil means clear text.
	Certificate *tls.Certificate
	// Authenticator decides who gets in. Nil lets in everybody.
	Authenticator *Authenticator
	// AllowedOrigins are those whose pages may connect in a browser, such as
	// "https://app.example.com", beside what the listener's own address serves. AnyOrigin allows
	// all. Replicators that are no browsers need none.
	AllowedOrigins []string
	// Heartbeat is the silence after which a client gets a PING. Zero means 300 s.
	Heartbeat time.Duration
	// Limits bound what clients may cost.
	Limits Limits
	// Product is the Server header. Empty means "Tandem".
	Product string
	// Logger gets refusals and connections. Nil drops them.
	Logger *slog.Logger
}

// Refused is a client that was not let in.
type Refused struct {
	Address string // host:port
	User    string // who it said it is, "" if it did not
	Agent   string // the program that it said it is
	Err     error  // why; of the WebSocket domain if it was told a status
}

// Limits bound what clients may cost. The zero value of each field is its default.
type Limits struct {
	// Handshake is the time for everything up to the response. Zero means 15 s.
	Handshake time.Duration
	// Connections is the most clients at once; others get HTTP 503. Zero means 1000.
	Connections int
	// PerAddress is the most clients at once from one address (an IPv6 /64). Zero means 250.
	PerAddress int
	// Pending is the most clients whose request has not come yet; one more pushes out the
	// oldest of them. Zero means 512.
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

// URLName makes a database's name fit for a URL's path.
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
