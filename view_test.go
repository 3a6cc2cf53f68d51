package tandem_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/internal/testsize"
)

// TestE23AViewIsASnapshot changes everything as soon as the View has begun.
func TestE23AViewIsASnapshot(t *testing.T) {
	coll := newCollection(t)
	db := coll.Database()
	other, err := db.CreateCollection(t.Context(), "my", "notes")
	check(t, err)
	save(t, coll, "a", `{"n":1}`)
	save(t, coll, "b", `{"n":1}`)
	save(t, other, "x", `{}`)
	want := seen(t.Context(), t, coll, other)
	check(t, db.View(t.Context(), func(ctx context.Context) error {
		save(t, coll, "a", `{"n":2}`)
		check(t, coll.Delete(t.Context(), read(t, coll, "b")))
		save(t, coll, "c", `{"n":2}`)
		check(t, other.Purge(t.Context(), "x"))
		_, err := db.CreateCollection(t.Context(), "my", "later")
		check(t, err)
		if got := seen(ctx, t, coll, other); got != want {
			t.Errorf("the View sees %s, want %s", got, want)
		}
		if now := seen(t.Context(), t, coll, other); now == want {
			t.Errorf("another context sees %s still", now)
		}
		return db.View(ctx, func(ctx context.Context) error {
			if got := seen(ctx, t, coll, other); got != want {
				t.Errorf("the View inside sees %s, want %s", got, want)
			}
			return db.View(t.Context(), func(ctx context.Context) error {
				if got := seen(ctx, t, coll, other); got != want {
					t.Errorf("the View inside with another context sees %s, want %s", got, want)
				}
				return nil
			})
		})
	}))
}

// seen tells in one text what many ways to read give.
func seen(ctx context.Context, t *testing.T, colls ...*tandem.Collection) (text string) {
	t.Helper()
	db := colls[0].Database()
	for _, c := range colls {
		n, err := c.Count(ctx)
		check(t, err)
		last, err := c.LastSequence(ctx)
		check(t, err)
		text += fmt.Sprintf("%s: %d to %d", c.Name(), n, last)
		for d, err := range c.AllWithDeleted(ctx) {
			check(t, err)
			text += fmt.Sprintf(" %s %s", d.ID(), d.Body())
		}
		for change, err := range c.ChangesSince(ctx, 0) {
			check(t, err)
			text += fmt.Sprintf(" %s %t", change.ID, change.Deleted)
		}
		for row, err := range db.Query(ctx, "SELECT count(*), sum(n) FROM "+c.FullName()) {
			check(t, err)
			text += fmt.Sprintf(" %s %s; ", row.JSONAt(0), row.JSONAt(1))
		}
	}
	all, err := db.Collections(ctx)
	check(t, err)
	return text + fmt.Sprint(len(all), " collections")
}

// TestE23ViewsNeverSeeHalfABatch moves money between two collections, while others count it.
func TestE23ViewsNeverSeeHalfABatch(t *testing.T) {
	coll := newCollection(t)
	db := coll.Database()
	other, err := db.CreateCollection(t.Context(), "my", "purse")
	check(t, err)
	type purse struct{ Coins int }
	check(t, coll.Put(t.Context(), "p", purse{100}))
	check(t, other.Put(t.Context(), "p", purse{0}))
	var work sync.WaitGroup
	work.Go(func() {
		for i := range testsize.Pick(100, 1000) {
			check(t, db.InBatch(t.Context(), func(b *tandem.Batch) error {
				return errors.Join(b.Put(coll, "p", purse{100 - i}), b.Put(other, "p", purse{i}))
			}))
		}
	})
	for range 3 {
		work.Go(func() {
			for range testsize.Pick(50, 500) {
				check(t, db.View(t.Context(), func(ctx context.Context) error {
					var mine, yours purse
					err := errors.Join(coll.Get(ctx, "p", &mine), other.Get(ctx, "p", &yours))
					if mine.Coins+yours.Coins != 100 {
						t.Errorf("a View sees %d and %d coins, want 100 in all", mine.Coins, yours.Coins)
					}
					return err
				}))
			}
		})
	}
	work.Wait()
}

// TestE23AViewOnlyReads calls everything that changes something with the context of a View.
func TestE23AViewOnlyReads(t *testing.T) {
	coll := newCollection(t)
	db := coll.Database()
	doc := save(t, coll, "a", `{}`)
	calls := changingCalls(coll, doc)
	before := doc.RevisionID()
	check(t, db.View(t.Context(), func(ctx context.Context) error {
		for name, call := range calls {
			want := tandem.ErrNotWriteable
			if slices.Contains([]string{"Close", "Delete database"}, name) {
				want = tandem.ErrInvalid // without a context
			}
			if err := call(ctx); !errors.Is(err, want) || tandem.HintOf(err) == "" {
				t.Errorf("%s: got %v, want %v with a hint", name, err, want)
			}
		}
		for _, name := range []string{"Compact", "ChangeEncryptionKey"} {
			wantError(t, name+" with another context", calls[name](t.Context()), tandem.ErrInvalid)
		}
		again, err := db.CreateCollection(ctx, tandem.DefaultName, tandem.DefaultName)
		if err != nil || again.FullName() != coll.FullName() {
			t.Errorf("an existing collection: got %v, %v", again, err)
		}
		for _, err := range coll.FollowChanges(ctx, 0) {
			wantError(t, "following changes in a View", err, tandem.ErrInvalid)
		}
		return coll.Put(t.Context(), "b", map[string]any{}) // which does not wait for the View
	}))
	if doc.RevisionID() != before {
		t.Errorf("the document has revision %s, want %s", doc.RevisionID(), before)
	}
	wantContents(t, coll, map[string]string{"a": `{}`, "b": `{}`})
}

// TestE23AViewInABatchSeesTheBatch and makes no changes either.
func TestE23AViewInABatchSeesTheBatch(t *testing.T) {
	coll := newCollection(t)
	db := coll.Database()
	check(t, db.InBatch(t.Context(), func(b *tandem.Batch) error {
		check(t, b.Put(coll, "a", map[string]any{}))
		return db.View(b.Context(), func(ctx context.Context) error {
			if n, err := coll.Count(ctx); n != 1 || err != nil {
				t.Errorf("the View sees %d documents (%v), want the one of the batch", n, err)
			}
			wantError(t, "a change in the View", coll.Put(ctx, "b", map[string]any{}), tandem.ErrNotWriteable)
			for _, err := range coll.FollowChanges(b.Context(), 0) {
				wantError(t, "following changes in a batch", err, tandem.ErrInvalid)
			}
			return nil
		})
	}))
}

// TestE23TheContextOfAViewIsForSeveralGoroutines until the View is over.
func TestE23TheContextOfAViewIsForSeveralGoroutines(t *testing.T) {
	coll := newCollection(t)
	db := coll.Database()
	for i := range 100 {
		save(t, coll, fmt.Sprint("d", i), `{"n":1}`)
	}
	var left context.Context
	check(t, db.View(t.Context(), func(ctx context.Context) error {
		left = ctx
		want := seen(ctx, t, coll)
		var work sync.WaitGroup
		for range 4 {
			work.Go(func() {
				if got := seen(ctx, t, coll); got != want {
					t.Errorf("got %s, want %s", got, want)
				}
			})
		}
		work.Wait()
		return nil
	}))
	_, err := coll.Count(left)
	wantError(t, "the context of a View that is over", err, tandem.ErrNotOpen)
	wantError(t, "a View with that context",
		db.View(left, func(ctx context.Context) error { _, err := coll.Count(ctx); return err }), tandem.ErrNotOpen)
}

// TestE23AListenerOutlivesTheViewThatAddsIt and the batch.
func TestE23AListenerOutlivesTheViewThatAddsIt(t *testing.T) {
	coll := newCollection(t)
	db := coll.Database()
	heard := make(chan tandem.CollectionChange, 10)
	listen := func(ctx context.Context) error {
		_, err := coll.AddChangeListener(ctx, func(c tandem.CollectionChange) { heard <- c })
		return err
	}
	check(t, db.View(t.Context(), listen))
	check(t, db.InBatch(t.Context(), func(b *tandem.Batch) error { return listen(b.Context()) }))
	save(t, coll, "a", `{}`)
	receive(t, "the first listener's change", heard)
	receive(t, "the second listener's change", heard)
}

// TestE23AViewEndsHoweverItsFunctionDoes: more often than Views may run at once.
func TestE23AViewEndsHoweverItsFunctionDoes(t *testing.T) {
	coll := newCollection(t)
	db := coll.Database()
	for range 40 {
		func() {
			defer func() {
				if got := recover(); got != "stop" {
					t.Errorf("got the panic %v, want that of the function", got)
				}
			}()
			_ = db.View(t.Context(), func(context.Context) error { panic("stop") })
		}()
		var ended sync.WaitGroup
		ended.Go(func() {
			_ = db.View(t.Context(), func(context.Context) error { runtime.Goexit(); return nil })
		})
		ended.Wait()
	}
	stop := errors.New("stop")
	wantError(t, "a View that fails", db.View(t.Context(), func(context.Context) error { return stop }), stop)
	over, cancel := context.WithCancel(t.Context())
	cancel()
	wantError(t, "a View after its time",
		db.View(over, func(context.Context) error { t.Error("it was called"); return nil }), context.Canceled)
}

// TestE23ViewsAreBounded fills all places.
func TestE23ViewsAreBounded(t *testing.T) {
	coll := newCollection(t)
	db := coll.Database()
	begun, over := make(chan struct{}), make(chan struct{})
	var holders sync.WaitGroup
	for range 64 {
		holders.Go(func() {
			check(t, db.View(t.Context(), func(ctx context.Context) error {
				begun <- struct{}{}
				<-over
				return db.View(t.Context(), func(ctx context.Context) error { _, err := coll.Count(ctx); return err })
			}))
		})
	}
	for range 64 {
		receive(t, "the beginning of a View", begun)
	}
	waiting, cancel := context.WithCancel(t.Context())
	result := make(chan error)
	view := func(ctx context.Context) { result <- db.View(ctx, func(context.Context) error { return nil }) }
	go view(waiting)
	cancel()
	wantError(t, "a View that waits and is cancelled", receive(t, "its end", result), context.Canceled)
	if testsize.All() { // 30 s
		go view(t.Context())
		wantError(t, "a View that waits for long", receive(t, "its end", result), tandem.ErrBusy)
	}
	go view(t.Context())
	close(over)
	wantError(t, "a View that waits for another", receive(t, "its end", result), nil)
	holders.Wait()
}

// heldContext is a context that does not say whether it has ended before it is let, once it is held.
type heldContext struct {
	context.Context
	held     atomic.Bool
	once     sync.Once
	asked    chan struct{} // closed when it was asked while held
	released chan struct{}
}

func (c *heldContext) Err() error {
	err := c.Context.Err()
	if c.held.Load() {
		c.once.Do(func() { close(c.asked) })
		<-c.released
	}
	return err
}

// TestACallWithinAViewWaitsForItsTurnAsLongAsItsContextLasts while another call of the View does not end.
func TestACallWithinAViewWaitsForItsTurnAsLongAsItsContextLasts(t *testing.T) {
	t.Parallel()
	c := newCollection(t)
	save(t, c, "a", "{}")
	holding := &heldContext{Context: t.Context(), asked: make(chan struct{}), released: make(chan struct{})}
	check(t, c.Database().View(holding, func(ctx context.Context) error {
		ctx = context.WithoutCancel(ctx)
		first := make(chan error, 1)
		release := sync.OnceFunc(func() { close(holding.released) })
		defer release()
		holding.held.Store(true)
		go func() {
			_, err := c.Document(ctx, "a")
			first <- err
		}()
		<-holding.asked
		ending, cancel := context.WithCancel(ctx)
		short := &heldContext{Context: ending, asked: make(chan struct{}), released: make(chan struct{})}
		short.held.Store(true)
		close(short.released)
		second := make(chan error, 1)
		go func() {
			_, err := c.Document(short, "a")
			second <- err
		}()
		<-short.asked
		cancel()
		if err := receive(t, "the end of the call whose context has ended", second); !errors.Is(err, context.Canceled) {
			t.Errorf("its context has ended: got %v, want %v", err, context.Canceled)
		}
		release()
		check(t, <-first)
		_, err := c.Document(ctx, "a")
		return err
	}))
}
