package store

import (
	"bytes"
	"errors"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/revision"
)

// maxRestoredSequence bounds the sequences that an export may request. It leaves room for 2^53
// further changes.
const maxRestoredSequence = 1 << 53

// Restored is a document of an export.
type Restored struct {
	ID      string
	Body    []byte       // as [Edit].Body
	Deleted bool         // it is a tombstone
	Rev     revision.Rev // zero if the export has none

	// Sequence is the document's place among the changes of its collection, 0 for the next one. A
	// transaction may set it only in a collection that had no change before: readers that continue
	// behind the last sequence would miss the document.
	Sequence Sequence
}

// Restore stores a document of an export, even if the database lacks the content of its blobs. A
// new document gets the revision of the export. An existing document with other content gets an
// edit. Restore reports whether anything changed. It fails as [Tx.Save] and [Tx.Receive] do, and
// with fault.Invalid for an impossible sequence.
func (tx *Tx) Restore(c *Collection, r Restored) (changed bool, err error) {
	err = tx.atomic(func() error {
		changed, err = tx.restore(c, r)
		return err
	})
	return changed && err == nil, err
}

func (tx *Tx) restore(c *Collection, r Restored) (changed bool, err error) {
	head, err := tx.Document(c, r.ID)
	switch {
	case errors.Is(err, fault.NotFound):
		return tx.restoreNew(c, r)
	case err != nil:
		return false, err
	}
	body, _, err := checkBody(r.Body)
	if err != nil {
		return false, fault.About(err, "restore document", r.ID)
	}
	if head.Deleted == r.Deleted && (r.Deleted || bytes.Equal(head.Body, body)) {
		return false, nil
	}
	_, err = tx.Save(c, Edit{ID: r.ID, Body: body, Deleted: r.Deleted, AllowAbsentBlobs: true})
	return err == nil, err
}

func (tx *Tx) restoreNew(c *Collection, r Restored) (bool, error) {
	if r.Rev.IsZero() && r.Deleted {
		return false, nil // no document to delete
	}
	k, err := tx.counters(c)
	if err != nil {
		return false, err
	}
	given := k.last
	if r.Sequence > 0 {
		if err := tx.checkFree(c, r.Sequence); err != nil {
			return false, fault.About(err, "restore document", r.ID)
		}
		k.last = int64(r.Sequence) - 1
		tx.setCounters(k)
	}
	if err := tx.addRestored(c, r); err != nil {
		return false, err
	}
	k, err = tx.counters(c)
	k.last = max(k.last, given)
	tx.setCounters(k)
	return true, err
}

func (tx *Tx) addRestored(c *Collection, r Restored) error {
	if r.Rev.IsZero() {
		_, err := tx.Save(c, Edit{ID: r.ID, Body: r.Body, AllowAbsentBlobs: true})
		return err
	}
	body, _, err := checkBody(r.Body)
	if err != nil {
		return fault.About(err, "restore document", r.ID)
	}
	_, err = tx.Receive(c, Incoming{ID: r.ID, Rev: r.Rev, Deleted: r.Deleted, Body: body, AllowAbsentBlobs: true})
	return err
}

// checkFree refuses a sequence that is too large or already given.
func (tx *Tx) checkFree(c *Collection, seq Sequence) error {
	if seq > maxRestoredSequence {
		return fault.Invalid.Says("sequence %d is too large", seq)
	}
	next, err := tx.Changes(c, seq-1, 1, Select{})
	if err == nil && len(next) > 0 && next[0].Sequence == seq {
		err = fault.Invalid.Says("sequence %d occurs twice", seq)
	}
	return err
}
