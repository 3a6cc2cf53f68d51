package replication

import (
	"context"
	"log/slog"
	"time"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/store"
)

// Common configures both roles. DB is mandatory.
type Common struct {
	DB *store.DB

	// Protocol is the subprotocol that the handshake selected. Empty means CBMobile3.
	Protocol string

	// Deltas enables deltas in both directions.
	Deltas bool

	// Compression says when messages are deflated. The zero value adapts to the link.
	Compression blip.Compression

	// ReplyTimeout bounds how long a request may make no progress, and how long the peer may owe a
	// revision while it sends nothing. Zero means two minutes.
	ReplyTimeout time.Duration

	// Documents, unless nil, receives document events in batches, on goroutines of the session. It
	// must not call back into the session.
	Documents func([]DocumentEvent)

	// Changed, unless nil, is called whenever Progress has changed: often, and on any goroutine. It
	// must not block.
	Changed func()

	// Mesh makes the session a link of a mesh. Nil makes it an ordinary one.
	Mesh *Mesh

	// Log receives messages. Nil disables logging.
	Log *slog.Logger
}

// Active configures the session of the peer that opened the connection.
type Active struct {
	Common

	Collections []CollectionOptions
	Continuous  bool

	// Remote is the URL of the peer's endpoint. It keys the checkpoints and the remote ancestors.
	Remote string

	// Acquaintance, unless nil, is the one with Remote.
	Acquaintance *Acquaintance

	// Reset ignores the checkpoints and starts from the beginning.
	Reset bool

	// StartedOver marks the session after one that ended with [ErrStartOver].
	StartedOver bool

	// RetryRefused repeats, once, documents that either side refused in earlier sessions and that
	// have not changed since.
	RetryRefused bool

	asks bool // a short session for revisions that came too early, without a checkpoint; see [ahead]

	// KeepLost keeps documents to which the user has lost access. By default they are purged.
	KeepLost bool
}

// CollectionOptions configures one collection of an active session.
type CollectionOptions struct {
	Collection *store.Collection
	Push, Pull bool

	// DocIDs, unless nil, restricts the replication to these documents.
	DocIDs []string

	// Channels, unless empty, restricts the pull to these channels of a Sync Gateway.
	Channels []string

	// PushFilter and PullFilter, unless nil, decide about each document.
	PushFilter, PullFilter Filter

	// Resolver decides conflicts. Nil means the default rules: a deletion wins, then the later
	// version.
	Resolver Resolver
}

// Passive configures the session of the peer that accepted the connection.
type Passive struct {
	Common

	// Collections are the shared collections.
	Collections []*store.Collection

	// ReadOnly refuses revisions from the peer.
	ReadOnly bool

	// Access, unless nil, limits what the peer may do with a collection. The session calls it once
	// for each collection that the peer asks for.
	Access func(coll *store.Collection) Access
}

// Access limits what the active peer may do with a collection. The zero value allows everything.
type Access struct {
	Denied    bool // the peer sees no such collection
	ReadOnly  bool // refuses revisions from the peer
	WriteOnly bool // sends the peer neither changes nor blobs

	// PushFilter and PullFilter, unless nil, decide about each document: a rejected document is not
	// sent, or not accepted.
	PushFilter, PullFilter Filter
}

// Goodbye is a cause with which the context of a passive session may end: the session then takes
// leave of the peer with this WebSocket code and text, not with those of a listener that stops.
type Goodbye struct {
	Code   int
	Reason string
}

func (g *Goodbye) Error() string { return g.Reason }

// Filter reports whether a document may pass. It may be slow; the session calls it on its own
// goroutines. accessRemoved means that the user has lost access to the document, whose body is then
// empty. A Filter must not modify the document.
type Filter func(doc *store.Document, accessRemoved bool) bool

// Resolver decides one conflict. It may be slow and may use the database. The session may call it
// for several documents at once, but once at a time per document. A panic becomes fault.Unexpected.
// After an error the conflict remains, and the next session presents it again.
type Resolver func(ctx context.Context, c Conflict) (Decision, error)

// Conflict is a document that both sides have changed. Local or Remote is nil where that side
// deleted the document. Base is the body of the common ancestor, or nil if no longer stored.
type Conflict struct {
	Collection    *store.Collection
	ID            string
	Local, Remote *store.Document
	Base          []byte
}

// Decision is the outcome of a conflict. Body applies to store.Merged only; nil deletes the
// document.
type Decision struct {
	Winner store.Winner
	Body   []byte
}

// DocumentEvent reports the outcome for one document in one direction.
type DocumentEvent struct {
	Collection    *store.Collection
	ID            string
	Revision      string // the revision that did not arrive; "" when Err is nil
	Push          bool   // sent; otherwise received
	Deleted       bool   // the revision is a tombstone
	AccessRemoved bool   // access to the document was lost
	Err           error  // nil when the document has arrived
	Transient     bool   // Err may pass; the document will be retried

	counted bool // counted as arrived before, or by somebody else
}
