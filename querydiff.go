package tandem

import "github.com/tandemdb/tandem/internal/live"

// QueryDiff tells how a result becomes the next: take away the rows of Removed and Moved, put those
// of Inserted and Moved at their places in the order of these, and replace those of Changed. The
// other rows keep their order. Positions count from 0 and ascend.
//
// Rows of two results belong together if they are of the same document, or with JOIN of the same
// documents. With GROUP BY, the values of the groups count instead; with DISTINCT, the whole row;
// aggregates without GROUP BY make a single row. Of several such rows, as UNNEST makes, the first
// ones belong together, then the second ones, and so on.
type QueryDiff struct {
	Removed  []DiffRow // with their positions in the previous result
	Inserted []DiffRow // with their positions in this result
	Changed  []DiffRow // rows with other values than before, with their positions in this result
	Moved    []DiffMove
}

// DiffRow is a row of a [QueryDiff].
type DiffRow struct {
	Position int
	Row      *Result
}

// DiffMove is a row whose order among the rows of both results has changed. If its values have
// changed, too, the row is also among those of Changed.
type DiffMove struct {
	From, To int     // positions in the previous result and in this one
	Row      *Result // of this result
}

// diffOf compares two results.
func diffOf(columns []string, before, after liveResult) *QueryDiff {
	d := live.Compare(before.keys, after.keys, func(i, j int) bool { return sameRow(before.rows[i], after.rows[j]) })
	row := func(of liveResult, at int) DiffRow { return DiffRow{at, &Result{columns, of.rows[at]}} }
	diff := &QueryDiff{}
	for _, at := range d.Removed {
		diff.Removed = append(diff.Removed, row(before, at))
	}
	for _, at := range d.Inserted {
		diff.Inserted = append(diff.Inserted, row(after, at))
	}
	for _, pair := range d.Changed {
		diff.Changed = append(diff.Changed, row(after, pair.New))
	}
	for _, move := range d.Moved {
		diff.Moved = append(diff.Moved, DiffMove{move.From, move.To, row(after, move.To).Row})
	}
	return diff
}

// sameRow reports whether all columns are equal. Missing differs from all values.
func sameRow(a, b [][]byte) bool {
	for i := range a {
		if (a[i] == nil) != (b[i] == nil) || string(a[i]) != string(b[i]) {
			return false
		}
	}
	return true
}
