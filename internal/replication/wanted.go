package replication

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/tandemdb/tandem/internal/replication/checkpoint"
	"github.com/tandemdb/tandem/internal/replication/wire"
	"github.com/tandemdb/tandem/internal/revision"
)

// want is a requested revision, until it is stored or never will be.
type want struct {
	id      string
	rev     revision.ID
	text    string               // the sequence as announced
	seq     *checkpoint.Sequence // active side only; nil if left open
	size    int
	since   time.Time
	arrived bool        // received, and not stored yet
	lost    atomic.Bool // the user may no longer see it: do not store it
	next    *want       // of the same document, requested later
}

// wanted tracks the requested revisions of one collection. Its methods may be called from any
// goroutine.
type wanted struct {
	c    *collection
	room chan struct{} // capacity 1: there may be room for more

	mu    sync.Mutex       // guards the following
	byID  map[string]*want // the earliest of each document
	count int
	bytes int // as announced by the peer
}

func newWanted(c *collection) *wanted {
	return &wanted{c: c, byID: make(map[string]*want), room: make(chan struct{}, 1)}
}

func (l *wanted) busy() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.count > 0
}

// isFull reports whether no more revisions may be requested.
func (l *wanted) isFull() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.count >= revsWanted || l.bytes >= revBytesWanted
}

// hasRoom signals that there may be room for more revisions.
func (l *wanted) hasRoom() {
	select {
	case l.room <- struct{}{}:
	default:
	}
}

// register adds the requested revisions. It must precede the reply that requests them.
func (l *wanted) register(changes []wire.Change, answers []wire.Answer, seqs []*checkpoint.Sequence) {
	var done []*checkpoint.Sequence
	now := time.Now()
	l.mu.Lock()
	for i, c := range changes {
		if !answers[i].Send {
			done = append(done, seqs[i])
			continue
		}
		l.addLocked(&want{id: c.ID, rev: c.Rev.ID, text: c.Sequence, seq: seqs[i], size: c.Size, since: now})
	}
	l.mu.Unlock()
	l.c.counters.pullCompleted.Add(uint64(len(done)))
	l.c.ledger.completeRemote(done...)
}

func (l *wanted) addLocked(w *want) {
	l.count++
	l.bytes += w.size
	first := l.byID[w.id]
	if first == nil {
		l.byID[w.id] = w
		return
	}
	for first.next != nil {
		first = first.next
	}
	first.next = w
}

// arrived returns the want that a rev or norev message fulfils, or nil if nobody asked. It matches
// by sequence, else by revision, else by document ID.
func (l *wanted) arrived(id, sequence string, rev revision.ID) *want {
	l.mu.Lock()
	defer l.mu.Unlock()
	found := mostAlike(l.byID[id], sequence, rev)
	if found == nil {
		found = l.bySequenceLocked(sequence)
	}
	if found != nil {
		found.arrived = true
	}
	return found
}

func mostAlike(first *want, sequence string, rev revision.ID) (found *want) {
	likeness := 0
	for w := first; w != nil; w = w.next {
		alike := 1
		switch {
		case w.arrived:
			continue
		case w.text == sequence:
			alike = 3
		case w.rev == rev:
			alike = 2
		}
		if alike > likeness {
			found, likeness = w, alike
		}
	}
	return found
}

// bySequenceLocked finds a want by its sequence alone: an ID that is not UTF-8 reads differently in
// an announcement, which is JSON, and in a property.
func (l *wanted) bySequenceLocked(sequence string) *want {
	for _, first := range l.byID {
		for w := first; w != nil; w = w.next {
			if !w.arrived && w.text == sequence {
				return w
			}
		}
	}
	return nil
}

// again records that the peer will send the revision once more.
func (l *wanted) again(w *want) {
	if w == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	w.since, w.arrived = time.Now(), false
}

// lose marks the wants of a document that the user may no longer see, up to the want last, or all
// if last is nil. Their revisions must not be stored.
func (l *wanted) lose(id string, last *want) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for w := l.byID[id]; w != nil; w = w.next {
		w.lost.Store(true)
		if w == last {
			return
		}
	}
}

// done completes wants: their revisions are stored, or never will be. It skips nil.
func (l *wanted) done(wants ...*want) {
	seqs := make([]*checkpoint.Sequence, 0, len(wants))
	for _, w := range wants {
		if w != nil && w.seq != nil {
			seqs = append(seqs, w.seq)
		}
	}
	// Count first: a session with no work left saves its checkpoint and ends.
	l.c.counters.pullCompleted.Add(uint64(len(seqs)))
	l.c.ledger.completeRemote(seqs...)
	l.mu.Lock()
	for _, w := range wants {
		if w != nil {
			l.forgetLocked(w)
		}
	}
	l.mu.Unlock()
	l.hasRoom()
	l.c.s.stateChanged()
}

func (l *wanted) forgetLocked(w *want) {
	first := l.byID[w.id]
	if first == w && w.next == nil {
		delete(l.byID, w.id)
	} else if first == w {
		l.byID[w.id] = w.next
	} else {
		for first != nil && first.next != w {
			first = first.next
		}
		if first == nil {
			return // already forgotten
		}
		first.next = w.next
	}
	w.next = nil
	l.count--
	l.bytes -= w.size
}

// leaveOpen drops a want without completing its sequence. The checkpoint stays before the sequence,
// and the next session requests the revision again.
func (l *wanted) leaveOpen(w *want) {
	if w == nil {
		return
	}
	if w.seq != nil {
		l.c.ledger.leaveRemote(w.seq)
		w.seq = nil
	}
	l.done(w)
}

// overdue reports whether the peer has owed a revision since before the given time.
func (l *wanted) overdue(before time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, first := range l.byID {
		for w := first; w != nil; w = w.next {
			if !w.arrived && w.since.Before(before) {
				return true
			}
		}
	}
	return false
}
