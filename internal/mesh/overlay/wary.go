package overlay

import (
	"slices"
	"time"
)

// doubt counts the peers that could not be reached, of those known by hearsay alone. A member that
// makes up peers, or wrong addresses, is behind many.
type doubt struct {
	count int
	since time.Time // when the count was lowered last
}

const (
	waryFrom   = 16               // a count from which hearsay is not believed
	mostDoubt  = 4 * waryFrom     // the highest count
	doubtFades = 10 * time.Second // by one
)

func (o *Overlay) disappointed(now time.Time) {
	if o.doubt.count == 0 {
		o.doubt.since = now
	}
	o.doubt.count = min(o.doubt.count+1, mostDoubt)
}

// wary reports whether links are sought only with peers that this one has met, or that a neighbour
// names as its own.
func (o *Overlay) wary(now time.Time) bool {
	for o.doubt.count > 0 && now.Sub(o.doubt.since) >= doubtFades {
		o.doubt.count, o.doubt.since = o.doubt.count-1, o.doubt.since.Add(doubtFades)
	}
	return o.doubt.count >= waryFrom
}

// vouched reports whether there is more to a peer than hearsay.
func (o *Overlay) vouched(p *peer) bool {
	return p.link != nil || p.proven() || slices.ContainsFunc(o.links, func(l *link) bool {
		return slices.Contains(o.nearTo(l.peer), p)
	})
}
