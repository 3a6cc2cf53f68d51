package tandem

import "github.com/tandemdb/tandem/internal/transport"

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
