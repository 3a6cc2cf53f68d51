package store

// insert adds d with the next sequence, unless a document with its ID exists.
func (tx *Tx) insert(c *Collection, d *Document) (bool, error) {
	k, err := tx.counters(c)
	if err != nil {
		return false, err
	}
	inserted, err := tx.rows.insert(c, Sequence(k.last+1), d, place(!d.refersToBlobs()))
	if err != nil || !inserted {
		return false, err
	}
	k.last++
	d.Sequence = Sequence(k.last)
	tx.count(k, nil, d)
	return true, tx.ownBlobs(d)
}

// insertNew is insert after a lookup has found no document of the ID. If the insertion still fails,
// the file contradicts itself.
func (tx *Tx) insertNew(c *Collection, d *Document) error {
	inserted, err := tx.insert(c, d)
	if err == nil && !inserted {
		err = damaged()
	}
	return err
}

// replace makes next the head instead of head, with the next sequence. next.remote must be set.
// replace updates the kept revisions and ends conflicts that next resolves.
func (tx *Tx) replace(c *Collection, head, next *Document) error {
	k, err := tx.counters(c)
	if err != nil {
		return err
	}
	keptFlags, err := tx.succeed(c, head, next)
	if err != nil {
		return err
	}
	next.setFlags(next.flags&^(flagKept|flagConflicted) | keptFlags)
	if err := tx.rows.update(c, Sequence(k.last+1), next, place(!next.refersToBlobs())); err != nil {
		return err
	}
	k.last++
	next.Sequence = Sequence(k.last)
	tx.count(k, head, next)
	return tx.ownBlobs(next)
}

// count updates the collection's counters after a row changed from was to is; nil stands for a
// missing row.
func (tx *Tx) count(k counters, was, is *Document) {
	if was != nil && !was.Deleted {
		k.live--
	}
	if is != nil && !is.Deleted {
		k.live++
	}
	if is != nil && !is.Expiry.IsZero() {
		tx.state.expiring = true
	}
	tx.setCounters(k)
}
