package store_test

import (
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tandemdb/tandem/internal/query/fulltext"
	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/revision/both"
	"github.com/tandemdb/tandem/internal/store"
	"github.com/tandemdb/tandem/internal/store/storetest"
)

// stage is a database in which every operation has work to do.
type stage struct {
	db   *store.DB
	c    *store.Collection
	peer store.Remote
	late atomic.Bool // the next call for the time returns a later time

	heads      map[string]*store.Document
	theirs     map[string]revision.Rev // the peer's revisions: in conflict, or still to be received
	blobs      [2]string               // digests
	absent     [2]string               // digests of blobs without content
	versioning store.Versioning
	peerSource revision.Source
	peerClock  revision.Time
	mergeElse  revision.Rev // the same merge as the head of "merged", made elsewhere
}

// newStage makes a stage at path.
func newStage(t *testing.T, path string, v store.Versioning) *stage {
	t.Helper()
	s := &stage{
		versioning: v, peerSource: revision.SourceFrom([16]byte{7}), peerClock: 1 << 50,
		heads: map[string]*store.Document{}, theirs: map[string]revision.Rev{},
	}
	s.open(t, path)
	if err := s.db.NoteMet(background, store.Third); err != nil {
		t.Fatal(err)
	}
	s.c = defaults(t, s.db)
	s.peer = remote(t, s.db, "wss://peer/db")
	s.blobs = [2]string{putBlob(t, s.db, "one"), putBlob(t, s.db, "two")}
	s.absent = [2]string{"sha1-AAAAAAAAAAAAAAAAAAAAAAAAAAA=", "sha1-AAAAAAAAAAAAAAAAAAAAAAAAAAE="}
	for _, id := range []string{"plain", "expired", "expired too", "expired again"} {
		s.save(t, id, `{"n":1}`)
	}
	s.pushed(t, "pushed", `{"n":1}`)
	for _, id := range []string{"local", "remote", "merge", "saved", "again", "deleted", "purged", "seen", "taken", "same"} {
		s.conflict(t, id)
	}
	s.pushed(t, "based", `{"n":1}`)
	s.save(t, "based", `{"n":2}`)
	s.merged(t)
	update(t, s.db, func(tx *store.Tx) error {
		text := store.Index{Name: "text", Expressions: []string{"n"}, Text: &fulltext.Options{}}
		vectors := store.Index{Name: "vectors", Expressions: []string{"[n, 1]"}, Vector: &store.VectorOptions{Dimensions: 2, Metric: "dot", Centroids: 2}}
		lazy := store.Index{Name: "lazy", Expressions: []string{"n"}, Vector: &store.VectorOptions{Dimensions: 2, Metric: "dot", Lazy: true}}
		return errors.Join(tx.SetLocalCheckpoint("old", []byte("{}")), tx.CreateIndex(s.c, store.Index{Name: "old", Expressions: []string{"n"}}, nil), tx.CreateIndex(s.c, text, nil), tx.CreateIndex(s.c, vectors, nil), tx.CreateIndex(s.c, lazy, nil))
	})
	for _, id := range []string{"expired", "expired too", "expired again"} {
		update(t, s.db, func(tx *store.Tx) error { return tx.SetExpiry(s.c, id, tx.Now().Add(time.Hour)) })
	}
	return s
}

func (s *stage) open(t *testing.T, path string) {
	t.Helper()
	s.db = openAt(t, path, store.Options{Versioning: s.versioning, Now: func() time.Time {
		if s.late.CompareAndSwap(true, false) {
			return time.Now().Add(2 * time.Hour)
		}
		return time.Now()
	}})
}

// copied returns a new stage with a copy of the database of s, which must be closed.
func (s *stage) copied(t *testing.T) *stage {
	t.Helper()
	path := filepath.Join(t.TempDir(), "stage"+store.Extension)
	if err := os.CopyFS(path, os.DirFS(s.db.Path())); err != nil {
		t.Fatal(err)
	}
	next := &stage{
		c: s.c, peer: s.peer, heads: s.heads, theirs: s.theirs, blobs: s.blobs, absent: s.absent,
		versioning: s.versioning, peerSource: s.peerSource, peerClock: s.peerClock, mergeElse: s.mergeElse,
	}
	next.open(t, path)
	return next
}

// lateContext gives its transaction, and only that, a later time, at which documents have expired.
type lateContext struct {
	*storetest.Context
	s     *stage
	asked bool
}

func (c *lateContext) Err() error {
	if !c.asked {
		c.asked = true
		c.s.late.Store(true)
	}
	return c.Context.Err()
}

// commitIn stores the content of a new blob within a transaction.
func (s *stage) commitIn(tx *store.Tx) error {
	w, err := s.db.BlobWriter(background)
	if err != nil {
		return err
	}
	defer w.Abort()
	if _, err := w.Write([]byte("three")); err != nil {
		return err
	}
	_, _, err = w.CommitIn(tx)
	return err
}

func (s *stage) save(t *testing.T, id, body string) {
	t.Helper()
	s.heads[id] = save(t, s.db, s.c, id, body)
}

func (s *stage) pushed(t *testing.T, id, body string) {
	t.Helper()
	s.save(t, id, body)
	update(t, s.db, func(tx *store.Tx) error { return tx.MarkKnown(s.c, id, s.peer, s.heads[id].Rev.ID) })
}

// edit returns the peer's edit of parent.
func (s *stage) edit(parent revision.Rev, body string) revision.Rev {
	if s.versioning == store.RevTrees {
		return revision.EditTree(parent, false, []byte(body+" of the peer"))
	}
	s.peerClock += 1 << 16
	return revision.EditVersion(parent, s.peerClock, s.peerSource)
}

// conflict makes a document that the peer has and that both sides have edited.
func (s *stage) conflict(t *testing.T, id string) {
	t.Helper()
	s.pushed(t, id, `{"n":1}`)
	base := s.heads[id].Rev
	s.save(t, id, blobBody(s.blobs[0]))
	s.theirs[id] = s.edit(base, id)
	o, err := receive(s.db, s.c, store.Incoming{
		ID: id, Rev: s.theirs[id], Body: []byte(blobBody(s.blobs[1])), Remote: s.peer,
	})
	if o != store.Conflicted || err != nil {
		t.Fatalf("%s: got %v, %v", id, o, err)
	}
	s.heads[id] = get(t, s.db, s.c, id)
}

// merged makes a document whose head is a merge that another peer has made, too.
func (s *stage) merged(t *testing.T) {
	t.Helper()
	if s.versioning == store.RevTrees {
		return
	}
	s.conflict(t, "merged")
	local := s.heads["merged"].Rev
	r := store.Resolution{ID: "merged", Remote: s.peer, Local: local.ID, Winner: store.Merged, Body: []byte(`{"n":3}`)}
	update(t, s.db, func(tx *store.Tx) error { _, err := tx.Resolve(s.c, r); return err })
	other := revision.SourceFrom([16]byte{8})
	s.mergeElse = revision.MergeVersions(local, s.theirs["merged"], s.peerClock+1<<16, other)
}

func (s *stage) saves(e store.Edit) func(*store.Tx) error {
	return func(tx *store.Tx) error { _, err := tx.Save(s.c, e); return err }
}

func (s *stage) receives(in store.Incoming) func(*store.Tx) error {
	return func(tx *store.Tx) error { _, err := tx.Receive(s.c, in); return err }
}

func (s *stage) resolves(id string, w store.Winner, body string) func(*store.Tx) error {
	return func(tx *store.Tx) error {
		_, err := tx.Resolve(s.c, store.Resolution{
			ID: id, Remote: s.peer, Local: s.heads[id].Rev.ID, Winner: w, Body: []byte(body), Why: "test",
		})
		return err
	}
}

// operations returns each public method of Tx that writes, in each of its variants. A name begins
// with the method's.
func (s *stage) operations() map[string]func(*store.Tx) error {
	blobs := `{"one":` + blobBody(s.blobs[0]) + `,"two":` + blobBody(s.blobs[1]) + `}`
	absent := `{"one":` + blobBody(s.absent[0]) + `,"two":` + blobBody(s.absent[1]) + `}`
	ops := map[string]func(*store.Tx) error{
		"Save new":                s.saves(store.Edit{ID: "new", Body: []byte(`{}`)}),
		"Save new with blobs":     s.saves(store.Edit{ID: "new", Body: []byte(blobs)}),
		"Save with absent blobs":  s.saves(store.Edit{ID: "new", Body: []byte(absent), AllowAbsentBlobs: true}),
		"Save over another":       s.saves(store.Edit{ID: "plain", Body: []byte(`{"n":2}`)}),
		"Save blobs over another": s.saves(store.Edit{ID: "plain", Body: []byte(blobs)}),
		"Save over pushed":        s.saves(store.Edit{ID: "pushed", Body: []byte(`{"n":2}`)}),
		"Save over a base":        s.saves(store.Edit{ID: "based", Body: []byte(`{"n":3}`)}),
		"Save over a conflict":    s.saves(store.Edit{ID: "saved", Body: []byte(`{"n":3}`)}),
		"Save deleted":            s.saves(store.Edit{ID: "deleted", Deleted: true}),
		"Save over expired":       s.saves(store.Edit{ID: "expired", Body: []byte(`{"n":2}`)}),

		"Restore new": func(tx *store.Tx) error {
			_, err := tx.Restore(s.c, store.Restored{ID: "new", Body: []byte(absent), Rev: s.edit(revision.Rev{}, "new")})
			return err
		},
		"Restore over another": func(tx *store.Tx) error {
			_, err := tx.Restore(s.c, store.Restored{ID: "pushed", Body: []byte(absent)})
			return err
		},
		"CreateIndex": func(tx *store.Tx) error {
			return tx.CreateIndex(s.c, store.Index{Name: "new", Expressions: []string{"n"}, Where: "n > 1"}, nil)
		},
		"CreateIndex over another": func(tx *store.Tx) error {
			return tx.CreateIndex(s.c, store.Index{Name: "old", Expressions: []string{"n", "META().id"}}, nil)
		},
		"CreateIndex of texts": func(tx *store.Tx) error {
			return tx.CreateIndex(s.c, store.Index{Name: "texts", Expressions: []string{"n"}, Text: &fulltext.Options{Language: "en"}}, nil)
		},
		"CreateIndex of texts over another": func(tx *store.Tx) error {
			return tx.CreateIndex(s.c, store.Index{Name: "text", Expressions: []string{"n"}, Text: &fulltext.Options{Language: "en"}}, nil)
		},
		"CreateIndex of vectors": func(tx *store.Tx) error {
			return tx.CreateIndex(s.c, store.Index{Name: "near", Expressions: []string{"[n, 1]"}, Vector: &store.VectorOptions{Dimensions: 2, Metric: "dot", Centroids: 2}}, nil)
		},
		"CreateIndex of vectors over another": func(tx *store.Tx) error {
			return tx.CreateIndex(s.c, store.Index{Name: "text", Expressions: []string{"[n, 1]"}, Vector: &store.VectorOptions{Dimensions: 2, Metric: "dot", Lazy: true}}, nil)
		},
		"SetLazyVectors": func(tx *store.Tx) error {
			all, err := tx.LazyVectors(s.c, "lazy", 2)
			for i := range all {
				all[i].Vector = []float32{1, float32(i)}
			}
			return errors.Join(err, tx.SetLazyVectors(s.c, "lazy", all))
		},
		"DeleteIndex of vectors": func(tx *store.Tx) error { return tx.DeleteIndex(s.c, "vectors") },
		"DeleteIndex":            func(tx *store.Tx) error { return tx.DeleteIndex(s.c, "old") },
		"DeleteIndex of texts":   func(tx *store.Tx) error { return tx.DeleteIndex(s.c, "text") },

		"CreateCollection": func(tx *store.Tx) error { _, err := tx.CreateCollection("shop", "items"); return err },

		"Touch": func(tx *store.Tx) error { return tx.Touch(s.c, "based", s.heads["based"].Rev.ID) },

		"Receive new": s.receives(store.Incoming{ID: "new", Rev: s.edit(revision.Rev{}, "new"), Remote: s.peer}),
		"Receive absent blobs": s.receives(store.Incoming{
			ID: "new", Rev: s.edit(revision.Rev{}, "new"), Remote: s.peer, Body: []byte(absent), AllowAbsentBlobs: true,
		}),
		"Receive newer": s.receives(store.Incoming{
			ID: "pushed", Rev: s.edit(s.heads["pushed"].Rev, "newer"), Remote: s.peer, Body: []byte(blobs),
		}),
		"Receive older": s.receives(store.Incoming{
			ID: "pushed", Rev: s.heads["pushed"].Rev, Remote: s.peer + 1, Body: []byte(`{"n":1}`),
		}),
		"Receive a conflict": s.receives(store.Incoming{
			ID: "plain", Rev: s.edit(revision.Rev{}, "plain"), Remote: s.peer, Body: []byte(blobs),
		}),
		"Receive a conflict again": s.receives(store.Incoming{
			ID: "again", Rev: s.edit(s.theirs["again"], "again"), Remote: s.peer, Body: []byte(blobs),
		}),
		"Receive over expired": s.receives(store.Incoming{
			ID: "expired too", Rev: s.edit(revision.Rev{}, "expired too"), Remote: s.peer, Body: []byte(blobs),
		}),

		"Resolve for local":   s.resolves("local", store.LocalWins, ""),
		"Resolve for remote":  s.resolves("remote", store.RemoteWins, ""),
		"Resolve by a merge":  s.resolves("merge", store.Merged, blobs),
		"Resolve by equality": s.resolves("same", store.Merged, blobBody(s.blobs[1])),

		"Purge":            func(tx *store.Tx) error { return tx.Purge(s.c, "plain") },
		"Purge a conflict": func(tx *store.Tx) error { return tx.Purge(s.c, "purged") },
		"Purge expired":    func(tx *store.Tx) error { return tx.Purge(s.c, "expired again") },
		"SetExpiry":        func(tx *store.Tx) error { return tx.SetExpiry(s.c, "plain", tx.Now().Add(time.Hour)) },
		"MarkKnown": func(tx *store.Tx) error {
			return tx.MarkKnown(s.c, "seen", s.peer, s.heads["seen"].Rev.ID)
		},
		"MarkTaken": func(tx *store.Tx) error {
			return tx.MarkTaken(s.c, "taken", s.peer, s.heads["taken"].Rev, s.theirs["taken"].ID)
		},
		"MarkRunTaken": func(tx *store.Tx) error {
			_, err := tx.MarkRunTaken(s.c, s.peer, 1, s.heads["again"].Sequence)
			return err
		},

		"SetPeerCheckpoint":   func(tx *store.Tx) error { _, err := tx.SetPeerCheckpoint("client", "", []byte("{}")); return err },
		"SetLocalCheckpoint":  func(tx *store.Tx) error { return tx.SetLocalCheckpoint("cp", []byte("{}")) },
		"DropLocalCheckpoint": func(tx *store.Tx) error { return tx.DropLocalCheckpoint("old") },
		"ForgetKnown": func(tx *store.Tx) error {
			_, err := tx.ForgetKnown(s.c, s.peer, 0, 3)
			return err
		},
		"SetBoundedInfo": func(tx *store.Tx) error { return tx.SetBoundedInfo("bounded", "key", []byte("value"), 32) },
		"SetInfo":        func(tx *store.Tx) error { return tx.SetInfo("space", "key", []byte("value")) },
		"RemoteFor":      func(tx *store.Tx) error { _, err := tx.RemoteFor("wss://other/db"); return err },
		"CommitIn":       s.commitIn,
	}
	if s.versioning == store.VersionVectors {
		ops["Receive the same merge"] = s.receives(store.Incoming{
			ID: "merged", Rev: s.mergeElse, Remote: s.peer, Body: []byte(`{"n":3}`),
		})
	}
	if s.versioning == store.RevTrees {
		s.addGrafts(ops, []byte(blobs))
	}
	if s.versioning == store.Both {
		s.addNames(ops)
	}
	return ops
}

// addNames adds what gives revisions other names.
func (s *stage) addNames(ops map[string]func(*store.Tx) error) {
	for name, tree := range map[string]revision.ID{
		"a lower name": both.Embed(1, s.heads["based"].Rev.ID), "a higher name": both.Embed(9, s.heads["based"].Rev.ID),
	} {
		ops["Learn "+name] = func(tx *store.Tx) error { return tx.Learn(s.c, "based", tree, s.peer) }
	}
	child := revision.EditTree(both.HeadOf(s.heads["pushed"].Rev).Tree(), false, []byte(`{"n":5}`))
	ops["Receive a child of the third generation"] = s.receives(store.Incoming{ID: "pushed", Rev: child, Body: []byte(`{"n":5}`)})
}

// addGrafts adds what clients with revision trees of their own do.
func (s *stage) addGrafts(ops map[string]func(*store.Tx) error, body []byte) {
	for name, in := range map[string]store.Incoming{
		"new":              {ID: "new", Rev: revision.Rev{ID: "1-a"}},
		"newer":            {ID: "pushed", Rev: s.edit(s.heads["pushed"].Rev, "newer")},
		"that wins":        {ID: "plain", Rev: revision.Rev{ID: "9-a"}},
		"that loses":       {ID: "plain", Rev: revision.Rev{ID: "1-!"}},
		"over a conflict":  {ID: "saved", Rev: revision.Rev{ID: "9-a"}},
		"that was deleted": {ID: "plain", Rev: revision.Rev{ID: "9-a"}, Deleted: true},
		"over expired":     {ID: "expired too", Rev: revision.Rev{ID: "1-a"}},
	} {
		in.Body = body
		ops["Graft "+name] = func(tx *store.Tx) error { return tx.Graft(s.c, in) }
	}
	ops["SetLocal"] = func(tx *store.Tx) error { _, err := tx.SetLocal(s.c, "a", "", []byte(`{}`)); return err }
}
