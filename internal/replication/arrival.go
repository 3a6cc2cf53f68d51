package replication

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/delta"
	"github.com/tandemdb/tandem/internal/document"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/replication/wire"
	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/store"
)

// arrival is one received revision on its way.
type arrival struct {
	c        *collection
	req      *blip.Request
	want     *want // nil if nobody had asked
	weight   int64 // claimed from space
	store    store.Incoming
	info     document.Info
	missing  []document.Blob
	delta    bool
	dangling []string // blobs that a Sync Gateway's _attachments do not list
	removed  bool     // the body says that the document has left the user's channels
	outcome  store.Outcome
	err      error
}

// read makes a revision for the store out of a rev message, checking all that does not
// depend on the document we have.
func (a *arrival) read(ctx context.Context) error {
	if err := a.readProperties(); err != nil {
		return err
	}
	body := a.req.Body
	if source, given := a.req.Properties.Get(wire.PropDeltaSrc); given && !a.store.Deleted {
		a.delta = true
		var err error
		if body, err = a.applyDelta(ctx, source); err != nil {
			return err
		}
	}
	if err := a.readBody(body); err != nil || a.removed {
		return err
	}
	if a.c.opts.PullFilter != nil {
		ok, err := callFilter(a.c.s.log, a.c.opts.PullFilter, a.preview(), false)
		if err != nil {
			return err
		}
		if !ok {
			return refusedByFilter(a.store.ID)
		}
	}
	if !a.info.HasBlobs && !a.info.HasAttachments {
		return nil
	}
	blobs, err := document.Blobs(a.store.Body)
	if err != nil {
		return err
	}
	a.missing = a.c.s.blobs.missing(blobs)
	for _, blob := range a.missing {
		if slices.Contains(a.dangling, blob.Digest) {
			return fault.NotFound.In("receive document", a.store.ID).
				Says("blob %s is not listed in _attachments, and is not here", blob.Digest)
		}
	}
	return nil
}

func (a *arrival) readProperties() error {
	s := a.c.s
	props := a.req.Properties
	if a.store.ID == "" {
		return fault.New(fault.HTTP, 400, "the revision has no document ID")
	}
	if err := document.CheckID(a.store.ID); err != nil {
		return err
	}
	rev, err := revision.ParseVector(props.Value(wire.PropRev))
	if err != nil || rev.ID.IsVersion() && !s.vectors() {
		return fault.New(fault.HTTP, 400, fmt.Sprintf("revision %q is none for this database", props.Value(wire.PropRev)))
	}
	if a.store.Rev, err = revision.ParseRev(props.Value(wire.PropRev), props.Value(wire.PropHistory)); err != nil {
		return err
	}
	if s.active != nil && props.Value(wire.PropSequence) == "" {
		return fault.New(fault.HTTP, 400, "the revision has no sequence")
	}
	a.store.Deleted = props.Bool(wire.PropDeleted)
	a.store.Remote = s.remote
	if a.store.Rev.ID.IsTree() {
		a.store.Rev = a.store.Rev.SupersedeIDs(slices.Concat(
			revision.ParseDeletedBranch(props.Value(wire.PropDeletedBranch)),
			revision.ParseTreeIDs(props.Value(wire.PropSuperseded))))
	}
	a.store.RefuseConflict = s.active == nil
	a.store.FromGateway = isFromGateway(props)
	return nil
}

// applyDelta returns the body that a delta makes of the one it is based upon.
func (a *arrival) applyDelta(ctx context.Context, source string) ([]byte, error) {
	base, err := revision.ParseVector(source)
	if err != nil {
		return nil, fault.DeltaBase.Because(err)
	}
	if !a.c.s.common.Deltas {
		return nil, fault.New(fault.HTTP, 400, "this peer takes no deltas")
	}
	var old []byte
	err = a.c.s.db.View(ctx, func(tx *store.Tx) (err error) {
		old, err = tx.BodyOf(a.c.store(), a.store.ID, base.ID)
		return err
	})
	if isNotFound(err) {
		return nil, fault.DeltaBase.In("apply delta to", a.store.ID).Says("revision %s is not here", base.ID)
	}
	if err != nil {
		return nil, err
	}
	if info, err := document.Check(a.req.Body); err == nil && info.HasAttachments {
		if old, err = document.WithAttachments(old, 1); err != nil {
			return nil, fault.CorruptDelta.Because(err)
		}
	}
	body, err := delta.Apply(old, a.req.Body)
	if err != nil {
		return nil, err
	}
	if saved := len(body) - len(a.req.Body); saved > 0 {
		a.c.counters.deltaSaved.Add(uint64(saved))
	}
	return body, nil
}

// readBody checks the body and brings it into the form that is stored.
func (a *arrival) readBody(body []byte) error {
	if len(body) == 0 && a.store.Deleted {
		body = []byte("{}")
	}
	compact, info, err := document.Compact(body)
	switch {
	case err != nil && a.delta:
		return fault.CorruptDelta.Because(err)
	case err != nil:
		return err
	}
	if info.HasReserved {
		if a.c.s.active != nil && document.Removed(compact) {
			a.removed = true
			return nil
		}
		if compact, a.dangling, err = document.FromGateway(compact); err != nil {
			return err
		}
		if info, err = document.Check(compact); err != nil {
			return err
		}
	}
	a.store.Body, a.info = compact, info
	return nil
}

// preview is the document as it is going to be, for a filter.
func (a *arrival) preview() *store.Document {
	return &store.Document{
		ID: a.store.ID, Rev: a.store.Rev, Deleted: a.store.Deleted, Body: a.store.Body, Size: len(a.store.Body),
	}
}

// finish answers the peer and tells everybody what became of the revision.
func (a *arrival) finish(ctx context.Context) {
	c := a.c
	if a.removed && a.err == nil {
		a.err = c.loseAccess(ctx, a.store.ID, a.want)
	}
	if a.err != nil {
		if ctx.Err() == nil { // what the session's end has stopped is no news, and comes again
			a.refuse()
		}
		return
	}
	if a.delta {
		c.counters.deltasReceived.Add(1)
	}
	if push := c.pusher(); push != nil {
		push.received(a.store.ID, a.store.Rev.ID)
	}
	switch a.outcome {
	case store.Conflicted:
		c.conflicts.add(a.store.ID)
	case store.Stored:
		c.counters.pullBytes.Add(uint64(len(a.req.Body)))
		if !a.removed {
			c.report(DocumentEvent{ID: a.store.ID, Deleted: a.store.Deleted})
		}
	case store.AlreadyKnown:
	}
	if a.outcome != store.Conflicted {
		c.pulled(a.store.ID)
	}
	a.req.Reply(&blip.Message{})
	c.pull.done(a.want)
}

// pulled tells a push that waits for it what the pull has brought.
func (c *collection) pulled(id string) {
	if push := c.pusher(); push != nil && c.s.active != nil && push.isUnmet() {
		push.remoteMoved(id)
	}
}

// refuse answers with an error. After a delta the revision is expected once more, whole;
// after an error of ours that may pass, its sequence stays open for the next session.
func (a *arrival) refuse() {
	c := a.c
	transient := isOurTrouble(a.err)
	if a.delta && (errors.Is(a.err, fault.DeltaBase) || errors.Is(a.err, fault.CorruptDelta)) {
		c.pull.again(a.want) // before the peer hears of it, and sends it
		c.s.refuse(a.req, a.err)
		return
	}
	c.s.refuse(a.req, a.err)
	c.report(DocumentEvent{
		ID: a.store.ID, Revision: a.req.Properties.Value(wire.PropRev), Deleted: a.store.Deleted,
		Err: a.err, Transient: transient,
	})
	if push := c.pusher(); push != nil && c.s.active != nil {
		push.pullMet(a.store.ID)
	}
	switch {
	case transient:
		c.s.leave(a.err)
		c.pull.leaveOpen(a.want)
	case errors.Is(a.err, fault.Unexpected): // a filter that panicked has refused nothing
		c.pull.leaveOpen(a.want)
	default:
		c.pull.done(a.want)
	}
}

// callFilter asks a filter, and turns its panic into fault.Unexpected.
func callFilter(log *slog.Logger, filter Filter, doc *store.Document, accessRemoved bool) (ok bool, err error) {
	defer func() {
		if r := recover(); r != nil {
			log.Error("filter panicked", "document", doc.ID, "panic", r, "stack", string(debug.Stack()))
			err = fault.Unexpected.In("filter document", doc.ID).Says("the filter panicked: %v", r)
		}
	}()
	return filter(doc, accessRemoved), nil
}

func refusedByFilter(id string) error {
	return fault.Forbidden.In("filter document", id).Says("refused by the filter")
}
