package replication

import (
	"context"
	"log/slog"
	"time"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/store"
)

// The application protocols a session can speak, as the WebSocket subprotocol names them.
const (
	CBMobile3 = "BLIP_3+CBMobile_3" // revision trees
	CBMobile4 = "BLIP_3+CBMobile_4" // version vectors
)

// Protocols lists the subprotocols that fit a database and the directions wanted, best
// first (spec/README.md, "Protocol versions").
func Protocols(versioning store.Versioning, pull bool) []string {
	switch {
	case versioning == store.VersionVectors:
		return []string{CBMobile4}
	case pull:
		return []string{CBMobile3}
	default:
		return []string{CBMobile4, CBMobile3}
	}
}

// Common is what both roles need. DB is mandatory.
type Common struct {
	DB *store.DB

	// Protocol is what the handshake has agreed on. Empty means CBMobile3.
	Protocol string

	// Deltas says whether to send deltas and to ask for them.
	Deltas bool

	// Compression says when messages are deflated. The zero value adapts to the link.
	Compression blip.Compression

	// ReplyTimeout is how long a request may go without any progress, and how long the
	// peer may owe a revision without sending anything. Zero means two minutes.
	ReplyTimeout time.Duration

	// Documents is told what became of documents, in batches, on goroutines of the session;
	// it must not call back into the session. Nil means that nobody listens.
	Documents func([]DocumentEvent)

	// Changed is told, often and on any goroutine, that Progress has changed. It must
	// not block. Nil means that nobody listens.
	Changed func()

	// Log receives what is worth knowing beyond errors. Nil means nothing is logged.
	Log *slog.Logger
}

// Active says what the peer that opened the connection wants done.
type Active struct {
	Common

	Collections []CollectionOptions
	Continuous  bool

	// Remote names the peer: the endpoint's URL. Checkpoints and remote ancestors go by it.
	Remote string

	// Reset starts from the beginning, whatever the checkpoints say.
	Reset bool

	// StartedOver says that the session follows one that ended with [ErrStartOver].
	StartedOver bool

	// RetryRefused tries once more what either side has refused in earlier sessions, unless it has changed.
	RetryRefused bool

	asks bool // a short session for what came too early: see [ahead]; it has no checkpoint

	// KeepLost keeps documents that the user has lost access to, in place of purging them.
	KeepLost bool
}

// CollectionOptions says what the active peer does with one collection.
type CollectionOptions struct {
	Collection *store.Collection
	Push, Pull bool

	// DocIDs, unless nil, limits the replication to these documents.
	DocIDs []string

	// Channels, unless empty, limits the pull to these channels of a Sync Gateway.
	Channels []string

	// PushFilter and PullFilter, unless nil, are asked for each document.
	PushFilter, PullFilter Filter

	// Resolver decides conflicts. Nil means the default rules of spec/conflicts.md §3.
	Resolver Resolver
}

// Passive says what the peer that accepted the connection allows.
type Passive struct {
	Common

	// Collections are the ones shared.
	Collections []*store.Collection

	// ReadOnly refuses revisions from the peer.
	ReadOnly bool

	// Access, unless nil, says what the peer may do with each of the collections that it asks
	// for. It is asked once for each.
	Access func(coll *store.Collection) Access
}

// Access says what a passive peer lets the active one do with a collection. Its zero value lets
// it do everything.
type Access struct {
	Denied    bool // the collection does not exist for the peer
	ReadOnly  bool // refuses revisions
	WriteOnly bool // refuses to tell of changes, and to send blobs

	// PushFilter and PullFilter, unless nil, are asked for each document: what they refuse is not
	// sent, or not taken.
	PushFilter, PullFilter Filter
}

// Goodbye is how a passive session takes leave of the peer if it is the cause with which the context
// of the session ends: with another WebSocket code and text than those of a listener that stops.
type Goodbye struct {
	Code   int
	Reason string
}

func (g *Goodbye) Error() string { return g.Reason }

// Filter reports whether a document may go on. It may be slow, and is called on goroutines
// of the session. accessRemoved says that the document comes because access to it was
// lost; its body is then empty. The document must not be changed.
type Filter func(doc *store.Document, accessRemoved bool) bool

// Resolver decides one conflict. It may be slow and may use the database, and may be asked
// about several documents at once, about each by one caller. A panic counts as fault.Unexpected;
// after an error the conflict stays and is presented again by the next session.
type Resolver func(ctx context.Context, c Conflict) (Decision, error)

// Conflict is a document that was changed on both sides. Local or Remote is nil where that
// side has deleted it. Base is the body of their common ancestor, or nil where it is not kept.
type Conflict struct {
	Collection    *store.Collection
	ID            string
	Local, Remote *store.Document
	Base          []byte
}

// Decision is how a conflict ends. Body counts with store.Merged only; a nil one deletes
// the document.
type Decision struct {
	Winner store.Winner
	Body   []byte
}

// DocumentEvent tells what became of one document in one direction.
type DocumentEvent struct {
	Collection    *store.Collection
	ID            string
	Revision      string // the revision that did not arrive; "" when Err is nil
	Push          bool   // sent; otherwise received
	Deleted       bool   // the revision is a tombstone
	AccessRemoved bool   // access to the document was lost
	Err           error  // nil when the document has arrived
	Transient     bool   // Err may pass; the document is tried again

	counted bool // as arrived, in an earlier session or not by this replication
}
