package tail

import "sort"

// Bounds of a ring.
const (
	ringEvents = 4096
	ringBytes  = 16 << 20
)

// ring keeps the latest events of a tail. It has all changes after floor that the tail has read.
type ring struct {
	events []*Event // by their sequences
	bytes  int      // of events
	floor  uint64
}

// add appends an event, whose sequence is the highest, and lets the oldest go.
func (r *ring) add(e *Event) {
	r.events = append(r.events, e)
	r.bytes += len(e.text)
	drop := 0
	for len(r.events)-drop > 1 && (len(r.events)-drop > ringEvents || r.bytes > ringBytes) {
		r.bytes -= len(r.events[drop].text)
		r.floor = r.events[drop].Sequence
		r.events[drop] = nil
		drop++
	}
	r.events = r.events[drop:] // append moves the rest to new memory when the end is reached
}

// after appends events after a sequence to dst, at most limit and about pageBytes: they stay in memory
// until a slow client has them. ok is false if the ring does not reach so far back.
func (r *ring) after(dst []*Event, since uint64, limit int) (events []*Event, ok bool) {
	if since < r.floor {
		return dst, false
	}
	i := sort.Search(len(r.events), func(i int) bool { return r.events[i].Sequence > since })
	bytes := 0
	for _, e := range r.events[i:min(i+limit, len(r.events))] {
		dst = append(dst, e)
		if bytes += len(e.text); bytes >= pageBytes {
			break
		}
	}
	return dst, true
}
