package store

import (
	"bytes"
	"errors"

	"github.com/tandemdb/tandem/internal/document"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/revision/both"
)

// MaxBody is the largest size of a document's body, in bytes.
const MaxBody = 64 << 20

// Edit is a local change of a document.
type Edit struct {
	ID string

	// Body is the new JSON object; nil means {}. It is checked and stored without whitespace.
	Body []byte

	// Deleted makes a tombstone, which may have a body too.
	Deleted bool

	// AllowAbsentBlobs saves the document even if the database lacks the content of its blobs, for
	// imported data. Peers then get the document without the content.
	AllowAbsentBlobs bool

	// FailOnConflict makes Save fail with fault.Conflict unless the head is still Parent, the
	// revision that was edited. An empty Parent requires that the document does not exist or is a
	// tombstone. Without FailOnConflict the last writer wins.
	FailOnConflict bool
	Parent         revision.ID
}

// Save stores a local edit as the document's next revision and returns the new head with its body.
// A save over a tombstone continues its history. A document keeps its expiry; a deletion clears it.
//
// It fails with fault.Conflict (see [Edit].FailOnConflict), fault.BadDocID, fault.BadJSON,
// fault.CorruptRevision or fault.Invalid (a body that is not allowed), or fault.NotFound: the
// document to be deleted does not exist, or the database lacks the content of a blob.
func (tx *Tx) Save(c *Collection, e Edit) (head *Document, err error) {
	err = tx.atomic(func() error {
		head, err = tx.save(c, e)
		return err
	})
	if err != nil {
		return nil, err
	}
	return head, nil
}

func (tx *Tx) save(c *Collection, e Edit) (*Document, error) {
	const op = "save document"
	next, err := tx.prepareEdit(e)
	if err != nil {
		return nil, fault.About(err, op, e.ID)
	}
	if !e.Deleted && e.Parent == "" {
		if err := tx.beginDocument(c, next); err != nil {
			return nil, fault.About(err, op, e.ID)
		}
		if inserted, err := tx.insert(c, next); inserted || err != nil {
			return next, tx.fault(c, err, op, e.ID)
		}
	}
	head, err := tx.current(c, e.ID)
	if err != nil {
		return nil, err
	}
	if err := checkEdit(head, e); err != nil {
		return nil, err
	}
	return next, tx.fault(c, tx.saveOver(c, head, next), op, e.ID)
}

// Touch saves the head of a document again, as a new revision with the same content, if it is still
// rev. That settles an order that no comparison can: two peers each claim to have seen the other's
// revision. It does nothing if the document is gone, its head is another revision, or the head is
// in conflict.
func (tx *Tx) Touch(c *Collection, id string, rev revision.ID) error {
	const op = "touch document"
	return tx.atomic(func() error {
		head, err := tx.Document(c, id)
		switch {
		case errors.Is(err, fault.NotFound):
			return nil
		case err != nil:
			return err
		case head.Rev.ID != rev || head.Conflicted:
			return nil
		}
		next := &Document{ID: id, Body: head.Body, Size: head.Size}
		next.setFlags(head.flags &^ (flagKept | flagConflicted))
		return tx.fault(c, tx.saveOver(c, head, next), op, id)
	})
}

// saveOver stores next as the revision after head; head is nil for a new document.
func (tx *Tx) saveOver(c *Collection, head, next *Document) (err error) {
	if head == nil {
		if err := tx.beginDocument(c, next); err != nil {
			return err
		}
		return tx.insertNew(c, next)
	}
	after, err := tx.latestTime(c, head)
	if err != nil {
		return err
	}
	if next.Rev, err = tx.edit(head.Rev, next, after); err != nil {
		return err
	}
	next.Rev = tx.prune(next.Rev, head)
	if !next.Deleted {
		next.Expiry = head.Expiry
	}
	next.remote = head.remote.moved(head.Rev.ID, next.Rev.ID)
	return tx.replace(c, head, next)
}

// prepareEdit checks an edit and returns its document, without a revision.
func (tx *Tx) prepareEdit(e Edit) (*Document, error) {
	if err := document.CheckID(e.ID); err != nil {
		return nil, err
	}
	body, flags, err := checkBody(e.Body)
	if err != nil {
		return nil, err
	}
	if e.Deleted {
		flags |= flagDeleted
	}
	next := &Document{ID: e.ID, Body: body, Size: len(body)}
	next.setFlags(flags)
	return next, tx.requireBlobs(next, e.AllowAbsentBlobs)
}

var emptyBody = []byte("{}")

// checkBody checks the body of a local edit, and returns it in stored form with its flags.
func checkBody(body []byte) ([]byte, int64, error) {
	if len(body) == 0 {
		return emptyBody, 0, nil
	}
	if len(body) > MaxBody {
		return nil, 0, tooLarge(len(body))
	}
	body, info, err := document.Compact(body)
	if err != nil {
		return nil, 0, err
	}
	if info.HasReserved && !onlyAttachments(body) {
		if err := document.CheckKeys(body); err != nil {
			return nil, 0, err
		}
	}
	return body, infoFlags(info), nil
}

// onlyAttachments reports whether _attachments is the only reserved key of body. Documents from a
// Sync Gateway may have it and must stay editable.
func onlyAttachments(body []byte) bool {
	for key := range document.Value(body).Members() {
		if text := key.Text(); bytes.HasPrefix(text, []byte("_")) && string(text) != "_attachments" {
			return false
		}
	}
	return true
}

func infoFlags(info document.Info) (flags int64) {
	if info.HasBlobs {
		flags |= flagBlobs
	}
	if info.HasAttachments {
		flags |= flagAttachments
	}
	return flags
}

func tooLarge(size int) error {
	return fault.Invalid.Says("the body has %d bytes, more than the %d allowed", size, MaxBody).
		Try("keep large content in blobs")
}

func checkEdit(head *Document, e Edit) error {
	const op = "save document"
	exists := head != nil && !head.Deleted
	if e.FailOnConflict {
		var is revision.ID
		if head != nil && (exists || e.Parent != "") {
			is = head.Rev.ID
		}
		if is != e.Parent {
			return fault.Conflict.In(op, e.ID).Says("the document has changed meanwhile").
				Try("read it again and repeat the edit")
		}
	}
	if e.Deleted && !exists {
		return noDocument("delete document", e.ID)
	}
	return nil
}

// beginDocument gives next the first revision of a new document.
func (tx *Tx) beginDocument(c *Collection, next *Document) error {
	after, err := tx.purgedTime(c, next.ID)
	if err != nil {
		return err
	}
	next.Rev, err = tx.edit(revision.Rev{}, next, after)
	return err
}

// latestTime returns the greatest time of a document, its conflicts included.
func (tx *Tx) latestTime(c *Collection, head *Document) (revision.Time, error) {
	t := revision.Greatest(head.Rev)
	if !head.Conflicted {
		return t, nil
	}
	kept, err := tx.keptOf(c, head)
	for _, k := range kept {
		t = max(t, revision.Greatest(k.rev))
	}
	return t, err
}

// edit returns the revision of a local edit of parent; parent is zero for a new document. The time
// of a version is later than after.
func (tx *Tx) edit(parent revision.Rev, next *Document, after revision.Time) (revision.Rev, error) {
	switch {
	case tx.hasTrees() && !parent.IsZero():
		h := both.HeadOf(parent)
		version := revision.NewVersion(tx.nextTime(max(after, revision.Greatest(h.Rev()))), tx.db.Source())
		return h.Next(version, 0).Rev(), nil
	case tx.db.Versioning() != RevTrees:
		return revision.EditVersion(parent, tx.nextTime(after), tx.db.Source()), nil
	}
	canonical, err := document.Canonical(next.Body)
	if err != nil {
		return revision.Rev{}, err
	}
	return revision.EditTree(parent, next.Deleted, canonical), nil
}

// prune shortens a history. It keeps revisions that remotes are known to have of the document with
// this head; head is nil for a new document.
func (tx *Tx) prune(rev revision.Rev, head *Document) revision.Rev {
	var keep func(revision.ID) bool
	if head != nil && head.remote != "" {
		keep = func(id revision.ID) bool { return head.remote.names(id, head.Rev.ID) }
	}
	depth := tx.db.options.MaxHistory
	if tx.hasBranches() {
		depth = max(depth, branchHistory)
	}
	if tx.hasTrees() {
		depth = max(depth, 2) + 1 // the list begins with the revision's own tree ID; a parent stays
		keep = keepsByVersion(rev, keep)
	}
	return rev.Pruned(depth, keep)
}

// current reads the head before a change; nil means that the document does not exist. It purges an
// expired document first.
func (tx *Tx) current(c *Collection, id string) (*Document, error) {
	head, err := tx.lookup(c, id, headOnly)
	if err != nil || head == nil {
		return nil, err
	}
	if head.expired(tx.now) {
		return nil, tx.purge(c, head, more)
	}
	return head, nil
}
