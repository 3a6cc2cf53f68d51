package store

// Kept is a revision that is stored with its body beside a document's head.
type Kept struct {
	*Document
	With Remote // the remote whose revision is in conflict with the head; 0 for a former head
}

// KeptRevisions returns a document, tombstone or not, and the revisions that are stored beside it:
// former heads first, then those in conflict by the numbers of their remotes.
func (tx *Tx) KeptRevisions(c *Collection, id string) (head *Document, beside []Kept, err error) {
	if head, err = tx.Document(c, id); err != nil {
		return nil, nil, err
	}
	rows, err := tx.keptOf(c, head)
	for _, row := range rows {
		d, err := tx.keptDocument(c, id, row)
		if err != nil {
			return nil, nil, err
		}
		beside = append(beside, Kept{Document: d, With: row.remote})
	}
	return head, beside, err
}
