package tail_test

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/rest/internal/tail"
)

// fake is a source in memory, which behaves as a collection does.
type fake struct {
	mu      sync.Mutex
	last    uint64
	changes []tandem.Change // by their sequences, each document once
	known   map[string]bool // IDs
	news    chan struct{}   // closed and made anew by each change
	err     error           // of a source that is gone
	pages   int             // calls of ChangesSince

	endTakes time.Duration // of FollowChanges, after the end of its context
}

func newFake() *fake { return &fake{known: map[string]bool{}, news: make(chan struct{})} }

// save changes a document.
func (f *fake) save(id string, body ...byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last++
	if f.known[id] {
		f.changes = slices.DeleteFunc(f.changes, func(c tandem.Change) bool { return c.ID == id })
	}
	f.known[id] = true
	change := tandem.Change{ID: id, Sequence: f.last, RevisionID: fmt.Sprintf("1-%d", f.last)}
	if body != nil {
		change.Document, _ = tandem.NewDocumentWithBody(id, body)
	}
	f.changes = append(f.changes, change)
	f.tell()
}

func (f *fake) tell() {
	close(f.news)
	f.news = make(chan struct{})
}

// fail makes every call fail from now on.
func (f *fake) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
	f.tell()
}

func (f *fake) LastSequence(context.Context) (uint64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.last, f.err
}

// since returns a portion of the changes after a sequence.
func (f *fake) since(since uint64, limit int) ([]tandem.Change, <-chan struct{}, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i, _ := slices.BinarySearchFunc(f.changes, since+1, func(c tandem.Change, seq uint64) int { return int(c.Sequence) - int(seq) })
	return slices.Clone(f.changes[i:min(i+limit, len(f.changes))]), f.news, f.err
}

func (f *fake) ChangesSince(_ context.Context, since uint64, o ...tandem.ChangeOptions) iter.Seq2[tandem.Change, error] {
	return func(yield func(tandem.Change, error) bool) {
		f.mu.Lock()
		f.pages++
		f.mu.Unlock()
		some, _, err := f.since(since, o[0].Limit)
		if err != nil {
			yield(tandem.Change{}, err)
			return
		}
		for _, c := range some {
			if !yield(c, nil) {
				return
			}
		}
	}
}

func (f *fake) FollowChanges(ctx context.Context, since uint64, _ ...tandem.ChangeOptions) iter.Seq2[tandem.Change, error] {
	return func(yield func(tandem.Change, error) bool) {
		for {
			some, news, err := f.since(since, 1000)
			if err != nil {
				yield(tandem.Change{}, err)
				return
			}
			for _, c := range some {
				if since = c.Sequence; !yield(c, nil) {
					return
				}
			}
			if len(some) > 0 {
				continue
			}
			select {
			case <-news:
			case <-ctx.Done():
				time.Sleep(f.endTakes)
				yield(tandem.Change{}, ctx.Err())
				return
			}
		}
	}
}

// newPool returns a pool, and what ends it and waits for its goroutines.
func newPool(document tail.AppendDocument) (*tail.Pool, func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	var all sync.WaitGroup
	pool := tail.NewPool(func(work func(context.Context)) bool {
		if ctx.Err() != nil {
			return false
		}
		all.Go(func() { work(ctx) })
		return true
	}, document)
	return pool, func() {
		cancel(errEnd)
		all.Wait()
	}
}

var errEnd = fmt.Errorf("the pool ends")

func appendBody(dst []byte, d *tandem.Document) []byte { return append(dst, d.Body()...) }

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
