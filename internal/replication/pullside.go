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

// pullSide is the part of a pull that depends on the role: [hearing] for the active peer,
// [accepting] for the passive one.
type pullSide interface {
	// mayAnnounce returns an error if the role refuses announcements of this kind.
	mayAnnounce(profile string) error

	// mayDeliver returns an error if the role refuses revisions.
	mayDeliver() error

	// unanswered handles an announcement that could not be answered because of err. An error ends
	// the session.
	unanswered(profile string, err error) error

	// unreadable handles an announced revision that could not be parsed.
	unreadable(change wire.Change)

	// checkRev returns an error if a rev message lacks a property that the role requires.
	checkRev(properties blip.Properties) error

	// refusesConflicts reports whether the role refuses a conflicting revision. Otherwise it stores
	// both.
	refusesConflicts() bool

	// isRemoval reports whether a body says that the document left the user's channels.
	isRemoval(body []byte) bool

	// loseAccess handles a document that the user may no longer see. last is the latest affected
	// want; nil means all wants of the document.
	loseAccess(ctx context.Context, id string, last *want) error
}

// hearing takes the changes to which the active peer has subscribed.
type hearing struct {
	c        *collection
	wanted   *wanted
	keepLost bool // keep documents that the user has lost access to
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

// unanswered ends the session, because going on would skip the announced revisions.
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

// loseAccess purges the document, unless keepLost is set.
func (h hearing) loseAccess(ctx context.Context, id string, last *want) error {
	event := DocumentEvent{ID: id, AccessRemoved: true}
	keep := h.keepLost || h.c.opts.DocIDs != nil
	if !keep && h.c.opts.PullFilter != nil {
		event.Err = filtered(h.c.s.log, h.c.opts.PullFilter, &store.Document{ID: id, Body: []byte("{}")}, true)
		keep = event.Err != nil
	}
	if !keep {
		h.wanted.lose(id, last) // before the purge, which a revision stored later would undo
		err := h.c.s.db.Update(ctx, func(tx *store.Tx) error { return tx.Purge(h.c.store(), id) })
		if err != nil && !isNotFound(err) {
			return err
		}
	}
	h.c.report(event)
	return nil
}

// accepting takes the revisions that an active peer pushes.
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
