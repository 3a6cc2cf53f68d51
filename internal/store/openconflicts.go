package store

// NextConflict returns the conflict that follows the one of document id with a remote, in the order
// of IDs and then of remotes; nil after the last. The first one follows "" and 0.
func (tx *Tx) NextConflict(c *Collection, id string, remote Remote) (*Conflict, error) {
	if id != "" {
		if conflict, err := tx.conflictAfter(c, id, remote); conflict != nil || err != nil {
			return conflict, err
		}
	}
	heads, err := tx.Conflicts(c, id, 1)
	if err != nil || len(heads) == 0 {
		return nil, err
	}
	return tx.conflictAfter(c, heads[0].ID, 0)
}

// conflictAfter returns a document's conflict with the first remote after the given one, nil if
// there is none.
func (tx *Tx) conflictAfter(c *Collection, id string, after Remote) (*Conflict, error) {
	local, err := tx.lookup(c, id, withBody)
	if err != nil || local == nil || local.expired(tx.now) {
		return nil, err
	}
	kept, err := tx.keptOf(c, local)
	if err != nil {
		return nil, err
	}
	for _, k := range kept { // in the order of their remotes
		if k.remote > after {
			return tx.conflictWith(c, local, kept, k)
		}
	}
	return nil, nil //nolint:nilnil // there is none
}
