package replication

import (
	"sync"

	"github.com/tandemdb/tandem/internal/replication/checkpoint"
	"github.com/tandemdb/tandem/internal/replication/outbox"
	"github.com/tandemdb/tandem/internal/store"
)

// ledger tracks which sequences of a collection are done, in both directions. Its methods may be
// called from any goroutine.
type ledger interface {
	pushLedger
	pullLedger
}

// pushLedger tracks our sequences.
type pushLedger interface {
	outbox.Ledger

	// isNew reports whether the peer received the revision of seq in this session, and not before.
	isNew(seq store.Sequence) bool
}

// pullLedger tracks the peer's sequences.
type pullLedger interface {
	// addRemote appends sequences in the order of their arrival.
	addRemote(texts []string) []*checkpoint.Sequence

	// completeRemote marks sequences as done: their revisions are stored, or never will be. It
	// skips nil.
	completeRemote(seqs ...*checkpoint.Sequence)

	// leaveRemote leaves a sequence for the next session.
	leaveRemote(seq *checkpoint.Sequence)

	// openRemote counts the sequences from the earliest one that is not done.
	openRemote() int
}

// noLedger serves the passive side, whose peer tracks both directions.
type noLedger struct{ outbox.NoLedger }

func (noLedger) isNew(store.Sequence) bool              { return false }
func (noLedger) completeRemote(...*checkpoint.Sequence) {}
func (noLedger) leaveRemote(*checkpoint.Sequence)       {}
func (noLedger) openRemote() int                        { return 0 }
func (noLedger) addRemote(t []string) []*checkpoint.Sequence {
	return make([]*checkpoint.Sequence, len(t))
}

// account is the ledger of the active side. It is in memory; a [checkpointer] saves it.
type account struct {
	wake chan struct{} // capacity 1: the position has moved

	mu     sync.Mutex // guards the following
	local  checkpoint.Local
	remote checkpoint.Remote
	dirty  bool
	urgent bool
}

func newAccount() *account { return &account{wake: make(chan struct{}, 1)} }

// goOnFrom sets the starting point.
func (a *account) goOnFrom(p checkpoint.Position) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.local, a.remote = checkpoint.NewLocal(p.Done), checkpoint.NewRemote(p.Remote)
}

// start returns the starting points: our local sequence, and the peer's sequence as JSON text.
func (a *account) start() (local store.Sequence, remote string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return store.Sequence(a.local.Seen()), a.remote.Last()
}

// Add marks a sequence as pending.
func (a *account) Add(seq outbox.Sequence) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.local.Add(uint64(seq))
}

// LookedAt says that all sequences up to this one are either pending or done.
func (a *account) LookedAt(through outbox.Sequence) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if uint64(through) > a.local.Seen() {
		a.local.Look(uint64(through))
		a.changedLocked()
	}
}

// Arrived says that the peer has the revision of a sequence.
func (a *account) Arrived(seq outbox.Sequence) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.local.Arrive(uint64(seq))
}

// Complete marks a sequence as done.
func (a *account) Complete(seq outbox.Sequence) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.local.Complete(uint64(seq)) {
		a.changedLocked()
	}
}

// Finished reports whether an earlier session completed a sequence.
func (a *account) Finished(seq outbox.Sequence) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.local.Finished(uint64(seq))
}

func (a *account) isNew(seq store.Sequence) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.local.IsNew(uint64(seq))
}

func (a *account) addRemote(texts []string) []*checkpoint.Sequence {
	a.mu.Lock()
	defer a.mu.Unlock()
	seqs := make([]*checkpoint.Sequence, len(texts))
	for i, text := range texts {
		seqs[i] = a.remote.Add(text)
	}
	return seqs
}

func (a *account) completeRemote(seqs ...*checkpoint.Sequence) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, seq := range seqs {
		if seq != nil && a.remote.Complete(seq) {
			a.changedLocked()
		}
	}
}

func (a *account) leaveRemote(seq *checkpoint.Sequence) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.remote.Leave(seq)
}

func (a *account) openRemote() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.remote.Pending()
}

// forgetRemote makes the next session pull from the beginning.
func (a *account) forgetRemote() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.remote.Forget()
	a.dirty = true
}

// saveNow requests a save without waiting for the interval, unless the position is saved already.
func (a *account) saveNow() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.dirty {
		a.urgent = true
		a.poke()
	}
}

func (a *account) isUrgent() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.urgent
}

// take returns the position and marks it as saved. dirty is false if the position has not moved.
func (a *account) take() (position checkpoint.Position, dirty bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	dirty, a.dirty, a.urgent = a.dirty, false, false
	return checkpoint.Position{Done: a.local.Done(), Remote: a.remote.Last()}, dirty
}

// putBack undoes take after a failed save.
func (a *account) putBack() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.dirty = true
}

func (a *account) changedLocked() {
	a.dirty = true
	a.poke()
}

func (a *account) poke() {
	select {
	case a.wake <- struct{}{}:
	default:
	}
}
