package replication_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	gosync "sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/replication"
	"github.com/tandemdb/tandem/internal/store"
)

// TestAFilterThatPanicsLosesNoEdit has a document edited while its first revision is on its way, and the
// filter panics when it is asked about the second one.
func TestAFilterThatPanicsLosesNoEdit(t *testing.T) {
	eachKind(t, func(t *testing.T, v store.Versioning) {
		a := newPeer(t, v)
		a.put("a", `{"n":1}`)
		panicked := make(chan struct{})
		filter := func(doc *store.Document, _ bool) bool {
			if bytes.Contains(doc.Body, []byte(`"n":2`)) {
				defer close(panicked)
				panic("not yet")
			}
			return true
		}
		opts := replication.CollectionOptions{Collection: a.coll, Push: true, PushFilter: filter}
		var edit gosync.Once
		l := meetActive(t, a, func(cfg *replication.Active) {
			cfg.Continuous, cfg.Collections = true, []replication.CollectionOptions{opts}
		}, but("rev", func(r *blip.Request) {
			edit.Do(func() { a.put("a", `{"n":2}`) })
			r.Reply(nil)
		}), nil)
		select {
		case <-panicked:
		case <-l.over:
			t.Fatalf("the session ends with %v", l.err)
		case <-time.After(patience):
			t.Fatal("the filter is not asked about the edit")
		}
		l.stop()
		if err := l.await(); err != nil {
			t.Errorf("the session ends with %v", err)
		}
		panicked = make(chan struct{})
		wantPending(t, a, opts)
		panicked = make(chan struct{})
		e, err := replication.Explain(t.Context(), a.db, "ws://stranger/db", opts, "a")
		if err != nil || e.State != replication.StatePending {
			t.Errorf("it is explained as %+v, %v; want pending", e, err)
		}
		opts.PushFilter = nil
		wantPending(t, a, opts)
	})
}

func wantPending(t *testing.T, a *peer, opts replication.CollectionOptions) {
	t.Helper()
	ids, err := replication.Pending(t.Context(), a.db, "ws://stranger/db", opts)
	if err != nil || !slices.Equal(ids, []string{"a"}) {
		t.Errorf("pending are %v, %v; want the document", ids, err)
	}
}

// TestFiltersThatReadDoNotWaitForEachOther has more filters read at a time than may read at once.
func TestFiltersThatReadDoNotWaitForEachOther(t *testing.T) {
	const many = 70
	a, p := newPeer(t, store.RevTrees), newPeer(t, store.RevTrees)
	var asked gosync.WaitGroup
	asked.Add(many)
	all := make(chan struct{})
	go func() {
		defer close(all)
		asked.Wait()
	}()
	filter := func(doc *store.Document, _ bool) bool {
		asked.Done()
		select {
		case <-all:
		case <-time.After(patience):
			t.Error("the other filters are not asked meanwhile")
			return true
		}
		err := a.db.View(context.Background(), func(tx *store.Tx) error {
			_, err := tx.Document(a.coll, doc.ID)
			return err
		})
		if !errors.Is(err, fault.NotFound) {
			t.Errorf("a filter that reads gets %v, want not found", err)
		}
		return true
	}
	var ours []replication.CollectionOptions
	var theirs []*store.Collection
	for i := range many {
		for _, side := range []*peer{a, p} {
			coll, err := side.db.CreateCollection(t.Context(), "s", fmt.Sprintf("c%d", i))
			if err != nil {
				t.Fatal(err)
			}
			if side == p {
				theirs = append(theirs, coll)
				continue
			}
			ours = append(ours, replication.CollectionOptions{Collection: coll, Push: true, PushFilter: filter})
			a.update(func(tx *store.Tx) error {
				_, err := tx.Save(coll, store.Edit{ID: "a", Body: []byte("{}")})
				return err
			})
		}
	}
	l := sync(t, a, p, func(active *replication.Active, passive *replication.Passive) {
		active.Collections, passive.Collections = ours, theirs
	})
	if got := l.active.Progress().Push.Documents; got != many {
		t.Errorf("%d documents are pushed, want %d", got, many)
	}
}

// A pusher tries a forbidden revision twice. Both sides report it once, whether it is refused again or not.
func TestAForbiddenRevisionFailsOnce(t *testing.T) {
	eachKind(t, func(t *testing.T, v store.Versioning) {
		for name, tt := range map[string]struct {
			continuous bool
			refuses    int64 // the attempts that the filter refuses
			edits      int
			want       uint64
		}{
			"one-shot":             {false, 100, 0, 1},
			"continuous":           {true, 100, 0, 1},
			"continuous, an edit":  {true, 100, 1, 2},
			"passes the next time": {false, 1, 0, 1},
		} {
			t.Run(name, func(t *testing.T) {
				a, p := newPeer(t, v), newPeer(t, v)
				for i := range 20 {
					a.put(fmt.Sprint("ok", i), `{}`)
				}
				a.put("no", `{}`)
				events := make(chan replication.DocumentEvent, 100)
				var asked atomic.Int64
				l := connect(t, a, p, func(active *replication.Active, passive *replication.Passive) {
					active.Continuous = tt.continuous
					active.Documents = func(all []replication.DocumentEvent) {
						for _, e := range all {
							if e.ID == "no" {
								events <- e
							}
						}
					}
					passive.Access = func(*store.Collection) replication.Access {
						return replication.Access{PullFilter: func(doc *store.Document, _ bool) bool {
							return doc.ID != "no" || asked.Add(1) > tt.refuses
						}}
					}
				})
				pushed := uint64(0)
				for edit := range tt.edits + 1 {
					if edit > 0 {
						a.put("no", fmt.Sprintf(`{"edit":%d}`, edit))
					}
					if e := <-events; e.Err != nil {
						pushed++
					}
				}
				if tt.continuous {
					l.stop()
				}
				if err := l.wait(t); err != nil && !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
				want := tt.want
				if got := l.passive.Progress().Pull.Failed; got != want {
					t.Errorf("the passive side counts %d failures, want %d", got, want)
				}
				if tt.refuses == 1 {
					want = 0
				}
				if got := l.active.Progress().Push.Failed; got != want || pushed != want {
					t.Errorf("the active side counts %d failures and reports %d, want %d", got, pushed, want)
				}
				if n := asked.Load(); n != int64(2*(tt.edits+1)) {
					t.Errorf("the filter was asked %d times, want twice for each revision", n)
				}
			})
		}
	})
}
