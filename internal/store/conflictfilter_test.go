package store_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tandemdb/tandem/internal/store"
)

// TestTheLogSaysWhatWasDecided resolves a conflict in each way and reads the log entry.
func TestTheLogSaysWhatWasDecided(t *testing.T) {
	for _, v := range bothVersionings {
		for name, r := range map[string]store.Resolution{
			"local":         {Winner: store.LocalWins, Why: "ours"},
			"remote":        {Winner: store.RemoteWins, Why: "theirs"},
			"merge":         {Winner: store.Merged, Body: []byte(`{"merged":1}`), Why: "both"},
			"deletion":      {Winner: store.Merged, Deleted: true},
			"merge of ours": {Winner: store.Merged, Body: []byte(`{"base":1,"local":1}`)},
		} {
			for _, deleted := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%s, theirs deleted %t", v, name, deleted), func(t *testing.T) {
					t.Parallel()
					x := makeConflict(t, v, deleted)
					head, err := x.resolve(r)
					if err != nil {
						t.Fatal(err)
					}
					log := readLog(t, x.db, store.ConflictFilter{}, 10)
					if len(log) != 1 {
						t.Fatalf("got %d entries, want 1", len(log))
					}
					theirs := store.LoggedRevision{Rev: x.theirs.ID, Deleted: deleted, Body: []byte(`{"base":1,"theirs":1}`)}
					if deleted {
						theirs.Body = []byte(`{}`)
					}
					want := &store.LoggedConflict{
						Number: 1, Time: log[0].Time, Collection: x.c.FullName(), ID: "a", Remote: "wss://peer/db",
						Winner: r.Winner, Why: r.Why, Theirs: theirs, Result: head.Rev.ID,
						Local: store.LoggedRevision{Rev: x.local.Rev.ID, Body: []byte(`{"base":1,"local":1}`)},
					}
					if diff := cmp.Diff(want, log[0]); diff != "" {
						t.Errorf("-want +got\n%s", diff)
					}
					if age := time.Since(log[0].Time); age < 0 || age > time.Hour {
						t.Errorf("it happened at %v", log[0].Time)
					}
					sound(t, x.db)
				})
			}
		}
	}
}

func readLog(t *testing.T, db *store.DB, f store.ConflictFilter, limit int) (log []*store.LoggedConflict) {
	t.Helper()
	view(t, db, func(tx *store.Tx) (err error) {
		log, err = tx.ConflictLog(f, limit)
		return err
	})
	return log
}

// TestTheLogIsReadByPages selects entries of two collections and two documents.
func TestTheLogIsReadByPages(t *testing.T) {
	t.Parallel()
	x := makeConflict(t, store.VersionVectors, false)
	items, err := x.db.CreateCollection(background, "shop", "items")
	if err != nil {
		t.Fatal(err)
	}
	resolveFor(t, x, store.LocalWins) // 1: a
	x.logConflicts(t, 3, 1)           // 2 to 4: b
	inItems := x
	inItems.c = items
	inItems.logConflicts(t, 2, 1) // 5 and 6: b of the other collection
	for name, tt := range map[string]struct {
		filter store.ConflictFilter
		limit  int
		want   []int64
	}{
		"all":                       {limit: 10, want: []int64{6, 5, 4, 3, 2, 1}},
		"the first page":            {limit: 2, want: []int64{6, 5}},
		"the next page":             {store.ConflictFilter{Before: 5}, 2, []int64{4, 3}},
		"the last page":             {store.ConflictFilter{Before: 2}, 2, []int64{1}},
		"beyond the last":           {store.ConflictFilter{Before: 1}, 2, nil},
		"nothing":                   {limit: 0},
		"a collection":              {store.ConflictFilter{Collection: "shop.items"}, 10, []int64{6, 5}},
		"a document of all":         {store.ConflictFilter{ID: "b"}, 10, []int64{6, 5, 4, 3, 2}},
		"a document of one":         {store.ConflictFilter{Collection: x.c.FullName(), ID: "b"}, 10, []int64{4, 3, 2}},
		"its next page":             {store.ConflictFilter{Collection: x.c.FullName(), ID: "b", Before: 4}, 1, []int64{3}},
		"a document without any":    {store.ConflictFilter{ID: "none"}, 10, nil},
		"a collection that is none": {store.ConflictFilter{Collection: "items"}, 10, nil},
	} {
		var got []int64
		for _, entry := range readLog(t, x.db, tt.filter, tt.limit) {
			got = append(got, entry.Number)
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: %+v, limit %d: got %v, want %v", name, tt.filter, tt.limit, got, tt.want)
		}
	}
	purgeDoc(t, x.db, x.c)
	deleteItems(t, x.db, items)
	if n := len(readLog(t, x.db, store.ConflictFilter{}, 10)); n != 6 {
		t.Errorf("%d entries are left after their documents, want 6", n)
	}
	sound(t, x.db)
}
