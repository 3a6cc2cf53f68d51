package replication

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

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
	*intake
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
	due      time.Time // when the revision is acceptable, which came too early; else zero
	awaited  bool      // and it is written down, to be asked for then
	err      error
}

func newArrival(in *intake, req *blip.Request) *arrival {
	a := &arrival{intake: in, req: req, weight: min(int64(len(req.Body))+256, arrivedBytes)}
	a.store.ID = req.Properties.Value(wire.PropID)
	a.want = in.wanted.arrived(a.store.ID, req.Properties.Value(wire.PropSequence),
		revision.ID(req.Properties.Value(wire.PropRev)))
	return a
}

// read makes a revision for the store out of a rev message, checking all that does not
// depend on the document we have.
func (a *arrival) read(ctx context.Context, blobs *blobFetcher) error {
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
		if err := filtered(a.c.s.log, a.c.opts.PullFilter, a.preview(), false); err != nil {
			return err
		}
	}
	if !a.info.HasBlobs && !a.info.HasAttachments {
		return nil
	}
	named, err := document.Blobs(a.store.Body)
	if err != nil {
		return err
	}
	a.missing = blobs.missing(named)
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
	rev, err := revision.ParseRev(props.Value(wire.PropRev), props.Value(wire.PropHistory))
	if err == nil && rev.ID.IsVersion() && !s.vectors() || err != nil && !isRevisionOf(props.Value(wire.PropRev), s.vectors()) {
		return fault.New(fault.HTTP, 400, fmt.Sprintf("revision %q is none for this database", props.Value(wire.PropRev)))
	}
	if err != nil {
		return err
	}
	a.store.Rev = rev
	if err := a.side.checkRev(props); err != nil {
		return err
	}
	a.store.Deleted = props.Bool(wire.PropDeleted)
	a.store.Remote = s.remote
	if a.store.Rev.ID.IsTree() {
		a.store.Rev = a.store.Rev.SupersedeIDs(slices.Concat(
			revision.ParseDeletedBranch(props.Value(wire.PropDeletedBranch)),
			revision.ParseTreeIDs(props.Value(wire.PropSuperseded))))
	}
	a.store.RefuseConflict = a.side.refusesConflicts()
	a.store.FromGateway = isFromGateway(props)
	return nil
}

// isRevisionOf reports whether a revision, without its history, could be one of a database.
func isRevisionOf(text string, vectors bool) bool {
	rev, err := revision.ParseVector(text)
	return err == nil && (vectors || !rev.ID.IsVersion())
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
		if a.side.isRemoval(compact) {
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
	a.store.Info = &a.info
	return nil
}

// preview is the document as it is going to be, for a filter.
func (a *arrival) preview() *store.Document {
	return &store.Document{
		ID: a.store.ID, Rev: a.store.Rev, Deleted: a.store.Deleted, Body: a.store.Body, Size: len(a.store.Body),
	}
}

// receive stores a revision that has arrived, and notes what the peer shows by it. One that came too early is written
// down, in the same transaction.
func (a *arrival) receive(tx *store.Tx) error {
	var err error
	if a.outcome, err = tx.Receive(a.c.store(), a.store); err != nil {
		if a.due = revision.Due(a.store.Rev, tx.Now()); a.due.IsZero() {
			return err
		}
		var writing error
		a.awaited, writing = a.c.ahead.put(tx, a.store.ID, awaited{Revision: a.store.Rev.ID, Due: a.due})
		return errors.Join(writing, err)
	}
	if err := a.c.ahead.arrived(tx, a.store.ID); err != nil {
		return err
	}
	return a.c.noteArrived(tx, a.store.ID, a.store.Rev)
}

// refuseForNow answers a revision that came too early. A listener cannot ask for it later: to a client it says that
// the trouble may pass, so that a LiteCore pushes the revision again with its next connection.
func (a *arrival) refuseForNow() {
	early := awaited{Revision: a.store.Rev.ID, Due: a.due}
	err := tooEarly(a.store.ID, early)
	if a.store.Remote == 0 {
		err = notBefore(a.store.ID, early, "can be stored")
		a.req.ReplyError(wire.TooEarly(err))
	} else {
		a.c.s.refuse(a.req, err)
	}
	a.c.report(DocumentEvent{
		ID: a.store.ID, Revision: string(a.store.Rev.ID), Deleted: a.store.Deleted, Err: err, Transient: true,
	})
	a.push.pullMet(a.store.ID)
	if a.awaited {
		a.wanted.done(a.want)
		return
	}
	a.wanted.leaveOpen(a.want)
}

// settle tells the other parts what became of the revision, and adds what the listeners are to hear. If it
// was not stored, it is refused, and nothing else is to be done.
func (a *arrival) settle(ctx context.Context, events []DocumentEvent) (stored bool, more []DocumentEvent) {
	if a.removed && a.err == nil {
		a.err = a.side.loseAccess(ctx, a.store.ID, a.want)
	}
	if a.err != nil {
		if ctx.Err() == nil { // what the session's end has stopped is no news, and comes again
			a.refuse()
		}
		return false, events
	}
	if a.delta {
		a.c.counters.deltasReceived.Add(1)
	}
	a.push.received(a.store.ID, a.store.Rev.ID)
	switch a.outcome {
	case store.Conflicted:
		a.conflicts.add(a.store.ID)
		return true, events
	case store.Stored:
		a.c.counters.pullBytes.Add(uint64(len(a.req.Body)))
		if !a.removed {
			events = append(events, DocumentEvent{ID: a.store.ID, Deleted: a.store.Deleted})
		}
	case store.AlreadyKnown:
	}
	a.push.pulled(a.store.ID)
	return true, events
}

// refuse answers with an error. After a delta the revision is expected once more, whole;
// after an error of ours that may pass, its sequence stays open for the next session.
func (a *arrival) refuse() {
	if !a.due.IsZero() {
		a.refuseForNow()
		return
	}
	c := a.c
	transient := isOurTrouble(a.err)
	if a.delta && (errors.Is(a.err, fault.DeltaBase) || errors.Is(a.err, fault.CorruptDelta)) {
		a.wanted.again(a.want) // before the peer hears of it, and sends it
		c.s.refuse(a.req, a.err)
		return
	}
	c.s.refuse(a.req, a.err)
	c.report(DocumentEvent{
		ID: a.store.ID, Revision: a.req.Properties.Value(wire.PropRev), Deleted: a.store.Deleted,
		Err: a.err, Transient: transient,
	})
	a.push.pullMet(a.store.ID)
	switch {
	case transient:
		c.s.leave(a.err)
		a.wanted.leaveOpen(a.want)
	case errors.Is(a.err, fault.Unexpected): // a filter that panicked has refused nothing
		a.wanted.leaveOpen(a.want)
	default:
		a.wanted.done(a.want)
	}
}
