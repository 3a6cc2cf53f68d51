package store

// Purge removes a document with all its revisions and leaves no trace that others could see. Unlike
// a deletion, peers do not hear of it. It fails with fault.NotFound if the document does not exist.
func (tx *Tx) Purge(c *Collection, id string) error {
	const op = "purge document"
	return tx.atomic(func() error {
		head, err := tx.lookup(c, id, headOnly)
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
		if err := tx.rows.dropAllKept(c, head.ID, more); err != nil {
			return err
		}
	}
	if err := tx.rows.remove(c, head, at); err != nil {
		return err
	}
	tx.count(k, head, nil)
	tx.state.purged = append(tx.state.purged, Purge{Collection: c, ID: head.ID})
	return nil
}
