package store

import (
	"time"

	"github.com/tandemdb/tandem/internal/document"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/store/row"
)

// hubRows is a transaction of a database in an engine as [rows]. A view reads the engine. A transaction that
// writes has what its group has read and changed before its eyes, and the engine gets the changes with
// the commit, or before a read that must see them.
type hubRows struct {
	tx *Tx
	r  row.Reader

	// The rest is nil in a view.
	w       *held
	o       *overlay
	saving  bool
	saved   int // place in the undo log of the operation's savepoint
	flushed int // of the overlay, then
	member  *hubMember
}

var _ rows = (*hubRows)(nil)

// fillRow makes d the document of a row.
func fillRow(d *Document, r *row.Doc) error {
	rev, err := revOf(r.Rev, r.History)
	if err != nil {
		return damaged().In("read document", r.ID).Because(err)
	}
	*d = Document{ID: r.ID, Sequence: Sequence(r.Sequence), Rev: rev, Body: r.Body, Size: r.Size, remote: known(r.Known)}
	if r.Expiry != 0 {
		d.Expiry = time.UnixMilli(r.Expiry)
	}
	d.setFlags(r.Flags)
	return nil
}

// fault adds the document to an error of the engine.
func (h *hubRows) fault(err error, op, subject string) error {
	if err == nil {
		return nil
	}
	if ctx := h.tx.ctx.Err(); ctx != nil && fault.Of(err) == nil {
		return ctx
	}
	return fault.About(err, op, subject)
}

func (h *hubRows) document(c *Collection, id string, part extent) (*Document, error) {
	if err := h.tx.alive(); err != nil {
		return nil, err
	}
	if h.o == nil {
		docs, err := h.r.Docs(c.id, []string{id}, bool(part))
		if err != nil || len(docs) == 0 {
			return nil, h.fault(err, "get document", id)
		}
		d := new(Document)
		return d, fillRow(d, &docs[0])
	}
	e, err := h.entry(c, id, part)
	if err != nil || e.doc == nil {
		return nil, h.fault(err, "get document", id)
	}
	d := *e.doc
	if part == headOnly {
		d.Body = nil
	}
	if e.given {
		h.o.seen.given[&d] = c.id
	}
	return &d, nil
}

// entry returns what the group knows of a document, after it has read it.
func (h *hubRows) entry(c *Collection, id string, part extent) (headEntry, error) {
	key := docKey{c.id, id}
	e, ok := h.o.heads[key]
	if ok && (part == headOnly || e.body || e.doc == nil) {
		return e, nil
	}
	err := h.load(c, []string{id}, part)
	return h.o.heads[key], err
}

// load reads documents into the overlay, and the kept revisions of those that have some.
func (h *hubRows) load(c *Collection, ids []string, part extent) error {
	docs, err := h.r.Docs(c.id, ids, bool(part))
	if err != nil {
		return err
	}
	h.o.seen.noteHeads(c.id, ids, docs)
	for _, id := range ids {
		h.o.heads[docKey{c.id, id}] = headEntry{} // unless it is found below
	}
	var withKept []string
	for i := range docs {
		d := new(Document)
		if err := fillRow(d, &docs[i]); err != nil {
			return err
		}
		h.o.heads[docKey{c.id, d.ID}] = headEntry{doc: d, body: bool(part)}
		if d.flags&(flagKept|flagConflicted) != 0 {
			withKept = append(withKept, d.ID)
		}
	}
	return h.loadKept(c, withKept)
}

func (h *hubRows) heads(c *Collection, ids []string, heads []*Document) error {
	if err := h.tx.alive(); err != nil {
		return err
	}
	if h.o != nil {
		if err := h.expect(c, ids); err != nil {
			return err
		}
		for i, id := range ids {
			var err error
			if heads[i], err = h.document(c, id, headOnly); err != nil {
				return err
			}
		}
		return nil
	}
	docs, err := h.r.Docs(c.id, ids, false)
	if err != nil {
		return h.fault(err, "list documents", c.FullName())
	}
	found := make(map[string]*Document, len(docs))
	for i := range docs {
		d := new(Document)
		if err := fillRow(d, &docs[i]); err != nil {
			return err
		}
		found[d.ID] = d
	}
	for i, id := range ids {
		heads[i] = found[id]
	}
	return nil
}

func (h *hubRows) expect(c *Collection, ids []string) error {
	if h.o == nil {
		return nil
	}
	if err := h.tx.alive(); err != nil {
		return err
	}
	var missing []string
	for _, id := range ids {
		if _, ok := h.o.heads[docKey{c.id, id}]; !ok {
			missing = append(missing, id)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return h.fault(h.load(c, missing, headOnly), "list documents", c.FullName())
}

var hubOrders = [...]row.Order{
	bySequence: row.BySequence, backwards: row.Backwards, byID: row.ByID, byIDBackwards: row.ByIDBackwards,
	conflictsByID: row.ConflictsByID, candidatesOf: row.CandidatesOf,
}

func (h *hubRows) list(c *Collection, l listing, into func(flags int64) *Document) error {
	query := row.Listing{
		Order: hubOrders[l.order], Body: bool(l.body), Since: int64(l.since), Before: int64(l.before),
		From: l.ids.From, To: l.ids.Before, Live: l.live, Digest: l.digest, Limit: l.limit,
	}
	if l.limit <= 0 {
		return h.tx.alive()
	}
	return h.listRows(c, query, func(r *row.Doc) error {
		if d := into(r.Flags); d != nil {
			return fillRow(d, r)
		}
		return nil
	})
}

func (h *hubRows) listRows(c *Collection, l row.Listing, each func(*row.Doc) error) error {
	if err := h.settle(); err != nil {
		return err
	}
	h.listed(c)
	l.Now = h.tx.now.UnixMilli()
	return h.fault(h.r.List(c.id, l, each), "list documents", c.FullName())
}

// listed notes that the transaction has read documents that it did not name.
func (h *hubRows) listed(c *Collection) {
	if h.o != nil {
		h.o.seen.lists[c.id] = true
	}
}

func (h *hubRows) bySequence(c *Collection, seqs []Sequence, into func(i int) *Document) error {
	return h.at(c, seqs, func(i int, r *row.Doc) error { return fillRow(into(i), r) })
}

func (h *hubRows) bodies(c *Collection, seqs []Sequence, each func(i int, b Body)) error {
	now := h.tx.now.UnixMilli()
	return h.at(c, seqs, func(i int, r *row.Doc) error {
		if r.Expiry == 0 || r.Expiry > now {
			each(i, Body{Text: r.Body, HasBlobs: r.Flags&flagBlobs != 0})
		}
		return nil
	})
}

func (h *hubRows) at(c *Collection, seqs []Sequence, each func(i int, r *row.Doc) error) error {
	if err := h.settle(); err != nil {
		return err
	}
	h.listed(c)
	places := make(map[int64]int, len(seqs))
	numbers := make([]int64, len(seqs))
	for i, seq := range seqs {
		numbers[i], places[int64(seq)] = int64(seq), i
	}
	docs, err := h.r.At(c.id, numbers)
	if err != nil {
		return h.fault(err, "list documents", c.FullName())
	}
	for i := range docs {
		if err := each(places[docs[i].Sequence], &docs[i]); err != nil {
			return err
		}
	}
	return nil
}

func (h *hubRows) blobBodies(c *Collection, since Sequence, body func(text []byte) error) error {
	l := row.Listing{Order: row.WithBlobs, Body: true, Since: int64(since)}
	if err := h.listRows(c, l, func(r *row.Doc) error { return body(r.Body) }); err != nil {
		return err
	}
	return h.fault(h.r.KeptBlobs(c.id, body), "list blobs", c.FullName())
}

func (h *hubRows) knownTo(c *Collection, remote Remote, after Sequence, limit int) (ids []string, last Sequence, err error) {
	l := row.Listing{Order: row.KnownTo, Remote: int64(remote), Since: int64(after), Limit: limit}
	err = h.listRows(c, l, func(r *row.Doc) error {
		ids, last = append(ids, r.ID), Sequence(r.Sequence)
		return nil
	})
	return ids, last, err
}

func (h *hubRows) countSince(c *Collection, since, _ Sequence) (uint64, error) {
	if err := h.settle(); err != nil {
		return 0, err
	}
	h.listed(c)
	n, err := h.r.CountSince(c.id, int64(since))
	return uint64(max(n, 0)), h.fault(err, "count changes", c.FullName())
}

func (h *hubRows) versions(c *Collection, each func(revision.Rev)) error {
	return h.listRows(c, row.Listing{Order: row.ByID}, func(r *row.Doc) error {
		rev, err := revOf(r.Rev, r.History)
		each(rev)
		return err
	})
}

func (h *hubRows) expired(c *Collection, limit int) (ids []string, err error) {
	err = h.listRows(c, row.Listing{Order: row.Expired, Limit: limit}, func(r *row.Doc) error {
		ids = append(ids, r.ID)
		return nil
	})
	return ids, err
}

func (h *hubRows) nextExpiry(c *Collection) (at time.Time, err error) {
	if err := h.settle(); err != nil {
		return at, err
	}
	h.listed(c)
	ms, err := h.r.NextExpiry(c.id)
	if ms != 0 {
		at = time.UnixMilli(ms)
	}
	return at, h.fault(err, "find next expiry", c.FullName())
}

func (h *hubRows) hasBlob(key blobKey) (bool, error) {
	if err := h.tx.alive(); err != nil {
		return false, err
	}
	if h.o == nil {
		return h.r.HasBlob(document.Digest(key))
	}
	if has, ok := h.o.blobs[key]; ok {
		return has, nil
	}
	has, err := h.r.HasBlob(document.Digest(key))
	if has {
		h.o.blobs[key] = true
	}
	return has, err
}
