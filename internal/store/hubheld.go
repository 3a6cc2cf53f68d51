package store

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/store/row"
)

// How long a group of transactions may keep the lock of all nodes. A group that needs longer goes on without it; one
// that cannot is undone.
type holdTimes struct{ short, long time.Duration }

var usualHold = holdTimes{short: time.Second, long: 10 * time.Second}

// held is the engine's transaction of a group. It has the lock of all nodes, until the connection is lost or a second
// is over. Then reads go on without it, and the commit takes it again: see [hubGroup.commit].
type held struct {
	rows row.Database
	path string

	mu      sync.Mutex      // guards the following; a timer takes the lock away while a function runs
	ctx     context.Context //nolint:containedctx // of the member that runs
	w       row.Writer      // nil without the lock
	flushed bool            // the engine has changes that end with the transaction
	failed  error           // why the group cannot be committed
	timer   *time.Timer
}

// hold begins to watch how long a transaction lasts.
func hold(ctx context.Context, db *DB, w row.Writer) *held {
	h := &held{rows: db.hub.rows, path: db.path, ctx: ctx, w: w}
	times := db.hub.hold
	h.timer = time.AfterFunc(times.short, func() { h.overdue(times.long - times.short) })
	return h
}

// overdue lets go of the lock, now or, if the group cannot go on without, after a last respite.
func (h *held) overdue(respite time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.w == nil:
	case !h.flushed:
		h.letGo()
	case respite > 0:
		h.timer = time.AfterFunc(respite, func() { h.overdue(0) })
	default:
		h.letGo()
		h.failed = fault.About(row.ErrTooLong, "write to database", h.path)
	}
}

func (h *held) letGo() {
	h.w.End()
	h.w = nil
}

// End ends the transaction.
func (h *held) End() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.timer.Stop()
	if h.w != nil {
		h.letGo()
	}
}

// Failed returns why the group cannot be committed.
func (h *held) Failed() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.failed
}

// use names the context of the next reads without the lock.
func (h *held) use(ctx context.Context) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ctx = ctx
}

// read reads under the lock, or without it.
func (h *held) read(do func(row.Reader) error) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.failed != nil {
		return h.failed
	}
	if h.w != nil {
		err := do(h.w)
		lost := h.w.Failed()
		if lost == nil {
			return err
		}
		if h.flushed || !mayRepeat(lost) || !errors.Is(err, lost) {
			h.failed = lost
			return err
		}
		h.letGo()
	}
	return h.readAnyway(do)
}

// readAnyway reads without the lock, and tries again while the server cannot be used.
func (h *held) readAnyway(do func(row.Reader) error) error {
	may := func(err error) bool { return h.failed == nil && mayRepeat(err) }
	err := repeatWhile(h.ctx, may, time.Second/10, func() error {
		r, err := h.rows.Read(h.ctx)
		if err == nil {
			err = do(r)
			r.End()
		}
		return err
	})
	if may(err) {
		h.failed = err // or each of many reads would wait for as long
	}
	return err
}

// write changes the engine before the commit, which only a transaction can that has never lost the lock.
func (h *held) write(do func(row.Writer) error) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.failed != nil:
		return h.failed
	case h.w == nil:
		h.failed = errLockLost
		return errLockLost
	}
	h.flushed = true
	err := do(h.w)
	if h.failed == nil {
		h.failed = h.w.Failed()
	}
	return err
}

var errLockLost = fault.Busy.Says("the transaction took so long that it lost the lock of all nodes").
	Try("do it again in smaller batches; in each, list documents and make collections before the first change")

// mayRepeat reports whether what failed may succeed when it is done again. It is sure that nothing was stored.
func mayRepeat(err error) bool {
	return (fault.IsTransient(err) || errors.Is(err, fault.Busy)) && !errors.Is(err, row.ErrUnknown)
}

// regain takes the lock again if it is lost, and has check look at the state that is found then.
func (h *held) regain(check func(row.Writer, row.State) error) (*row.State, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.timer.Stop()
	if h.w != nil || h.flushed {
		return nil, nil
	}
	w, found, err := h.rows.Write(context.Background(), repeatTime)
	if err != nil {
		return nil, err
	}
	if err := check(w, found); err != nil {
		w.End()
		return nil, err
	}
	h.w = w
	return &found, nil
}

// commit writes a batch and commits. After an error the lock is lost.
func (h *held) commit(b *row.Batch) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.failed != nil || h.w == nil {
		return cmp.Or(h.failed, error(errLockLost))
	}
	err := h.w.Commit(b)
	h.letGo()
	return err
}

func (h *held) isFlushed() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.flushed
}

func (h *held) Flush(b *row.Batch) error {
	return h.write(func(w row.Writer) error { return w.Flush(b) })
}

func (h *held) Mark() error { return h.write(row.Writer.Mark) }

func (h *held) Undo() error { return h.write(row.Writer.Undo) }

func (h *held) MarkRun(collection int64, known string, from, to int64) (changed int64, err error) {
	err = h.write(func(w row.Writer) error { changed, err = w.MarkRun(collection, known, from, to); return err })
	return changed, err
}

func (h *held) AddCollection(scope, name string) (c row.Collection, err error) {
	err = h.write(func(w row.Writer) error { c, err = w.AddCollection(scope, name); return err })
	return c, err
}

func (h *held) DropCollection(number int64) error {
	return h.write(func(w row.Writer) error { return w.DropCollection(number) })
}

func (h *held) DropValuesUpTo(space string, value []byte) error {
	return h.write(func(w row.Writer) error { return w.DropValuesUpTo(space, value) })
}

func (h *held) PruneConflicts(entries, bytes int64) error {
	return h.write(func(w row.Writer) error { return w.PruneConflicts(entries, bytes) })
}

func (h *held) TakeLetters(limit int) (all []row.Letter, err error) {
	err = h.write(func(w row.Writer) error { all, err = w.TakeLetters(limit); return err })
	return all, err
}

func (h *held) AnswerLetters(all []row.Letter) error {
	return h.write(func(w row.Writer) error { return w.AnswerLetters(all) })
}

func (h *held) Collections() (all []row.Collection, err error) {
	err = h.read(func(r row.Reader) error { all, err = r.Collections(); return err })
	return all, err
}

func (h *held) Docs(collection int64, ids []string, body bool) (docs []row.Doc, err error) {
	err = h.read(func(r row.Reader) error { docs, err = r.Docs(collection, ids, body); return err })
	return docs, err
}

func (h *held) At(collection int64, seqs []int64) (docs []row.Doc, err error) {
	err = h.read(func(r row.Reader) error { docs, err = r.At(collection, seqs); return err })
	return docs, err
}
