package store

// Purge removes a document with all its revisions, without a trace that others could see. It
// is not a deletion: peers are not told. It fails with fault.NotFound.
func (tx *Tx) Purge(c *Collection, id string) error {
	head, err := tx.lookup(c, id, sqlHeadByID)
	if err != nil {
		return err
	}
	if head == nil {
		return noDocument("purge document", id)
	}
	return tx.fault(c, tx.purge(c, head), "purge document", id)
}

func (tx *Tx) purge(c *Collection, head *Document) error {
	k, err := tx.counters(c)
	if err != nil {
		return err
	}
	s, err := tx.collWriting(c, sqlDeleteDoc)
	if err != nil {
		return err
	}
	if err := exec(s, int64(head.Sequence)); err != nil {
		return err
	}
	tx.count(k, head, nil)
	tx.group.purged = append(tx.group.purged, Purge{Collection: c, ID: head.ID})
	if head.flags&(flagKept|flagConflicted) == 0 {
		return nil
	}
	if s, err = tx.collWriting(c, sqlDropKept); err != nil {
		return err
	}
	return exec(s, head.ID)
}
