package tandem

import (
	"bytes"
	"context"
	"errors"
	"log/slog"

	"github.com/tandemdb/tandem/internal/document"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/replication"
	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/store"
)

// Conflict is a document that was changed here and at the peer.
type Conflict struct {
	DocumentID string

	// LocalDocument is the local document, nil if it was deleted here.
	LocalDocument *Document

	// RemoteDocument is the peer's document, nil if it was deleted there.
	RemoteDocument *Document

	// BaseBody is the JSON of the common ancestor, nil if it is not kept.
	BaseBody []byte
}

// ConflictResolver decides a conflict by its result:
//
//   - one of the two documents, as it is: it wins;
//   - one of them that it has changed, or another document: its body becomes a new revision that
//     replaces both. An ID of its own is ignored, with a warning in the log. A document that was
//     read from another collection is [ErrInvalid];
//   - nil: the document is deleted.
//
// An error or a panic ([ErrUnexpected]) leaves the conflict as it is, and the next run presents
// it again: [ErrLeaveOpen] does so on purpose.
//
// A resolver is called on goroutines of the replicator, for several documents at once. It may
// be slow, and may use the database. If the document changes meanwhile, it is called again.
//
// Without a resolver a deletion wins, or else the later edit: see [DefaultConflictResolver].
type ConflictResolver func(ctx context.Context, c Conflict) (*Document, error)

// LocalWins resolves each conflict in favour of the local document.
func LocalWins(_ context.Context, c Conflict) (*Document, error) { return c.LocalDocument, nil }

// RemoteWins resolves each conflict in favour of the peer's document.
func RemoteWins(_ context.Context, c Conflict) (*Document, error) { return c.RemoteDocument, nil }

// LatestWins resolves each conflict in favour of the later edit. A deletion has no time, and loses
// against an edit. With revision trees the longer history counts as later. Between edits of the
// same moment, or histories of the same length, the revision IDs decide, so that every peer decides
// alike.
func LatestWins(_ context.Context, c Conflict) (*Document, error) {
	switch {
	case c.LocalDocument == nil:
		return c.RemoteDocument, nil
	case c.RemoteDocument == nil:
		return c.LocalDocument, nil
	case revision.DefaultWinner(c.LocalDocument.head.Rev, c.RemoteDocument.head.Rev, false, false):
		return c.LocalDocument, nil
	}
	return c.RemoteDocument, nil
}

// DefaultConflictResolver applies the rules that hold without a resolver:
// a deletion wins, or else the later edit, as in [LatestWins].
func DefaultConflictResolver(ctx context.Context, c Conflict) (*Document, error) {
	if c.LocalDocument == nil || c.RemoteDocument == nil {
		return nil, nil //nolint:nilnil // nil is the deletion
	}
	return LatestWins(ctx, c)
}

// MergeFields merges the two documents member by member. If their common ancestor is kept, a member
// that only one side has changed comes from that side. If both sides have changed a member, or
// the ancestor is not kept, the later edit decides. A deletion loses against an edit.
func MergeFields(ctx context.Context, c Conflict) (*Document, error) {
	winner, err := LatestWins(ctx, c)
	if err != nil || c.LocalDocument == nil || c.RemoteDocument == nil {
		return winner, err
	}
	prefer := document.Remote
	if winner == c.LocalDocument {
		prefer = document.Local
	}
	base := c.BaseBody
	if base == nil {
		base = []byte("{}")
	}
	local, remote := c.LocalDocument.Body(), c.RemoteDocument.Body()
	merged, _, err := document.Merge3(base, local, remote, prefer)
	switch {
	case err != nil:
		return nil, err
	case bytes.Equal(merged, winner.Body()): // before the other: where both are equal, each peer decides for the same
		return winner, nil
	case bytes.Equal(merged, local):
		return c.LocalDocument, nil
	case bytes.Equal(merged, remote):
		return c.RemoteDocument, nil
	}
	result := NewDocument(c.DocumentID)
	if err := result.SetBody(merged); err != nil {
		return nil, err
	}
	return result, nil
}

// resolver adapts a resolver of the API to a session. log may be nil.
func (c *Collection) resolver(resolve ConflictResolver, log *slog.Logger) replication.Resolver {
	if resolve == nil {
		return nil
	}
	return func(ctx context.Context, conflict replication.Conflict) (replication.Decision, error) {
		shown := Conflict{DocumentID: conflict.ID, BaseBody: conflict.Base}
		if conflict.Local != nil {
			shown.LocalDocument = stored(c, conflict.Local)
		}
		if conflict.Remote != nil {
			shown.RemoteDocument = stored(c, conflict.Remote)
		}
		result, err := resolve(ctx, shown)
		switch {
		case errors.Is(err, ErrLeaveOpen):
			return replication.Decision{}, fault.Conflict.Because(err).Try("settle it with Collection.Resolve, or with tandem resolve")
		case err != nil:
			return replication.Decision{}, fault.Unexpected.Because(err)
		}
		if result != nil && result.id != shown.DocumentID && log != nil {
			log.Warn("replicator: the resolver returned a document of another ID, whose body is taken",
				"document", shown.DocumentID, "returned", result.id)
		}
		return c.decision(ctx, shown, result)
	}
}

// decision translates a resolver's result.
func (c *Collection) decision(ctx context.Context, shown Conflict, result *Document) (replication.Decision, error) {
	switch {
	case result == shown.LocalDocument && !result.changed(): // nil if that side is deleted
		return replication.Decision{Winner: store.LocalWins}, nil
	case result == shown.RemoteDocument && !result.changed():
		return replication.Decision{Winner: store.RemoteWins}, nil
	case result == nil:
		return replication.Decision{Winner: store.Merged}, nil
	case result.Collection() != nil && result.Collection().FullName() != c.FullName():
		return replication.Decision{}, fault.Invalid.In("resolve conflict of", shown.DocumentID).
			Says("the resolver returned a document of collection %s", result.Collection().FullName())
	}
	body, err := c.db.install(ctx, result.body)
	return replication.Decision{Winner: store.Merged, Body: body}, err
}

// changed reports whether the body differs from the body that was read or saved.
func (d *Document) changed() bool {
	return d != nil && d.head != nil && !bytes.Equal(d.body, d.head.Body)
}
