package store

import (
	"errors"
	"slices"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/store/row"
)

// hubMember is the part of a group that one transaction has.
type hubMember struct {
	undo   int  // place in the overlay's undo log
	marked bool // the engine has a savepoint of it
}

// settle has the engine see all changes of the group before it reads.
func (h *hubRows) settle() error {
	if err := h.tx.alive(); err != nil {
		return err
	}
	if h.o == nil || !h.o.isDirty() {
		return nil
	}
	if err := h.direct(); err != nil {
		return err
	}
	return h.fault(h.w.Flush(h.o.drain()), "write", h.tx.db.path)
}

// settleAll is settle before a read of what no one collection has.
func (h *hubRows) settleAll() error {
	if h.o != nil {
		h.o.seen.wide = true
	}
	return h.settle()
}

// direct prepares a change in the engine before the commit.
func (h *hubRows) direct() error {
	if !h.member.marked {
		if err := h.w.Mark(); err != nil {
			return h.fault(err, "write", h.tx.db.path)
		}
		h.member.marked = true
	}
	h.o.flushes++
	return nil
}

// written is settle and direct before a change in the engine.
func (h *hubRows) written(at place) error {
	if err := h.tx.beginWrite(at); err != nil {
		return err
	}
	if err := h.settle(); err != nil {
		return err
	}
	return h.direct()
}

func (h *hubRows) save() error {
	h.saving, h.saved, h.flushed = true, len(h.o.undo), h.o.flushes
	return nil
}

func (h *hubRows) release() error {
	h.saving = false
	return nil
}

func (h *hubRows) rollBack() error {
	h.o.back(h.saved)
	h.saving = false
	return nil
}

// gone reports whether the operation cannot be undone alone: some of its changes are in the engine.
func (h *hubRows) gone() bool { return h.saving && h.flushed != h.o.flushes }

func (h *hubRows) insert(c *Collection, seq Sequence, d *Document, at place) (bool, error) {
	e, err := h.entry(c, d.ID, headOnly)
	if err != nil || e.doc != nil {
		return false, err
	}
	return true, h.store(c, seq, d, at)
}

func (h *hubRows) update(c *Collection, seq Sequence, next *Document, at place) error {
	e, err := h.entry(c, next.ID, headOnly)
	if err != nil {
		return err
	}
	if e.doc == nil {
		return damaged()
	}
	return h.store(c, seq, next, at)
}

func (h *hubRows) store(c *Collection, seq Sequence, d *Document, at place) error {
	if err := h.tx.beginWrite(at); err != nil {
		return err
	}
	stored := *d
	stored.Sequence = seq
	h.o.seen.given[d] = c.id // its caller gets the sequence, too
	put(h.o, h.o.heads, docKey{c.id, d.ID}, headEntry{doc: &stored, body: true, dirty: true, given: true})
	return nil
}

func (h *hubRows) mark(c *Collection, d *Document, at place) error {
	return h.change(c, d, at, func(stored *Document) {
		stored.setFlags(d.flags)
		stored.remote, stored.Expiry = d.remote, d.Expiry
	})
}

func (h *hubRows) rename(c *Collection, d *Document, at place) error {
	return h.change(c, d, at, func(stored *Document) { stored.Rev.History, stored.remote = d.Rev.History, d.remote })
}

// change changes parts of a head, which stays at its sequence.
func (h *hubRows) change(c *Collection, d *Document, at place, how func(stored *Document)) error {
	e, err := h.entry(c, d.ID, withBody)
	if err != nil {
		return err
	}
	if e.doc == nil || e.doc.Sequence != d.Sequence {
		return damaged()
	}
	if err := h.tx.beginWrite(at); err != nil {
		return err
	}
	changed := *e.doc
	how(&changed)
	put(h.o, h.o.heads, docKey{c.id, d.ID}, headEntry{doc: &changed, body: true, dirty: true, given: e.given})
	return nil
}

func (h *hubRows) markRun(c *Collection, k known, from, to Sequence, at place) (int64, error) {
	if err := h.written(at); err != nil {
		return 0, err
	}
	changed, err := h.w.MarkRun(c.id, string(k), int64(from), int64(to))
	for key := range h.o.heads { // all of them are in the engine
		if key.collection == c.id {
			was := h.o.heads[key]
			h.o.undo = append(h.o.undo, func() { h.o.heads[key] = was })
			delete(h.o.heads, key)
		}
	}
	return changed, h.fault(err, "mark revisions", c.FullName())
}

func (h *hubRows) remove(c *Collection, head *Document, at place) error {
	if err := h.tx.beginWrite(at); err != nil {
		return err
	}
	put(h.o, h.o.heads, docKey{c.id, head.ID}, headEntry{dirty: true})
	return nil
}

// loadKept reads the kept revisions of documents into the overlay.
func (h *hubRows) loadKept(c *Collection, ids []string) error {
	ids = slices.DeleteFunc(ids, func(id string) bool {
		_, ok := h.o.kept[docKey{c.id, id}]
		return ok
	})
	if len(ids) == 0 {
		return nil
	}
	all, err := h.r.Kept(c.id, ids)
	if err != nil {
		return err
	}
	h.o.seen.noteKept(c.id, ids, all)
	for _, id := range ids {
		h.o.kept[docKey{c.id, id}] = keptEntry{stored: make(map[int64]row.KeptKey)}
	}
	for _, k := range all {
		item, err := h.itemOf(k)
		if err != nil {
			return err
		}
		key := docKey{c.id, k.ID}
		e := h.o.kept[key]
		e.rows, e.stored[item.row] = append(e.rows, item), k.KeptKey
		h.o.kept[key] = e
	}
	return nil
}

func (h *hubRows) itemOf(k row.Kept) (keptItem, error) {
	rev, err := revOf(k.Rev, k.History)
	if err != nil {
		return keptItem{}, damaged().In("read kept revisions", k.ID).Because(err)
	}
	h.o.nextRow++
	return keptItem{keptRow: keptRow{
		row: h.o.nextRow, remote: Remote(k.Remote), rev: rev, flags: k.Flags, base: revision.ID(k.Base),
	}}, nil
}

func (h *hubRows) keptEntry(c *Collection, id string) (keptEntry, error) {
	key := docKey{c.id, id}
	if _, ok := h.o.kept[key]; !ok {
		if err := h.loadKept(c, []string{id}); err != nil {
			return keptEntry{}, h.fault(err, "read kept revisions", id)
		}
	}
	return h.o.kept[key], nil
}

func (h *hubRows) listKept(c *Collection, id string) (all []keptRow, err error) {
	if err := h.tx.alive(); err != nil {
		return nil, err
	}
	if h.o == nil {
		return h.viewKept(c, id)
	}
	e, err := h.keptEntry(c, id)
	for _, i := range e.rows {
		all = append(all, i.keptRow)
	}
	return all, err
}

// viewKept is listKept in a view. The place of a row in the list is its number.
func (h *hubRows) viewKept(c *Collection, id string) (all []keptRow, err error) {
	rows, err := h.r.Kept(c.id, []string{id})
	for n, k := range rows {
		rev, err := revOf(k.Rev, k.History)
		if err != nil {
			return nil, damaged().In("read kept revisions", id).Because(err)
		}
		all = append(all, keptRow{
			row: int64(n), of: id, remote: Remote(k.Remote), rev: rev, flags: k.Flags, base: revision.ID(k.Base),
		})
	}
	return all, h.fault(err, "read kept revisions", id)
}

func (h *hubRows) keptBody(c *Collection, k keptRow) ([]byte, error) {
	if err := h.tx.alive(); err != nil {
		return nil, err
	}
	if h.o == nil {
		return h.r.KeptBody(row.KeptKey{Collection: c.id, ID: k.of, Remote: int64(k.remote), Rev: string(k.rev.ID)})
	}
	key, item, ok := h.findKept(c, k)
	switch {
	case !ok:
		return nil, nil
	case item.body != nil:
		return item.body, nil
	case item.ofHead != 0:
		docs, err := h.r.At(c.id, []int64{int64(item.ofHead)})
		if err != nil || len(docs) == 0 {
			return nil, errors.Join(err, damaged())
		}
		return docs[0].Body, nil
	}
	return h.r.KeptBody(item.key(key))
}

func (h *hubRows) findKept(c *Collection, k keptRow) (docKey, keptItem, bool) {
	for key, e := range h.o.kept {
		if key.collection != c.id {
			continue
		}
		if i := slices.IndexFunc(e.rows, func(i keptItem) bool { return i.row == k.row }); i >= 0 {
			return key, e.rows[i], true
		}
	}
	return docKey{}, keptItem{}, false
}

// setKept replaces the kept revisions of a document, in the order of remotes and revisions.
func (h *hubRows) setKept(key docKey, e keptEntry, rows []keptItem) {
	slices.SortStableFunc(rows, func(a, b keptItem) int {
		if a.remote != b.remote {
			return int(a.remote - b.remote)
		}
		return compareText(string(a.rev.ID), string(b.rev.ID))
	})
	put(h.o, h.o.kept, key, keptEntry{rows: rows, stored: e.stored, dirty: true})
}

func compareText(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func (h *hubRows) add(c *Collection, id string, item keptItem, at place) error {
	if err := h.tx.beginWrite(at); err != nil {
		return err
	}
	e, err := h.keptEntry(c, id)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(e.rows, func(i keptItem) bool { return i.remote == item.remote && i.rev.ID == item.rev.ID }) {
		return nil
	}
	h.o.nextRow++
	item.row = h.o.nextRow
	h.setKept(docKey{c.id, id}, e, append(slices.Clone(e.rows), item))
	return nil
}

func (h *hubRows) keepHead(c *Collection, head *Document, next revision.ID, at place) error {
	e, err := h.entry(c, head.ID, headOnly)
	if err != nil {
		return err
	}
	item := keptItem{keptRow: keptRow{rev: head.Rev, flags: head.flags & (flagBlobs | flagAttachments), base: next}}
	if item.ofHead = head.Sequence; e.body {
		item.body, item.ofHead = e.doc.Body, 0
	}
	return h.add(c, head.ID, item, at)
}

func (h *hubRows) addKept(c *Collection, id string, k keptRow, body []byte, at place) error {
	return h.add(c, id, keptItem{keptRow: k, body: body}, at)
}

func (h *hubRows) becomeBase(c *Collection, k keptRow, at place) error {
	body, err := h.keptBody(c, k)
	if err != nil {
		return err
	}
	key, item, ok := h.findKept(c, k)
	if !ok {
		return damaged()
	}
	if err := h.dropKept(c, k, at); err != nil {
		return err
	}
	h.o.nextRow++
	item.row, item.remote, item.base, item.body, item.ofHead = h.o.nextRow, 0, "", body, 0
	e := h.o.kept[key]
	rows := slices.DeleteFunc(slices.Clone(e.rows), func(i keptItem) bool { return i.remote == 0 && i.rev.ID == item.rev.ID })
	h.setKept(key, e, append(rows, item))
	return nil
}

func (h *hubRows) dropKept(c *Collection, k keptRow, at place) error {
	if err := h.tx.beginWrite(at); err != nil {
		return err
	}
	key, _, ok := h.findKept(c, k)
	if !ok {
		return nil
	}
	e := h.o.kept[key]
	h.setKept(key, e, slices.DeleteFunc(slices.Clone(e.rows), func(i keptItem) bool { return i.row == k.row }))
	return nil
}

func (h *hubRows) dropAllKept(c *Collection, id string, at place) error {
	if err := h.tx.beginWrite(at); err != nil {
		return err
	}
	e, err := h.keptEntry(c, id)
	if err == nil {
		h.setKept(docKey{c.id, id}, e, nil)
	}
	return err
}

func (h *hubRows) addPending(string, time.Time, place) error { return nil }

func (h *hubRows) dropPending(string, place) error { return nil }

// unsupported is the error of what only SQLite can do.
func (tx *Tx) unsupported(op string) error {
	return fault.Unsupported.In(op, tx.db.path).Says("queries and their indexes need a database in a folder").Try(queryHint)
}
