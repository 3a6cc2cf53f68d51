package replication

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/store"
)

// resolversAtOnce bounds the concurrent calls of a custom resolver.
const resolversAtOnce = 4

// conflicts resolves the conflicts of one collection on the active side. Several workers run at
// once, but one document has one worker.
type conflicts struct {
	c          *collection
	push       *pushSlot
	continuous bool // the next session retries failures

	mu      sync.Mutex
	waiting []string        // in order
	queued  map[string]bool // the members of waiting
	working map[string]bool // documents with a worker; true if added again meanwhile
	wake    chan struct{}   // capacity 1
}

func newConflicts(c *collection, push *pushSlot, continuous bool) *conflicts {
	return &conflicts{
		c: c, push: push, continuous: continuous,
		queued: make(map[string]bool), working: make(map[string]bool), wake: make(chan struct{}, 1),
	}
}

// add queues a document. If a worker has the document already, it is queued again afterwards.
func (f *conflicts) add(id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, working := f.working[id]; working {
		f.working[id] = true
		return
	}
	f.queueLocked(id)
}

func (f *conflicts) queueLocked(id string) {
	if !f.queued[id] {
		f.queued[id] = true
		f.waiting = append(f.waiting, id)
	}
	f.poke()
}

func (f *conflicts) poke() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

func (f *conflicts) busy() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.waiting)+len(f.working) > 0
}

// findOld queues the conflicts that earlier sessions left.
func (f *conflicts) findOld(ctx context.Context) error {
	after := ""
	for {
		var docs []*store.Document
		err := f.c.s.db.View(ctx, func(tx *store.Tx) (err error) {
			docs, err = tx.Conflicts(f.c.store(), after, changesPerBatch)
			return err
		})
		if err != nil || len(docs) == 0 {
			return err
		}
		for _, doc := range docs {
			f.add(doc.ID)
		}
		after = docs[len(docs)-1].ID
	}
}

// run resolves conflicts until ctx ends.
func (f *conflicts) run(ctx context.Context) error {
	var workers sync.WaitGroup
	defer workers.Wait()
	for range resolversAtOnce {
		workers.Go(func() { f.work(ctx) })
	}
	return nil
}

func (f *conflicts) work(ctx context.Context) {
	for {
		id, ok := f.next()
		if !ok {
			select {
			case <-ctx.Done():
				return
			case <-f.wake:
				continue
			}
		}
		f.resolve(ctx, id)
		f.done(id)
		f.c.s.stateChanged()
	}
}

func (f *conflicts) next() (id string, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.waiting) == 0 {
		return "", false
	}
	id, f.waiting = f.waiting[0], f.waiting[1:]
	delete(f.queued, id)
	f.working[id] = false
	if len(f.waiting) > 0 {
		f.poke() // for the other workers
	}
	return id, true
}

func (f *conflicts) done(id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	again := f.working[id]
	delete(f.working, id)
	if again {
		f.queueLocked(id)
	}
}

// resolve resolves one conflict and reports the document.
func (f *conflicts) resolve(ctx context.Context, id string) {
	doc, err := f.attempt(ctx, id)
	switch {
	case ctx.Err() != nil:
		return // the next session finds the conflict again
	case err != nil:
		f.failed(id, err)
	case doc != nil:
		f.resolved(doc)
	}
	f.push.remoteMoved(id)
}

// errUnsteady means that the document changed during each attempt to resolve its conflict.
var errUnsteady = errors.New("the document does not come to rest")

// failed reports a conflict that remains. Transient failures are left to the next session; a
// one-shot run reports them and ends.
func (f *conflicts) failed(id string, err error) {
	unsteady := f.continuous && errors.Is(err, errUnsteady)
	event := DocumentEvent{ID: id, Err: err, Transient: unsteady || isDiskTrouble(err)}
	if event.Transient {
		f.c.s.leave(err)
	}
	f.c.report(event)
}

func (f *conflicts) resolved(doc *store.Document) {
	if doc.Conflicted {
		f.add(doc.ID) // another peer's revision may conflict too
	}
	f.c.counters.conflicts.Add(1)
	f.c.report(DocumentEvent{ID: doc.ID, Deleted: doc.Deleted})
}

// attempt resolves, and repeats if the document changes meanwhile. It returns nil if the conflict
// is gone.
func (f *conflicts) attempt(ctx context.Context, id string) (*store.Document, error) {
	if f.c.opts.Resolver == nil {
		return f.byRules(ctx, id)
	}
	for range maxResolveAttempts {
		conflict, err := f.load(ctx, id)
		if err != nil || conflict == nil {
			return nil, err
		}
		decision, err := f.decide(ctx, conflict)
		if err != nil {
			return nil, err
		}
		var doc *store.Document
		err = f.c.s.db.Update(ctx, func(tx *store.Tx) (err error) {
			doc, err = tx.Resolve(f.c.store(), f.resolution(conflict, decision))
			return err
		})
		switch {
		case errors.Is(err, fault.Conflict):
			continue
		case isNotFound(err) && f.isOver(ctx, id): // "not found" may also refer to a blob of the outcome
			return nil, nil
		}
		return doc, err
	}
	return nil, fault.Conflict.In("resolve", id).Because(errUnsteady).
		Says("the document changed %d times while its conflict was being resolved", maxResolveAttempts)
}

// byRules resolves by the default rules in one transaction, so that no edit can intervene. The
// rules call no user code.
func (f *conflicts) byRules(ctx context.Context, id string) (doc *store.Document, err error) {
	err = f.c.s.db.Update(ctx, func(tx *store.Tx) error {
		conflict, err := f.read(tx, id)
		if err != nil || conflict == nil {
			return err
		}
		doc, err = tx.Resolve(f.c.store(), f.resolution(conflict, conflict.byRules(f.c.s.db.Versioning())))
		return err
	})
	return doc, err
}

func (f *conflicts) resolution(l *loadedConflict, d Decision) store.Resolution {
	return store.Resolution{
		ID: l.ID, Remote: l.stored.With,
		Local: l.stored.Local.Rev.ID, Theirs: l.stored.Remote.Rev.ID,
		Winner: d.Winner, Body: d.Body, Why: f.why(l),
		Deleted: d.Winner == store.Merged && d.Body == nil,
	}
}

// isOver reports whether somebody else has ended the document's conflict.
func (f *conflicts) isOver(ctx context.Context, id string) bool {
	conflict, err := f.load(ctx, id)
	return err == nil && conflict == nil
}

// why explains a decision in the log.
func (f *conflicts) why(l *loadedConflict) string {
	local, remote := l.stored.Local, l.stored.Remote
	switch {
	case f.c.opts.Resolver != nil && (l.Local != nil || l.Remote != nil):
		return "the application's resolver"
	case local.Deleted != remote.Deleted:
		return "default rules: a deletion wins"
	case local.Rev.ID.IsTree() && remote.Rev.ID.IsTree():
		return "default rules: the longer history wins, then the higher revision ID"
	}
	return "default rules: the later edit wins"
}

// loadedConflict is a Conflict with both sides as stored, tombstones included.
type loadedConflict struct {
	Conflict
	stored *store.Conflict
}

// byRules decides by the default rules.
func (l *loadedConflict) byRules(versioning store.Versioning) Decision {
	if l.stored.LocalWins(versioning) {
		return Decision{Winner: store.LocalWins}
	}
	return Decision{Winner: store.RemoteWins}
}

// load reads both sides. It returns nil if the conflict is gone.
func (f *conflicts) load(ctx context.Context, id string) (l *loadedConflict, err error) {
	err = f.c.s.db.View(ctx, func(tx *store.Tx) error {
		l, err = f.read(tx, id)
		return err
	})
	return l, err
}

func (f *conflicts) read(tx *store.Tx, id string) (*loadedConflict, error) {
	stored, err := tx.ConflictOf(f.c.store(), id)
	if isNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	l := &loadedConflict{Conflict: Conflict{Collection: f.c.store(), ID: id, Base: stored.Base}, stored: stored}
	if !stored.Local.Deleted {
		l.Local = stored.Local
	}
	if !stored.Remote.Deleted {
		l.Remote = stored.Remote
	}
	return l, nil
}

// decide asks the resolver. If both sides deleted the document there is no choice, and the default
// rules decide.
func (f *conflicts) decide(ctx context.Context, l *loadedConflict) (d Decision, err error) {
	if l.Local == nil && l.Remote == nil {
		return l.byRules(f.c.s.db.Versioning()), nil
	}
	defer func() {
		if r := recover(); r != nil {
			f.c.s.log.Error("conflict resolver panicked", "document", l.ID, "panic", r, "stack", string(debug.Stack()))
			err = fault.Unexpected.In("resolve conflict of", l.ID).Says("the resolver panicked: %v", r)
		}
	}()
	if d, err = f.c.opts.Resolver(ctx, l.Conflict); err != nil {
		return d, fmt.Errorf("resolve conflict of %s: %w", l.ID, err)
	}
	return d, nil
}
