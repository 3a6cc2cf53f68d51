package store

// Range is a part of a collection by the IDs of the documents, which are ordered byte by byte.
// The zero value is the whole collection.
type Range struct {
	From       string // the lowest ID, if there is a document of it; "" for no bound
	Before     string // higher than all IDs of the range; "" for no bound
	Descending bool   // gives the highest ID first
}

// Scan returns the first documents of a range, at most limit. It costs as much as it reads: a
// part near the end of a large collection is not dearer than one at its beginning. Expired
// documents are left out. Fewer than limit means that the range has no more.
func (tx *Tx) Scan(c *Collection, r Range, limit int, sel Select) ([]*Document, error) {
	s, err := tx.collStmt(c, r.choose(sel))
	if err != nil {
		return nil, err
	}
	return tx.list(c, s, sel, r.From, r.upper(), tx.now.UnixMilli(), !sel.LiveOnly, int64(limit))
}

func (r Range) choose(sel Select) collStatement {
	if r.Descending {
		return sel.choose(sqlScanHeadsBack, sqlScanDocsBack)
	}
	return sel.choose(sqlScanHeads, sqlScanDocs)
}

// upper returns the upper bound for SQL, in whose order a BLOB comes after every text.
func (r Range) upper() any {
	if r.Before == "" {
		return []byte{}
	}
	return r.Before
}
