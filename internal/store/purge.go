package store

// Purge removes a document with all its revisions and leaves no trace that others could see. Unlike
// a deletion, peers do not hear of it. It fails with fault.NotFound if the document does not exist.
func (tx *Tx) Purge(c *Collection, id string) error {
	const op = "purge document"
	return tx.atomic(func() error {
		head, err := tx.lookup(c, id, sqlHeadByID)
		if err != nil {
			return err
		}
		if head == nil {
			return noDocument(op, id)
		}
		return tx.fault(c, tx.purge(c, head, last), op, id)
	})
}

// purge removes a document. at tells whether the operation writes more afterwards.
func (tx *Tx) purge(c *Collection, head *Document, at place) error {
	k, err := tx.counters(c)
	if err != nil {
		return err
	}
	if err := tx.notePurged(c, head); err != nil {
		return err
	}
	if head.flags&(flagKept|flagConflicted) != 0 {
		s, err := tx.collWriting(c, sqlDropKept, more)
		if err != nil {
			return err
		}
		if err := exec(s, head.ID); err != nil {
			return err
		}
	}
	s, err := tx.collWriting(c, sqlDeleteDoc, at)
	if err != nil {
		return err
	}
	if err := tx.changeOne(s, int64(head.Sequence)); err != nil {
		return err
	}
	tx.count(k, head, nil)
	w := tx.db.writer
	w.state.purged = append(w.state.purged, Purge{Collection: c, ID: head.ID})
	return nil
}
