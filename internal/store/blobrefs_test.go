package store_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/store"
	"github.com/tandemdb/tandem/internal/testsize"
)

// TestWhoKeepsABlob checks which blobs of a conflict's three revisions survive each change.
func TestWhoKeepsABlob(t *testing.T) {
	purge := func(t *testing.T, s *stage) {
		update(t, s.db, func(tx *store.Tx) error { return tx.Purge(s.c, "x") })
	}
	for _, v := range bothVersionings {
		for name, tt := range map[string]struct {
			change              func(t *testing.T, s *stage)
			base, local, theirs bool
		}{
			"nothing":       {func(*testing.T, *stage) {}, true, true, true},
			"local wins":    {func(t *testing.T, s *stage) { update(t, s.db, s.resolves("x", store.LocalWins, "")) }, false, true, true},
			"remote wins":   {func(t *testing.T, s *stage) { update(t, s.db, s.resolves("x", store.RemoteWins, "")) }, false, false, true},
			"another merge": {func(t *testing.T, s *stage) { update(t, s.db, s.resolves("x", store.Merged, `{"n":1}`)) }, false, false, true},
			"another save":  {func(t *testing.T, s *stage) { save(t, s.db, s.c, "x", `{}`) }, true, false, true},
			"a purge":       {purge, false, false, false},
			"another's base": {func(t *testing.T, s *stage) {
				save(t, s.db, s.c, "y", blobBody(putBlob(t, s.db, "base")))
				purge(t, s)
			}, true, false, false},
		} {
			t.Run(string(v)+"/"+name, func(t *testing.T) {
				t.Parallel()
				s := &stage{versioning: v, peerClock: 1 << 50, peerSource: "AAAAAAAAAAAAAAAAAAAAAA", heads: map[string]*store.Document{}}
				s.open(t, t.TempDir()+"/x"+store.Extension)
				s.c, s.peer = defaults(t, s.db), remote(t, s.db, "wss://peer/db")
				base, local, theirs := putBlob(t, s.db, "base"), putBlob(t, s.db, "local"), putBlob(t, s.db, "theirs")
				s.pushed(t, "x", blobBody(base))
				parent := s.heads["x"].Rev
				s.save(t, "x", blobBody(local))
				in := store.Incoming{ID: "x", Rev: s.edit(parent, "x"), Body: []byte(blobBody(theirs)), Remote: s.peer}
				if o, err := receive(s.db, s.c, in); o != store.Conflicted || err != nil {
					t.Fatalf("got %v, %v", o, err)
				}
				tt.change(t, s)
				if err := s.db.Compact(background); err != nil {
					t.Fatal(err)
				}
				got := [3]bool{s.db.HasBlob(base), s.db.HasBlob(local), s.db.HasBlob(theirs)}
				if want := [3]bool{tt.base, tt.local, tt.theirs}; got != want {
					t.Errorf("base, local and theirs are here: %v, want %v", got, want)
				}
				sound(t, s.db)
			})
		}
	}
}

// TestBlobsAgreeWithAModel stores blobs and documents at random, and compacts a day later or at once.
func TestBlobsAgreeWithAModel(t *testing.T) {
	inFolders(t)
	testsize.Check(t, func(rt *rapid.T) {
		wall := newWallClock()
		db := open(t, store.Options{Now: wall.now})
		c := defaults(t, db)
		digests := map[string]string{}  // blobs in the database, by content
		until := map[string]time.Time{} // blobs that wait for a document, by content
		refers := map[string][]string{} // by document
		contents := []string{"1", "2", "3"}
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			content := rapid.SampledFrom(contents).Draw(rt, "content")
			id := rapid.SampledFrom([]string{"a", "b"}).Draw(rt, "id")
			switch rapid.SampledFrom([]string{"blob", "save", "save", "drop", "day", "compact"}).Draw(rt, "step") {
			case "blob":
				digests[content], until[content] = putBlob(t, db, content), wall.now().Add(24*time.Hour)
			case "save":
				digest, here := digests[content]
				if !here {
					digest = "sha1-AAAAAAAAAAAAAAAAAAAAAAAAAAA="
				}
				_, err := trySave(db, c, store.Edit{ID: id, Body: []byte(blobBody(digest))})
				if here != (err == nil) || !here && !errors.Is(err, fault.NotFound) {
					rt.Fatalf("save with blob %q, which is here %t: got %v", content, here, err)
				}
				if here {
					refers[id] = []string{content}
					delete(until, content) // no longer pending
				}
			case "drop":
				save(t, db, c, id, `{}`)
				delete(refers, id)
			case "day":
				wall.add(25 * time.Hour)
			case "compact":
				if err := db.Compact(background); err != nil {
					rt.Fatal(err)
				}
				used := slices.Concat(slices.Collect(maps.Values(refers))...)
				maps.DeleteFunc(digests, func(content, _ string) bool {
					return !slices.Contains(used, content) && !until[content].After(wall.now())
				})
			}
			for content, digest := range digests {
				if got := readBlob(t, db, digest); got != content {
					rt.Errorf("blob %s is %q, want %q", digest, got, content)
				}
			}
			if n := countFiles(t, db); n != len(digests) {
				rt.Errorf("%d blobs are here, want %s", n, fmt.Sprint(digests))
			}
		}
		sound(t, db)
	})
}
