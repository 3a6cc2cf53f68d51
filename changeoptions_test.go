package tandem_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/tandemdb/tandem"
)

// Limits around the size of a portion, with and without documents, in both directions.
func TestChangesAreLimitedAndReversed(t *testing.T) {
	c := newCollection(t)
	const n = 2100
	check(t, c.Database().InBatch(t.Context(), func(b *tandem.Batch) error {
		for i := range n {
			check(t, b.Put(c, fmt.Sprintf("%04d", i+1), map[string]int{"n": i + 1}))
		}
		return nil
	}))
	for _, limit := range []int{0, 1, 999, 1000, 1001, 2000, n, n + 1} {
		for _, documents := range []bool{false, true} {
			o := tandem.ChangeOptions{Limit: limit, Documents: documents}
			want := limit
			if limit == 0 || limit > n-50 {
				want = n - 50
			}
			wantRun(t, c, 50, o, 51, 1, want)
			o.Descending = true
			wantRun(t, c, 50, o, n, -1, want)
		}
	}
	left, err := c.CountChanges(t.Context(), 50)
	if check(t, err); left != n-50 {
		t.Errorf("%d changes are counted, want %d", left, n-50)
	}
}

// wantRun checks that the changes are those of the sequences from first on, with their documents.
func wantRun(t *testing.T, c *tandem.Collection, since uint64, o tandem.ChangeOptions, first, step, count int) {
	t.Helper()
	next := first
	for change, err := range c.ChangesSince(t.Context(), since, o) {
		check(t, err)
		if change.Sequence != uint64(next) || change.ID != fmt.Sprintf("%04d", next) {
			t.Fatalf("%+v: got %+v, want sequence %d", o, change, next)
		}
		if o.Documents && string(change.Document.Body()) != fmt.Sprintf(`{"n":%d}`, next) {
			t.Fatalf("%+v: change %d has the document %s", o, next, change.Document.Body())
		}
		next += step
	}
	if got := (next - first) * step; got != count {
		t.Errorf("%+v: got %d changes, want %d", o, got, count)
	}
}

func TestAFollowedFeedEndsAtItsLimit(t *testing.T) {
	c := newCollection(t)
	for i := range 5 {
		save(t, c, fmt.Sprint(i), `{}`)
	}
	var ids []string
	for change, err := range c.FollowChanges(t.Context(), 1, tandem.ChangeOptions{Limit: 3}) {
		check(t, err)
		ids = append(ids, change.ID)
	}
	wantIDs(t, "followed", ids, "1", "2", "3")
	for name, changes := range map[string]func(func(tandem.Change, error) bool){
		"a negative limit":           c.ChangesSince(t.Context(), 0, tandem.ChangeOptions{Limit: -1}),
		"following with a bad limit": c.FollowChanges(t.Context(), 0, tandem.ChangeOptions{Limit: -1}),
		"following backwards":        c.FollowChanges(t.Context(), 0, tandem.ChangeOptions{Descending: true}),
	} {
		n := 0
		for _, err := range changes {
			wantError(t, name, err, tandem.ErrInvalid)
			n++
		}
		if n != 1 {
			t.Errorf("%s: %d steps, want 1", name, n)
		}
	}
}

func TestDocumentsWithABlobAreFound(t *testing.T) {
	c := newCollection(t)
	blob := tandem.NewBlob("text/plain", []byte("wanted 2")) // its digest has a slash
	other := tandem.NewBlob("text/plain", []byte("other"))
	for i := range 40 {
		check(t, c.Put(t.Context(), fmt.Sprintf("other%02d", i), map[string]any{"b": other, "text": blob.Digest()}))
	}
	check(t, c.Put(t.Context(), "deep", map[string]any{"a": []any{1, map[string]any{"b": blob}}}))
	check(t, c.Put(t.Context(), "gone", map[string]any{"b": blob}))
	check(t, c.Delete(t.Context(), got(c.Document(t.Context(), "gone"))))
	save(t, c, "escaped", fmt.Sprintf(`{"b":{"@type":"blob","digest":"\u0073%s","length":8}}`, blob.Digest()[1:]))
	save(t, c, "plain", fmt.Sprintf(`{"digest":%q}`, blob.Digest()))

	var ids []string
	for d, err := range c.DocumentsWithBlob(t.Context(), blob.Digest()) {
		check(t, err)
		ids = append(ids, d.ID())
	}
	wantIDs(t, "documents with the blob", ids, "deep", "escaped")
	for _, err := range c.DocumentsWithBlob(context.Background(), "sha1-x") {
		wantError(t, "malformed digest", err, tandem.ErrInvalid)
	}
}
