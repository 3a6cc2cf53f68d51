package rest

import (
	"sync"

	"github.com/tandemdb/tandem"
)

// pendings remembers how many changes followed the lists that were answered last. Who reads a collection page
// by page asks next from where the page before has ended: a count for each page would read all that is
// left, each time.
type pendings struct {
	mu   sync.Mutex // guards the following
	kept [pendingsKept]pendingCount
	next int // the oldest
}

// pendingsKept is for how many readers at once the counts are remembered.
const pendingsKept = 64

// pendingCount says how many changes follow one up to the last.
type pendingCount struct {
	coll     *tandem.Collection
	at, last uint64
	count    uint64
}

// find returns what is known of the changes after at. It holds as long as last is the last change.
func (p *pendings) find(coll *tandem.Collection, at, last uint64) (count uint64, known bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, k := range p.kept {
		if k.coll == coll && k.at == at && k.last == last {
			return k.count, true
		}
	}
	return 0, false
}

func (p *pendings) keep(k pendingCount) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.kept[p.next] = k
	p.next = (p.next + 1) % pendingsKept
}
