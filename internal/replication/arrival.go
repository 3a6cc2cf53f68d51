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

// arrival is a received revision on its way to the store.
type arrival struct {
	*intake
	req      *blip.Request
	want     *want // nil if nobody asked for the revision
	weight   int64 // claimed from space
	store    store.Incoming
	info     document.Info
	missing  []document.Blob
	delta    bool
	dangling []string // blobs that a Sync Gateway's _attachments do not list
	removed  bool     // the body says that the document left the user's channels
	outcome  store.Outcome
	due      time.Time // when an early revision becomes acceptable; else zero
	awaited  bool      // the revision is recorded, for a session at due
	err      error
}

func newArrival(in *intake, req *blip.Request) *arrival {
	a := &arrival{intake: in, req: req, weight: min(int64(len(req.Body))+256, arrivedBytes)}
	a.store.ID = req.Properties.Value(wire.PropID)
	a.want = in.wanted.arrived(a.store.ID, req.Properties.Value(wire.PropSequence),
		revision.ID(req.Properties.Value(wire.PropRev)))
	return a
}

// read turns a rev message into a revision for the store. It makes every check that does not depend
// on the local document.
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
	text := props.Value(wire.PropRev)
	rev, err := a.parseRev(text, props.Value(wire.PropHistory))
	if err == nil && rev.ID.IsVersion() && !s.versions() || err != nil && !isRevisionOf(text, s.versions()) {
		return fault.New(fault.HTTP, 400, fmt.Sprintf("revision %q is none for this database", text))
	}
	if err != nil {
		return err
	}
	a.store.Rev = rev
	if err := a.side.checkRev(props); err != nil {
		return err
	}
	a.store.Deleted = props.Bool(wire.PropDeleted)
	a.store.Remote = s.known
	if a.store.Rev.ID.IsTree() {
		a.store.Rev = a.store.Rev.SupersedeIDs(slices.Concat(
			revision.ParseDeletedBranch(props.Value(wire.PropDeletedBranch)),
			revision.ParseTreeIDs(props.Value(wire.PropSuperseded))))
	}
	a.store.RefuseConflict = a.side.refusesConflicts()
	a.store.FromGateway = isFromGateway(props)
	var claim revision.ID
	if s.tellsAgain() {
		claim = a.parents.parentOf(a.store.ID)
	}
	s.reads(&a.store, props, claim)
	return nil
}

// parseRev is [revision.ParseRev], which need not parse again what was announced.
func (a *arrival) parseRev(text, history string) (revision.Rev, error) {
	if a.want != nil && history == "" && text != "" && text == string(a.want.rev) {
		return revision.Rev{ID: a.want.rev}, nil
	}
	return revision.ParseRev(text, history)
}

// isRevisionOf reports whether text, a revision without its history, has the form that the database
// uses.
func isRevisionOf(text string, vectors bool) bool {
	rev, err := revision.ParseVector(text)
	return err == nil && (vectors || !rev.ID.IsVersion())
}

// applyDelta applies the delta to the body of its source revision.
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

// readBody checks the body and converts it to its stored form.
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

// preview returns the document as it will be stored, for a filter.
func (a *arrival) preview() *store.Document {
	return &store.Document{
		ID: a.store.ID, Rev: a.store.Rev, Deleted: a.store.Deleted, Body: a.store.Body, Size: len(a.store.Body),
	}
}

// receive stores the revision and records what it shows about the peer. An early revision is
// recorded in the same transaction.
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

// refuseForNow answers a revision that came too early. A listener cannot ask for it later, so it
// reports a transient error, and a LiteCore client pushes the revision again on its next
// connection.
func (a *arrival) refuseForNow() {
	early := awaited{Revision: a.store.Rev.ID, Due: a.due}
	err := tooEarly(a.store.ID, early)
	if a.c.s.remote == 0 {
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

// tellOthers passes the outcome of the revision on, and appends the events for listeners. A revision
// that was not stored is refused, and settle stops there.
func (a *arrival) tellOthers(ctx context.Context, events []DocumentEvent) (stored bool, more []DocumentEvent) {
	if a.removed && a.err == nil {
		a.err = a.side.loseAccess(ctx, a.store.ID, a.want)
	}
	if a.err != nil {
		if ctx.Err() == nil { // the session's end is not an error of the document, which comes again
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

// refuse answers with an error. After a failed delta the peer sends the whole revision. After a
// transient error of our own the sequence stays open for the next session.
func (a *arrival) refuse() {
	if !a.due.IsZero() {
		a.refuseForNow()
		return
	}
	c := a.c
	transient := isOurTrouble(a.err)
	if a.delta && (errors.Is(a.err, fault.DeltaBase) || errors.Is(a.err, fault.CorruptDelta)) {
		a.wanted.again(a.want) // before the peer can read the refusal and send the revision
		c.s.refuse(a.req, a.err)
		return
	}
	c.s.refuse(a.req, a.tellAgain())
	a.reportRefusal(transient)
	a.push.pullMet(a.store.ID)
	switch {
	case transient:
		c.s.leave(a.err)
		a.wanted.leaveOpen(a.want)
	case errors.Is(a.err, fault.Unexpected): // a filter that panicked has not decided
		a.wanted.leaveOpen(a.want)
	default:
		a.wanted.done(a.want)
	}
}

// tellAgain returns the error for the peer. A client whose revision conflicts with ours hears of ours once
// more, and gets the answer that other clients get to the proposal: there only the history could tell.
func (a *arrival) tellAgain() error {
	if a.c.s.remote != 0 || !errors.Is(a.err, fault.Conflict) || !a.c.s.tellsAgain() {
		return a.err
	}
	a.push.remind(a.store.ID)
	return fault.New(fault.HTTP, 409, "the revision is in conflict with another").Because(a.err)
}

func (a *arrival) reportRefusal(transient bool) {
	rev := a.req.Properties.Value(wire.PropRev)
	if a.c.s.remote == 0 && errors.Is(a.err, fault.Forbidden) && a.c.forbidden.again(a.store.ID, rev) {
		return
	}
	a.c.report(DocumentEvent{
		ID: a.store.ID, Revision: rev, Deleted: a.store.Deleted, Err: a.err, Transient: transient,
	})
}
