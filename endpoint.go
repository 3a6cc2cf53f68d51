package tandem

import (
	"context"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/replication"
	"github.com/tandemdb/tandem/internal/transport"
)

// Endpoint is the peer of a replicator: a [URLEndpoint] or a [DatabaseEndpoint].
type Endpoint interface {
	// String names the peer. The checkpoints of a replication go by the name.
	String() string

	// check says why the replicator's configuration does not fit the endpoint.
	check(cfg ReplicatorConfiguration) error

	// dial opens a connection for the runner of r, which speaks the protocol that it returns.
	dial(ctx context.Context, r *Replicator, known *replication.Acquaintance) (pipe blip.Pipe, protocol string, err error)
}

var errNoEndpoint error = fault.Invalid.In("configure replicator", "").Says("there is no endpoint").
	Try("set Endpoint to the result of NewURLEndpoint or NewDatabaseEndpoint")

// URLEndpoint is the address of a peer's database: ws://host[:port]/[path/]database, or wss://
// with TLS. Its zero value is no endpoint.
type URLEndpoint struct{ endpoint transport.Endpoint }

// NewURLEndpoint reads an address. It fails with [ErrInvalidURL] for another scheme, a missing
// database name, or a user or password inside the URL.
func NewURLEndpoint(url string) (URLEndpoint, error) {
	endpoint, err := transport.ParseEndpoint(url)
	return URLEndpoint{endpoint}, err
}

// String returns the address as a URL, "" for the zero value.
func (e URLEndpoint) String() string {
	if e == (URLEndpoint{}) {
		return ""
	}
	return e.endpoint.String()
}

// DatabaseName returns the name of the database at the peer.
func (e URLEndpoint) DatabaseName() string { return e.endpoint.DatabaseName() }

func (e URLEndpoint) check(ReplicatorConfiguration) error {
	if e == (URLEndpoint{}) {
		return errNoEndpoint
	}
	return nil
}

func (e URLEndpoint) dial(ctx context.Context, r *Replicator, known *replication.Acquaintance) (blip.Pipe, string, error) {
	return r.dialURL(ctx, known)
}
