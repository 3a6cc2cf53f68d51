package tandem

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"unicode/utf8"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/mesh"
	"github.com/tandemdb/tandem/internal/replication"
	"github.com/tandemdb/tandem/internal/store"
	"github.com/tandemdb/tandem/internal/transport"
)

// MultipeerReplicatorConfiguration says what a member of a mesh shares, with whom and where.
// Collections is required, and Group or both of PeerGroupID and Authenticator.
type MultipeerReplicatorConfiguration struct {
	// Group is a membership that was made by a code. It gives PeerGroupID, Identity and Authenticator,
	// which are left empty, and has this member answer for invitations. Nil means that the three of them
	// say who belongs to the group.
	Group *PeerGroup

	// PeerGroupID names the group: 1 to 200 bytes of UTF-8, such as "com.example.tills".
	PeerGroupID string

	// Identity proves this member to the others, as a server and as a client. Nil means the anonymous
	// identity of the database, see [AnonymousIdentity], which an authenticator of roots does not
	// admit.
	Identity *TLSIdentity

	// Authenticator decides which peers belong to the group.
	Authenticator *MultipeerAuthenticator

	// Collections are shared; at least one, all of one open database, none twice. Every member should
	// share the same ones: two members sync those that both share. See [PeerInfo].
	Collections []MultipeerCollectionConfiguration

	// Name tells people which device this is, and is cut to 64 bytes. Empty means the name that the member
	// has in its Group, see [PeerGroup.Rename], or none.
	Name string

	// Peers are addresses of members, host:port, that are tried for ever. One of them that answers is
	// enough to find all others. A [MultipeerReplicator] also finds members on the local network.
	Peers []string

	// DisableDiscovery neither advertises this member on the local network nor looks for others there.
	DisableDiscovery bool

	// Port is the TCP port that other members connect to; 0 chooses a free one at each start.
	Port uint16

	// NetworkInterface is a local IP address or the name of an interface. Empty means all of them.
	NetworkInterface string

	// MaxLinks limits the neighbours at once, at least 3. Zero means 8. One more is accepted where the
	// link is a peer's only way to the others.
	MaxLinks int

	// MaxBytesPerSecond bounds what this member sends to all others, and what it receives from them, at
	// least 8,192. Zero means no bound.
	MaxBytesPerSecond int

	// Logger receives connections and refusals. At level Debug it logs each message of the protocol.
	// Nil logs nothing.
	Logger *slog.Logger
}

// MultipeerCollectionConfiguration configures one collection of a mesh.
type MultipeerCollectionConfiguration struct {
	Collection *Collection

	// DocumentIDs, unless empty, limits both directions to these documents.
	DocumentIDs []string

	// PushFilter and PullFilter, unless nil, are asked for each document.
	PushFilter, PullFilter MultipeerReplicationFilter

	// ConflictResolver decides conflicts. Members should decide alike. Nil means the default rules: see
	// [ConflictResolver].
	ConflictResolver MultipeerConflictResolver
}

// MultipeerReplicationFilter is a [ReplicationFilter] that is told the peer.
type MultipeerReplicationFilter func(peer PeerID, doc *Document, flags DocumentFlags) bool

// MultipeerConflictResolver is a [ConflictResolver] that is told the peer.
type MultipeerConflictResolver func(ctx context.Context, peer PeerID, c Conflict) (*Document, error)

const maxGroup = 200 // bytes

// Validate reports everything that cannot work, as [ErrInvalid].
func (c MultipeerReplicatorConfiguration) Validate() error {
	var errs []error
	check := func(ok bool, hint, format string, args ...any) {
		if !ok {
			errs = append(errs, fault.Invalid.In("configure mesh", "").Says(format, args...).Try(hint))
		}
	}
	if c.Group != nil {
		check(c.Identity == nil && (c.PeerGroupID == "" || c.PeerGroupID == c.Group.name) && (c.Authenticator == nil || c.Authenticator == c.Group.authenticator),
			"set Group alone", "there is a Group, and an identity, an authenticator or a name of a group beside it")
		check(len(c.Collections) == 0 || c.Collections[0].Collection == nil || c.Collections[0].Collection.Database() == c.Group.db,
			"open the group with the database of the collections", "the group is of another database")
		c.PeerGroupID, c.Authenticator = c.Group.name, c.Group.authenticator
	}
	check(c.PeerGroupID != "" && len(c.PeerGroupID) <= maxGroup && utf8.ValidString(c.PeerGroupID),
		"choose one such as com.example.tills", "the name of the group has %d bytes, want 1 to %d of UTF-8", len(c.PeerGroupID), maxGroup)
	check(c.Authenticator != nil && c.Authenticator.admits != nil,
		"set Authenticator to MultipeerRoots of the group's authority", "nothing decides which peers belong to the group")
	check(c.Identity == nil || len(c.Identity.Certificates()) > 0, "leave Identity nil for the anonymous one", "the identity is empty")
	check(c.MaxLinks == 0 || c.MaxLinks >= 3, "leave MaxLinks 0 for 8", "%d links are too few, want 3 or more", c.MaxLinks)
	check(c.MaxBytesPerSecond == 0 || c.MaxBytesPerSecond >= transport.MinPace,
		"leave MaxBytesPerSecond 0 for no bound", "%d bytes a second are too few, want %d or more", c.MaxBytesPerSecond, transport.MinPace)
	for _, address := range c.Peers {
		check(mesh.IsAddress(address), "write host:port, such as 192.0.2.7:4984", "the address %q cannot be dialled", address)
	}
	return errors.Join(append(errs, c.checkCollections())...)
}

func (c MultipeerReplicatorConfiguration) checkCollections() error {
	invalid := fault.Invalid.In("configure mesh", "").Try("set Collections to those of one open database, each once")
	if len(c.Collections) == 0 {
		return invalid.Says("there is no collection to share")
	}
	names := make(map[string]bool)
	for _, shared := range c.Collections {
		coll := shared.Collection
		switch {
		case coll == nil:
			return invalid.Says("a collection is nil")
		case coll.Database() != c.Collections[0].Collection.Database():
			return invalid.Says("the collections are of several databases")
		case names[coll.FullName()]:
			return invalid.Says("the collection %s is there twice", coll.FullName())
		}
		names[coll.FullName()] = true
	}
	return nil
}

func (c MultipeerReplicatorConfiguration) clone() MultipeerReplicatorConfiguration {
	c.Collections, c.Peers = slices.Clone(c.Collections), slices.Clone(c.Peers)
	if c.Group != nil {
		c.PeerGroupID, c.Authenticator = c.Group.name, c.Group.authenticator
	}
	return c
}

// options are those of a collection for the session that dials a peer.
func (c *MultipeerCollectionConfiguration) options(peer PeerID, log *slog.Logger) replication.CollectionOptions {
	o := replication.CollectionOptions{
		Collection: c.Collection.coll, Push: true, Pull: true,
		PushFilter: c.Collection.filter(c.PushFilter.with(peer)),
		PullFilter: c.Collection.filter(c.PullFilter.with(peer)),
		Resolver:   c.Collection.resolver(c.ConflictResolver.with(peer), log),
	}
	if len(c.DocumentIDs) > 0 {
		o.DocIDs = c.DocumentIDs
	}
	return o
}

// access is what a peer that has dialled may do with the collection.
func (c *MultipeerCollectionConfiguration) access(peer PeerID) replication.Access {
	return replication.Access{
		PushFilter: c.onlyListed(c.Collection.filter(c.PushFilter.with(peer))),
		PullFilter: c.onlyListed(c.Collection.filter(c.PullFilter.with(peer))),
	}
}

// onlyListed adds the list of documents to a filter.
func (c *MultipeerCollectionConfiguration) onlyListed(f replication.Filter) replication.Filter {
	if len(c.DocumentIDs) == 0 {
		return f
	}
	listed := make(map[string]bool, len(c.DocumentIDs))
	for _, id := range c.DocumentIDs {
		listed[id] = true
	}
	return func(doc *store.Document, accessRemoved bool) bool {
		return listed[doc.ID] && (f == nil || f(doc, accessRemoved))
	}
}

func (f MultipeerReplicationFilter) with(peer PeerID) ReplicationFilter {
	if f == nil {
		return nil
	}
	return func(doc *Document, flags DocumentFlags) bool { return f(peer, doc, flags) }
}

func (r MultipeerConflictResolver) with(peer PeerID) ConflictResolver {
	if r == nil {
		return nil
	}
	return func(ctx context.Context, c Conflict) (*Document, error) { return r(ctx, peer, c) }
}
