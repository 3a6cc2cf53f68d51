package replication_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	gosync "sync"
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
	eachVersioning(t, func(t *testing.T, v store.Versioning) {
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
