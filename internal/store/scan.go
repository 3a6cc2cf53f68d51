package store

// Range selects documents of a collection by their IDs, which are ordered byte by byte. The zero
// value is the whole collection.
type Range struct {
	From       string // the first ID above the range; "" for no bound
	Before     string // higher than all IDs of the range; "" for no bound
	Descending bool   // start with the highest ID
}

// Scan returns the first documents of a range, at most limit, without expired ones. Its cost
// depends on the number of documents read, not on the place of the range in the collection. A
// result shorter than limit reaches the end of the range.
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

// upper returns the upper bound for SQL: an empty BLOB sorts above every text.
func (r Range) upper() any {
	if r.Before == "" {
		return []byte{}
	}
	return r.Before
}
