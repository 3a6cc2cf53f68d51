package tandem

import (
	"context"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/tandemdb/tandem/internal/store"
)

// ResolvedConflict is an entry in a database's log of conflicts.
type ResolvedConflict struct {
	Number            int64 // counts up
	Time              time.Time
	Scope, Collection string
	DocumentID        string
	Remote            string // the peer's URL
	Winner            ConflictWinner
	Why               string // the reason of the decision, for people

	Local, RemoteSide ConflictSide
	RevisionID        string // of the outcome
}

// ConflictSide is the revision of one side. Body is JSON.
type ConflictSide struct {
	RevisionID string
	Deleted    bool
	Body       []byte
}

// ConflictWinner tells whose content resolved a conflict.
type ConflictWinner int

// The winners.
const (
	LocalWon  ConflictWinner = ConflictWinner(store.LocalWins)
	RemoteWon ConflictWinner = ConflictWinner(store.RemoteWins)
	MergeWon  ConflictWinner = ConflictWinner(store.Merged)
)

// String names the winner.
func (w ConflictWinner) String() string {
	switch w {
	case LocalWon:
		return "local"
	case RemoteWon:
		return "remote"
	case MergeWon:
		return "merge"
	default:
		return "unknown"
	}
}

// ResolvedConflicts yields the conflicts that replicators of this database have resolved, latest
// first. A non-nil c limits them to a collection, a non-empty id to a document. The log keeps the
// latest 10,000 conflicts and at most 64 MiB of bodies. The first error ends the sequence.
func (db *Database) ResolvedConflicts(ctx context.Context, c *Collection, id string) iter.Seq2[ResolvedConflict, error] {
	filter := store.ConflictFilter{ID: id}
	if c != nil {
		filter.Collection = c.FullName()
	}
	return func(yield func(ResolvedConflict, error) bool) {
		filter := filter // the sequence may be walked again
		for {
			page, err := db.conflictPage(ctx, filter)
			if err != nil {
				yield(ResolvedConflict{}, err)
				return
			}
			for _, entry := range page {
				if !yield(resolved(entry), nil) {
					return
				}
				filter.Before = entry.Number
			}
			if len(page) < conflictsPortion {
				return
			}
		}
	}
}

// conflictsPortion is the number of log entries read at once.
const conflictsPortion = 100

func (db *Database) conflictPage(
	ctx context.Context, filter store.ConflictFilter,
) (page []*store.LoggedConflict, err error) {
	err = db.view(ctx, func(tx *store.Tx) error {
		page, err = tx.ConflictLog(filter, conflictsPortion)
		return err
	})
	return page, err
}

// Remotes lists, sorted, the URLs of all peers to which replicators of this database have
// connected or tried to connect.
func (db *Database) Remotes(ctx context.Context) (urls []string, err error) {
	err = db.view(ctx, func(tx *store.Tx) error {
		all, err := tx.Remotes()
		urls = slices.Sorted(maps.Keys(all))
		return err
	})
	return urls, err
}

func resolved(e *store.LoggedConflict) ResolvedConflict {
	scope, name, _ := ParseCollectionName(e.Collection) // the store wrote it
	side := func(s store.LoggedRevision) ConflictSide {
		return ConflictSide{RevisionID: string(s.Rev), Deleted: s.Deleted, Body: s.Body}
	}
	return ResolvedConflict{
		Number: e.Number, Time: e.Time, Scope: scope, Collection: name, DocumentID: e.ID, Remote: e.Remote,
		Winner: ConflictWinner(e.Winner), Why: e.Why,
		Local: side(e.Local), RemoteSide: side(e.Theirs), RevisionID: string(e.Result),
	}
}
