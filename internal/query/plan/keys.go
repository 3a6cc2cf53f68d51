package plan

// Keyed returns q with further columns at the end, which tell its rows apart: the IDs of the
// documents that a row is of, or the values of GROUP BY. DISTINCT allows no further columns.
func (q *Query) Keyed() *Query {
	keyed := *q
	keyed.Columns = append(q.Columns[:len(q.Columns):len(q.Columns)], q.keys()...)
	return &keyed
}

func (q *Query) keys() (keys []Column) {
	if q.Distinct {
		return nil
	}
	if q.Grouped {
		for _, x := range q.GroupBy {
			if c, ok := x.(*Collated); ok {
				x = c.X
			}
			keys = append(keys, Column{X: x})
		}
		return keys
	}
	for i, s := range q.Sources {
		if s.Items == nil {
			keys = append(keys, Column{X: &Meta{i, MetaID}})
		}
	}
	return keys
}

// ReadsOnlyFeed reports whether all that q reads of its documents changes with their sequences
// alone: it reads no tombstones, which can be purged, and no expiration.
func (q *Query) ReadsOnlyFeed() bool {
	for _, s := range q.Sources {
		if s.Tombstones {
			return false
		}
	}
	reads := false
	q.walk(func(x Expr) bool {
		if m, ok := x.(*Meta); ok && (m.Field == MetaExpiration || m.Field == MetaAll) {
			reads = true
		}
		return reads
	})
	return !reads
}

// Searches reports whether q reads indexes that can change while its documents stay the same.
func (q *Query) Searches() bool { return len(q.Matches)+len(q.Nearest) > 0 }

// walk visits the expressions of q, until visit returns true.
func (q *Query) walk(visit func(Expr) bool) {
	for _, c := range q.Columns {
		walk(c.X, visit)
	}
	for _, s := range q.Sources {
		walk(s.On, visit)
		walk(s.Items, visit)
	}
	walk(q.Where, visit)
	for _, x := range q.GroupBy {
		walk(x, visit)
	}
	walk(q.Having, visit)
	for _, o := range q.OrderBy {
		walk(o.X, visit)
	}
}
