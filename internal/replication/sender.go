package replication

import (
	"bytes"
	"context"
	"strconv"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/delta"
	"github.com/tandemdb/tandem/internal/document"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/replication/outbox"
	"github.com/tandemdb/tandem/internal/replication/wire"
	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/store"
)

// sendBytes and sendRevs bound the bodies read in one transaction.
const (
	sendBytes = 1 << 20
	sendRevs  = 200
)

// composer writes the messages that bring revisions to a peer.
type composer struct {
	c    *collection
	side pushSide
	peer peerLimits
}

// peerLimits is what the peer's replies have stated about its abilities.
type peerLimits struct {
	maxHistory   int
	blobs        bool // accepts blobs inside the body; else it needs _attachments
	deltas       bool
	replacements bool
}

func (l *peerLimits) read(props blip.Properties) {
	l.maxHistory = int(props.Int(wire.PropMaxHistory, defaultHistory))
	l.blobs = props.Bool(wire.PropBlobs)
	l.deltas = l.deltas || props.Bool(wire.PropDeltas)
	l.replacements = l.replacements || props.Bool(wire.PropSendReplacement)
}

// letter is a message about an item: a rev, or the norev of a withheld revision.
type letter struct {
	message  *blip.Message
	rev      revision.Rev // of a rev
	deleted  bool
	parcel   outbox.Parcel
	withheld *withheld   // nil for a rev
	alias    revision.ID // of a norev: the name by which the peer has the revision; or ""
}

// read reads the revisions of items and composes their messages.
func (w *composer) read(ctx context.Context, items []*outbox.Item) ([]letter, error) {
	letters := make([]letter, len(items))
	seqs := make([]store.Sequence, len(items))
	for i, it := range items {
		seqs[i] = store.Sequence(it.Sequence)
	}
	err := w.c.s.db.View(ctx, func(tx *store.Tx) error {
		bodies, err := tx.Bodies(w.c.store(), seqs)
		if err != nil {
			return err
		}
		for i, it := range items {
			if letters[i], err = w.compose(tx, it, bodies[i]); err != nil {
				return err
			}
		}
		return nil
	})
	return letters, err
}

// compose makes the message for an item. body is that of the document at the item's sequence, or
// zero if a newer revision has replaced it. If there is no revision to send, compose makes a norev.
func (w *composer) compose(tx *store.Tx, it *outbox.Item, body store.Body) (letter, error) {
	l := letter{rev: it.Rev, deleted: it.Deleted}
	if body.Text == nil {
		newer, err := tx.Document(w.c.store(), it.ID)
		switch {
		case isNotFound(err):
			return w.noRev(it, &withheld{404, "the document was purged", nil}), nil
		case err != nil:
			return letter{}, err
		}
		rev := w.c.s.tells(newer.Rev)
		if !w.peer.replacements || newer.Conflicted || !rev.Contains(it.Rev.ID) {
			return w.noRev(it, &withheld{410, "the document was changed", nil}), nil
		}
		l.rev, l.deleted = rev, newer.Deleted
		body = store.Body{Text: newer.Body, HasBlobs: newer.HasBlobs}
	}
	if alias := w.c.s.alias(it); alias != "" {
		l := w.noRev(it, &withheld{404, "the peer has it by another name", nil})
		l.alias = alias
		return l, nil
	}
	if why := w.side.withheld(it, l.rev.ID); why != nil {
		return w.noRev(it, why), nil
	}
	if document.HasEncryptable(body.Text) {
		return w.noRev(it, &withheld{403, "the document stays here", fault.Crypto.In("push", it.ID).
			Says("it has a property to be encrypted").
			Try("encrypt the property itself: there is no encryption of properties here")}), nil
	}
	l.message = w.c.message(wire.ProfileRev)
	err := w.fill(tx, &l, it, body)
	return l, err
}

// fill writes the message of a rev.
func (w *composer) fill(tx *store.Tx, l *letter, it *outbox.Item, body store.Body) error {
	m, replaced := l.message, l.rev.ID != it.Asked
	rev := w.c.s.sends(it, l.rev)
	if rev.ID.IsVersion() {
		l.rev = rev
	}
	if w.c.blobs != nil && (body.HasBlobs || bytes.Contains(body.Text, []byte("sha1-"))) {
		w.c.blobs.note(body.Text)
	}
	m.Compress = true
	m.Properties.Add(wire.PropID, it.ID)
	m.Properties.Add(wire.PropRev, string(rev.ID))
	m.Properties.Add(wire.PropSequence, strconv.FormatUint(uint64(it.Sequence), 10))
	if l.deleted {
		m.Properties.Add(wire.PropDeleted, "1")
	}
	history, tree, err := w.history(tx, it, rev)
	if err != nil {
		return err
	}
	if l.parcel.Tree = tree; history != "" {
		m.Properties.Add(wire.PropHistory, history)
	}
	if branch := deletedBranch(it, rev); branch != "" {
		m.Properties.Add(wire.PropDeletedBranch, branch)
	} else {
		w.side.addTo(m)
	}
	w.c.s.dialect.addTo(m, it, rev)
	if replaced {
		m.Properties.Add(wire.PropReplacedRev, string(it.Asked))
	}
	return w.putBody(tx, l, it, body, rev.ID)
}

// deletedBranch returns the peer's tree revision on another branch that our revision replaces. It
// returns "" if our revision descends from the peer's.
func deletedBranch(it *outbox.Item, rev revision.Rev) string {
	if branch := rev.DeletedBranch(it.Parent); branch != "" {
		return branch
	}
	for _, id := range it.Theirs {
		if branch := rev.DeletedBranch(id); branch != "" {
			return branch
		}
	}
	return ""
}

func (w *composer) noRev(it *outbox.Item, why *withheld) letter {
	m := w.c.message(wire.ProfileNoRev)
	m.NoReply = true
	m.Properties.Add(wire.PropID, it.ID)
	m.Properties.Add(wire.PropRev, string(it.Asked))
	m.Properties.Add(wire.PropSequence, strconv.FormatUint(uint64(it.Sequence), 10))
	m.Properties.Add(wire.PropError, strconv.Itoa(why.status))
	m.Properties.Add(wire.PropReason, why.reason)
	return letter{message: m, withheld: why}
}

// putBody adds the body to the message, as a delta if that is possible and shorter.
func (w *composer) putBody(tx *store.Tx, l *letter, it *outbox.Item, of store.Body, rev revision.ID) error {
	body, err := w.wireBody(of.Text, rev, of.HasBlobs)
	if err != nil {
		return err
	}
	l.message.Body, l.parcel.Bytes = body, len(body)
	if !w.peer.deltas || !w.c.s.common.Deltas || it.Whole || l.deleted || len(body) < delta.MinBody {
		return nil
	}
	base, old, err := w.deltaBase(tx, it, l.rev.ID)
	if err != nil || base == "" {
		return err
	}
	if old, err = w.wireBody(old, base, true); err != nil {
		return err
	}
	diff, err := delta.Diff(old, body)
	if err != nil || len(diff) >= len(body) {
		return nil //nolint:nilerr // without a delta, the whole body goes
	}
	l.message.Properties.Add(wire.PropDeltaSrc, string(base))
	l.message.Body = diff
	l.parcel.Delta, l.parcel.Bytes, l.parcel.Saved = true, len(diff), len(body)-len(diff)
	return nil
}

// deltaBase returns a revision whose body both sides have, or "".
func (w *composer) deltaBase(tx *store.Tx, it *outbox.Item, rev revision.ID) (revision.ID, []byte, error) {
	candidates := it.Theirs
	if it.Parent != "" {
		candidates = append([]revision.ID{it.Parent}, candidates...)
	}
	for _, id := range candidates {
		if id == rev {
			continue
		}
		body, err := tx.BodyOf(w.c.store(), it.ID, id)
		switch {
		case isNotFound(err):
			continue
		case err != nil:
			return "", nil, err
		case len(body) > len("{}"):
			return id, body, nil
		}
	}
	return "", nil, nil
}

// wireBody returns the body in the form that this peer understands.
func (w *composer) wireBody(body []byte, rev revision.ID, hasBlobs bool) ([]byte, error) {
	if w.peer.blobs || !hasBlobs {
		return body, nil
	}
	return document.WithAttachments(body, rev.Generation())
}
