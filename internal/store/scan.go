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
	return tx.list(c, r.listing(limit, sel), sel)
}

func (r Range) listing(limit int, sel Select) listing {
	l := listing{order: byID, body: extent(sel.WithBody), ids: r, live: sel.LiveOnly, limit: limit}
	if r.Descending {
		l.order = byIDBackwards
	}
	return l
}

// upper returns the upper bound for SQL: an empty BLOB sorts above every text.
func (r Range) upper() any {
	if r.Before == "" {
		return []byte{}
	}
	return r.Before
}
