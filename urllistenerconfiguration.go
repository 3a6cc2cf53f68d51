package tandem

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/transport"
)

// URLEndpointListenerConfiguration configures what a listener shares, where and with whom. Only
// Collections is required.
type URLEndpointListenerConfiguration struct {
	// Collections are shared; at least one. They may be of several open databases with different
	// names, each of which clients reach under its name. The listener stops when one of the
	// databases is closed.
	Collections []*Collection

	// DisablePort opens no port: clients come by [URLEndpointListener.Handler] alone, whose
	// server does the TLS. Port, NetworkInterface and Advertise have to be zero then.
	DisablePort bool

	// Port is the TCP port; 0 chooses a free one at each start.
	Port uint16

	// NetworkInterface is a local IP address or the name of an interface. Empty means all
	// of them, "0.0.0.0" all with IPv4.
	NetworkInterface string

	// DisableTLS speaks clear text. TLSIdentity is ignored then.
	DisableTLS bool

	// TLSIdentity proves the listener to its clients. Nil means the anonymous identity of the
	// first database: see [AnonymousIdentity].
	TLSIdentity *TLSIdentity

	// IdentityStore keeps the anonymous identity. Nil means [DefaultIdentityStore].
	IdentityStore TLSIdentityStore

	// Authenticator decides which clients are accepted. Nil accepts everybody.
	Authenticator *ListenerAuthenticator

	// AllowedOrigins are the origins whose pages may connect in a browser, such as
	// "https://app.example.com"; "*" means all. Pages of other origins are refused, except
	// pages from the listener's own address. Clients outside of browsers are not affected.
	AllowedOrigins []string

	// ReadOnly refuses changes from clients.
	ReadOnly bool

	// Access says what a client may do with a collection. It is called once for each collection
	// that a client asks for, on any goroutine; a panic counts as [NoAccess]. Nil lets every
	// client do everything. ReadOnly takes precedence.
	Access func(client ClientInfo, coll *Collection) CollectionAccess

	// PushFilter decides which documents are sent to a client, PullFilter which of its changes are
	// accepted. Nil lets all pass. When a filter's answer for a document changes to true, the
	// client gets the document after its next change, or when the client resets its checkpoint. A
	// client keeps documents that it was sent earlier. It is not told about a document that
	// PushFilter withholds, and reports to be in sync. It is told about a change that PullFilter
	// refuses.
	PushFilter, PullFilter ListenerFilter

	// EnableDeltaSync sends and takes changes of documents as deltas, unless
	// [Options.DisableDeltaSync] turns them off for the database.
	EnableDeltaSync bool

	// Advertise is the name, of at most 63 bytes, under which peers on the local networks find
	// the listener. Databases after the first add their own name to it. If another peer has the
	// name already, a number is added: see [URLEndpointListener.AdvertisedName]. Empty means
	// that the listener is not advertised.
	Advertise string

	// MaxConnections limits the clients at once; others are asked to come back later. Zero
	// means 1000.
	MaxConnections int

	// MaxConnectionsPerAddress limits those from one address. Zero means 250.
	MaxConnectionsPerAddress int

	// Heartbeat is the silence after which a client is asked whether it is still there.
	// Zero means 300 s.
	Heartbeat time.Duration

	// Logger receives the events of connections. At level Debug it logs each message of the
	// protocol: its properties, and its body unless the body is a document's. Nil logs nothing.
	Logger *slog.Logger
}

// ListenerConfigurationForDatabase returns the configuration that shares the default
// collection of db, with the defaults for everything else.
func ListenerConfigurationForDatabase(ctx context.Context, db *Database) (URLEndpointListenerConfiguration, error) {
	coll, err := db.DefaultCollection(ctx)
	if err != nil {
		return URLEndpointListenerConfiguration{}, err
	}
	return URLEndpointListenerConfiguration{Collections: []*Collection{coll}}, nil
}

// Validate reports everything that cannot work, as [ErrInvalid].
func (c URLEndpointListenerConfiguration) Validate() error {
	var errs []error
	check := func(ok bool, text, hint string) {
		if !ok {
			errs = append(errs, fault.Invalid.In("configure listener", "").Says("%s", text).Try(hint))
		}
	}
	const share = "set Collections to those of open databases"
	check(len(c.Collections) > 0, "there is no collection to share", share)
	if slices.Contains(c.Collections, nil) {
		check(false, "a collection is nil", share)
	} else {
		names := make(map[string]bool)
		for _, shared := range byDatabase(c.Collections) {
			check(!names[shared.name], "two databases have the name "+shared.name, "rename the folder of one, or share it by a listener of its own")
			names[shared.name] = true
		}
	}
	check(!c.DisablePort || c.Port == 0 && c.NetworkInterface == "" && c.Advertise == "",
		"without a port there is no number, interface or name to advertise",
		"leave Port, NetworkInterface and Advertise zero, or DisablePort false")
	check(c.TLSIdentity == nil || len(c.TLSIdentity.Certificates()) > 0, "the TLS identity is empty", "leave TLSIdentity nil for the anonymous identity")
	if c.Authenticator != nil {
		check(c.Authenticator.auth != nil, "the authenticator has nothing to decide by",
			"make it with StaticPassword, or one of the ListenerAuthenticator functions")
		check(!c.DisableTLS || c.DisablePort || !c.Authenticator.auth.NeedsTLS(), "clients can be known by certificate only with TLS",
			"leave DisableTLS false, or let clients in by password")
	}
	if err := transport.CheckOrigins(c.AllowedOrigins); err != nil {
		check(false, err.Error(), "write origins as https://app.example.com, or * for all")
	}
	check(min(c.MaxConnections, c.MaxConnectionsPerAddress) >= 0, "limits of connections cannot be negative", "leave them 0 for the defaults")
	check(c.Heartbeat >= 0, "the heartbeat cannot be negative", "leave Heartbeat 0 for the default")
	return errors.Join(errs...)
}

func (c URLEndpointListenerConfiguration) clone() URLEndpointListenerConfiguration {
	c.Collections = slices.Clone(c.Collections)
	c.AllowedOrigins = slices.Clone(c.AllowedOrigins)
	return c
}
