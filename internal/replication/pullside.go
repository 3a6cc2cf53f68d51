package replication

import (
	"context"
	"fmt"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/document"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/replication/wire"
	"github.com/tandemdb/tandem/internal/store"
)

// pullSide is what differs between the pulls of both roles: [hearing] is that of the active peer,
// [accepting] that of the passive one.
type pullSide interface {
	// mayAnnounce refuses announcements of a kind.
	mayAnnounce(profile string) error

	// mayDeliver refuses revisions.
	mayDeliver() error

	// unanswered judges an announcement that could not be answered because of err: an error ends the session.
	unanswered(profile string, err error) error

	// unreadable is told of an announced revision that makes no sense.
	unreadable(change wire.Change)

	// checkRev refuses a rev message that lacks what the role needs.
	checkRev(properties blip.Properties) error

	// refusesConflicts reports whether a revision is refused for a conflict, in place of storing both.
	refusesConflicts() bool

	// isRemoval reports whether a body says that the document has left the user's channels.
	isRemoval(body []byte) bool

	// loseAccess deals with a document that the user may not see any more. last is the want that was
	// answered so; nil if all are.
	loseAccess(ctx context.Context, id string, last *want) error
}

// hearing takes what the active peer has subscribed to.
type hearing struct {
	c        *collection
	wanted   *wanted
	keepLost bool // documents that the user has lost access to
}

func (h hearing) mayAnnounce(profile string) error {
	if profile == wire.ProfileProposeChanges {
		return fault.New(fault.HTTP, 403, "an active peer takes no proposals")
	}
	if !h.c.opts.Pull {
		return fault.New(fault.HTTP, 403, "this peer does not pull")
	}
	return nil
}

func (h hearing) mayDeliver() error {
	if !h.c.opts.Pull {
		return fault.New(fault.HTTP, 403, "this peer takes no revisions")
	}
	return nil
}

// unanswered ends the session: to go on would pass over what the message announces.
func (h hearing) unanswered(profile string, err error) error {
	if !h.c.opts.Pull || profile != wire.ProfileChanges {
		return nil
	}
	return fmt.Errorf("pull %s: %w", h.c.store().FullName(), wire.FromStranger(err))
}

func (h hearing) unreadable(change wire.Change) {
	h.c.report(DocumentEvent{ID: change.ID, Deleted: change.Flags&wire.FlagDeleted != 0, Err: change.Bad})
}

func (hearing) checkRev(properties blip.Properties) error {
	if properties.Value(wire.PropSequence) == "" {
		return fault.New(fault.HTTP, 400, "the revision has no sequence")
	}
	return nil
}

func (hearing) refusesConflicts() bool     { return false }
func (hearing) isRemoval(body []byte) bool { return document.Removed(body) }

// loseAccess purges the document, unless told to keep it.
func (h hearing) loseAccess(ctx context.Context, id string, last *want) error {
	event := DocumentEvent{ID: id, AccessRemoved: true}
	keep := h.keepLost || h.c.opts.DocIDs != nil
	if !keep && h.c.opts.PullFilter != nil {
		event.Err = filtered(h.c.s.log, h.c.opts.PullFilter, &store.Document{ID: id, Body: []byte("{}")}, true)
		keep = event.Err != nil
	}
	if !keep {
		h.wanted.lose(id, last) // before the purge: a revision that is stored after it would stay
		err := h.c.s.db.Update(ctx, func(tx *store.Tx) error { return tx.Purge(h.c.store(), id) })
		if err != nil && !isNotFound(err) {
			return err
		}
	}
	h.c.report(event)
	return nil
}

// accepting takes what an active peer pushes to the passive one.
type accepting struct{ readOnly bool }

func (a accepting) mayAnnounce(string) error {
	if a.readOnly {
		return fault.New(fault.HTTP, 403, "attempting to push to a read-only peer")
	}
	return nil
}

func (a accepting) mayDeliver() error {
	if a.readOnly {
		return fault.New(fault.HTTP, 403, "this peer takes no revisions")
	}
	return nil
}

func (accepting) unanswered(string, error) error                  { return nil }
func (accepting) unreadable(wire.Change)                          {}
func (accepting) checkRev(blip.Properties) error                  { return nil }
func (accepting) refusesConflicts() bool                          { return true }
func (accepting) isRemoval([]byte) bool                           { return false }
func (accepting) loseAccess(context.Context, string, *want) error { return nil }
