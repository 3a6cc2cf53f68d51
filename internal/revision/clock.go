package revision

import "time"

// Next returns the time for a new version: the nanoseconds of wall without the low 16 bits, or
// last+1 if the wall clock has not advanced. last is the greatest time issued or seen so far; the
// caller keeps the result as the next last.
func Next(last Time, wall time.Time) Time {
	const counter = 0xffff
	t := Time(max(wall.UnixNano(), int64(MinTime))) &^ counter
	if t <= last {
		return last + 1
	}
	return t
}

// Greatest returns the latest time in r and its history, or 0 if r has no version. A receiver
// raises its clock to that time. Encoded tree IDs do not count.
func Greatest(r Rev) Time {
	var t Time
	for _, list := range [...][]ID{{r.ID}, r.History.Merges, r.History.Previous} {
		for _, id := range list {
			if id.Source() != LegacySource {
				t = max(t, id.Time())
			}
		}
	}
	return t
}
