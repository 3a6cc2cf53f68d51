package couch_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tandemdb/tandem/internal/couch"
	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/store"
	"github.com/tandemdb/tandem/internal/store/postgres"
	"github.com/tandemdb/tandem/internal/store/row"
	"github.com/tandemdb/tandem/internal/store/storetest"
)

// countingEngine counts how often transactions that write read documents.
type countingEngine struct {
	row.Engine
	reads *atomic.Int64
}

func (e countingEngine) Open(ctx context.Context, url string, o row.Options) (row.Database, error) {
	db, err := e.Engine.Open(ctx, url, o)
	return countingDatabase{db, e.reads}, err
}

type countingDatabase struct {
	row.Database
	reads *atomic.Int64
}

func (db countingDatabase) Write(ctx context.Context, longest time.Duration) (row.Writer, row.State, error) {
	w, state, err := db.Database.Write(ctx, longest)
	return countingWriter{w, db.reads}, state, err
}

type countingWriter struct {
	row.Writer
	reads *atomic.Int64
}

func (w countingWriter) Docs(collection int64, ids []string, body bool) ([]row.Doc, error) {
	w.reads.Add(1)
	return w.Writer.Docs(collection, ids, body)
}

// A push reads its documents at once from an engine: one exchange with the server, not one for each.
func TestAPushReadsItsDocumentsAtOnce(t *testing.T) {
	engine := countingEngine{postgres.Engine{}, new(atomic.Int64)}
	db, err := store.OpenHub(background, engine, storetest.SharedPostgres(t).URL(), store.Options{Versioning: store.RevTrees})
	check(t, err)
	defer db.Close()
	coll, err := db.Collection(background, store.DefaultName, store.DefaultName)
	check(t, err)
	s := couch.New(couch.Access{
		View: db.View, Update: db.Update, Durable: db.UpdateDurable,
		Install: func(_ context.Context, body []byte) ([]byte, error) { return body, nil },
	}, coll)
	for range 2 {
		var all []couch.Pushed
		for i := range 50 {
			all = append(all, couch.Pushed{ID: fmt.Sprint("doc ", i), Rev: revision.Rev{ID: "1-a"}, Body: []byte(`{}`)})
		}
		engine.reads.Store(0)
		failed, err := s.Push(background, all)
		check(t, errors.Join(append(failed, err)...))
		if n := engine.reads.Load(); n != 1 {
			t.Errorf("50 documents were read by %d queries, want 1", n)
		}
	}
}
