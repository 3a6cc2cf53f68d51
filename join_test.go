package tandem_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tandemdb/tandem"
)

// What is called with the context of a batch is part of it, and goes with it.
func TestE1TheContextOfABatchJoinsIt(t *testing.T) {
	inFolders(t, "queries")
	coll := newCollection(t)
	db := coll.Database()
	put(t, coll, "old", `{"n":1}`)
	old, err := coll.Document(t.Context(), "old")
	check(t, err)
	before := old.RevisionID()
	stop := errors.New("stop")
	work := func(b *tandem.Batch) {
		ctx := b.Context()
		check(t, coll.Put(ctx, "new", map[string]any{"n": 1}))
		check(t, coll.Merge(ctx, "new", map[string]any{"m": 2}))
		check(t, old.SetValue("blob", tandem.NewBlob("a/b", []byte("content"))))
		check(t, coll.Save(ctx, old))
		blob, err := db.CreateBlob(ctx, "a/b", strings.NewReader("streamed"))
		check(t, err)
		other, err := db.CreateCollection(ctx, "of", "batch")
		check(t, err)
		check(t, other.Put(ctx, "x", map[string]any{"b": blob}))
		var got map[string]any
		check(t, b.Get(coll, "new", &got))
		n, err := coll.Count(ctx)
		check(t, err)
		outside, err := coll.Count(t.Context())
		check(t, err)
		if len(got) != 2 || n != 2 || outside != 1 {
			t.Errorf("within there are %d documents, one with %v; outside %d; want 2, 2 members and 1", n, got, outside)
		}
		type row struct{ B tandem.Blob }
		for row, err := range tandem.Select[row](ctx, db, "SELECT b FROM of.batch") {
			check(t, err)
			if row.B.Digest() != blob.Digest() {
				t.Errorf("a query within gives the blob %s, want %s", row.B.Digest(), blob.Digest())
			}
			check(t, other.Put(ctx, "x", map[string]any{"b": blob, "seen": true})) // rows may be changed meanwhile
		}
		check(t, other.Get(ctx, "x", &got))
		if got["seen"] != true {
			t.Errorf("a query within gives no row of a document of the batch: it is %v", got)
		}
		counting, err := db.CreateQuery("SELECT count(*) FROM " + coll.FullName())
		check(t, err)
		if within, outside := counted(ctx, t, counting), counted(t.Context(), t, counting); within != "2" || outside != "1" {
			t.Errorf("queries count %s documents within and %s outside, want 2 and 1", within, outside)
		}
		_, err = counting.Explain(ctx)
		check(t, err)
		check(t, coll.CreateIndex(ctx, "byN", tandem.ValueIndex{Expressions: []string{"n"}}))
		indexes, err := coll.Indexes(ctx)
		check(t, err)
		scopes, err := db.Scopes(ctx)
		check(t, err)
		if len(indexes) != 1 || !slices.Contains(scopes, "of") {
			t.Errorf("within there are the indexes %v and the scopes %v, want byN and of", indexes, scopes)
		}
		check(t, coll.SetExpiration(ctx, "new", time.Now().Add(time.Hour)))
		doomed, err := coll.Document(ctx, "new")
		check(t, err)
		check(t, coll.Delete(ctx, doomed))
		check(t, coll.Purge(ctx, "new"))
	}
	err = db.InBatch(t.Context(), func(b *tandem.Batch) error { work(b); return stop })
	wantError(t, "a batch that fails", err, stop)
	if _, err := db.Collection(t.Context(), "of", "batch"); !errors.Is(err, tandem.ErrNotFound) {
		t.Errorf("a collection of a batch that failed: got %v, want %v", err, tandem.ErrNotFound)
	}
	if indexes, err := coll.Indexes(t.Context()); err != nil || len(indexes) != 0 {
		t.Errorf("a batch that failed left the indexes %v (%v)", indexes, err)
	}
	if old.RevisionID() != before {
		t.Errorf("the document has revision %s, want %s as before the batch", old.RevisionID(), before)
	}
	check(t, db.InBatch(t.Context(), func(b *tandem.Batch) error { work(b); return nil }))
	other, err := db.Collection(t.Context(), "of", "batch")
	check(t, err)
	if n, err := other.Count(t.Context()); err != nil || n != 1 {
		t.Errorf("the collection of the batch has %d documents (%v), want 1", n, err)
	}
}

// counted returns the first column of a query's only row.
func counted(ctx context.Context, t *testing.T, q *tandem.Query) string {
	t.Helper()
	rows, err := q.Execute(ctx)
	check(t, err)
	defer rows.Close()
	for row, err := range rows.All() {
		check(t, err)
		return string(row.JSONAt(0))
	}
	return ""
}

// changingCalls are calls that wait for the writer, or for everybody.
func changingCalls(coll *tandem.Collection, doc *tandem.Document) map[string]func(context.Context) error {
	db := coll.Database()
	return map[string]func(ctx context.Context) error{
		"Put":              func(ctx context.Context) error { return coll.Put(ctx, "b", map[string]any{}) },
		"Save":             func(ctx context.Context) error { return coll.Save(ctx, doc) },
		"Delete":           func(ctx context.Context) error { return coll.Delete(ctx, doc) },
		"Purge":            func(ctx context.Context) error { return coll.Purge(ctx, "a") },
		"SetExpiration":    func(ctx context.Context) error { return coll.SetExpiration(ctx, "a", time.Time{}) },
		"Merge":            func(ctx context.Context) error { return coll.Merge(ctx, "a", map[string]any{"x": 1}) },
		"CreateBlob":       func(ctx context.Context) error { _, err := db.CreateBlob(ctx, "", strings.NewReader("x")); return err },
		"CreateCollection": func(ctx context.Context) error { _, err := db.CreateCollection(ctx, "a", "b"); return err },
		"CreateIndex": func(ctx context.Context) error {
			return coll.CreateIndex(ctx, "i", tandem.ValueIndex{Expressions: []string{"n"}})
		},
		"DeleteIndex":          func(ctx context.Context) error { return coll.DeleteIndex(ctx, "i") },
		"DeleteCollection":     func(ctx context.Context) error { return db.DeleteCollection(ctx, "a", "b") },
		"ForgetServer":         func(ctx context.Context) error { return db.ForgetServer(ctx, tandem.URLEndpoint{}) },
		"InBatch":              func(ctx context.Context) error { return db.InBatch(ctx, func(*tandem.Batch) error { return nil }) },
		"Compact":              func(ctx context.Context) error { return db.Compact(ctx) },
		"ServeBothGenerations": func(ctx context.Context) error { return db.ServeBothGenerations(ctx) },
		"UpgradeVersioning":    func(ctx context.Context) error { return db.UpgradeVersioning(ctx) },
		"ChangeEncryptionKey":  func(ctx context.Context) error { return db.ChangeEncryptionKey(ctx, nil) },
		"Close":                func(context.Context) error { return db.Close() },
		"Delete database":      func(context.Context) error { return db.Delete() },
	}
}

// What would wait for the batch that it is called in is an error, at once.
func TestE1WhatWouldWaitForItsOwnBatchIsAnError(t *testing.T) {
	coll := newCollection(t)
	db := coll.Database()
	put(t, coll, "a", `{}`)
	doc, err := coll.Document(t.Context(), "a")
	check(t, err)
	calls := changingCalls(coll, doc)
	check(t, db.InBatch(t.Context(), func(b *tandem.Batch) error {
		for name, call := range calls {
			if err := call(t.Context()); !errors.Is(err, tandem.ErrInvalid) || tandem.HintOf(err) == "" {
				t.Errorf("%s: got %v, want %v with a hint", name, err, tandem.ErrInvalid)
			}
		}
		for _, name := range []string{"InBatch", "Compact", "DeleteCollection"} {
			wantError(t, name+" with the context of the batch", calls[name](b.Context()), tandem.ErrInvalid)
		}
		other := make(chan error)
		go func() { other <- coll.Put(b.Context(), "c", map[string]any{}) }()
		wantError(t, "another goroutine", <-other, tandem.ErrInvalid)
		return nil
	}))
	var left context.Context
	check(t, db.InBatch(t.Context(), func(b *tandem.Batch) error { left = b.Context(); return nil }))
	wantError(t, "the context of a batch that is over", coll.Put(left, "d", map[string]any{}), tandem.ErrNotOpen)
	if n, err := coll.Count(t.Context()); err != nil || n != 1 {
		t.Errorf("there are %d documents (%v), want the one", n, err)
	}
	check(t, coll.Put(t.Context(), "e", map[string]any{}))
}
