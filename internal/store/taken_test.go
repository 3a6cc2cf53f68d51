package store_test

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/store"
	"github.com/tandemdb/tandem/internal/testsize"
)

// TestARunIsMarkedLikeEachOfItsDocuments marks the same documents in two databases: in one document by
// document, in the other as a run, and the documents that the run has passed over one by one. Of some
// documents a remote has a revision, or one in conflict; of some a base is kept that nobody needs any
// more; some have changed, so that their sequences are vacant.
func TestARunIsMarkedLikeEachOfItsDocuments(t *testing.T) {
	t.Parallel()
	run, each := newTakenBy(t), newTakenBy(t)
	n := 0
	testsize.Check(t, func(t *rapid.T) {
		n++
		var kinds []string
		for i := range rapid.IntRange(1, 6).Draw(t, "documents") {
			kind := rapid.SampledFrom([]string{"new", "new", "new", "theirs", "other", "conflict", "based", "changed"}).Draw(t, "kind")
			kinds = append(kinds, kind)
			id := fmt.Sprintf("%05d-%d", n, i)
			run.add(t, id, kind)
			each.add(t, id, kind)
		}
		for i, kind := range kinds {
			if id := fmt.Sprintf("%05d-%d", n, i); kind == "changed" {
				run.change(t, id)
				each.change(t, id)
			}
		}
		all := run.mark(t, true)
		each.mark(t, false)
		plain := true
		for i, kind := range kinds {
			id := fmt.Sprintf("%05d-%d", n, i)
			if got, want := run.known(t, id), each.known(t, id); got != want {
				t.Errorf("%v, document %d: got %s, want %s", kinds, i, got, want)
			}
			plain = plain && kind == "new"
		}
		if all != plain {
			t.Errorf("%v: the run says all = %v", kinds, all)
		}
	})
	sound(t, run.db)
}

// takenBy is a database with documents that a remote takes.
type takenBy struct {
	db          *store.DB
	c           *store.Collection
	peer, other store.Remote
	offered     []*store.Document // in the order of their sequences
}

func newTakenBy(t *testing.T) *takenBy {
	t.Helper()
	db := open(t, store.Options{Versioning: store.RevTrees})
	return &takenBy{
		db: db, c: defaults(t, db), peer: remote(t, db, "ws://peer/db"), other: remote(t, db, "ws://other/db"),
	}
}

// add adds a document, and offers it.
func (p *takenBy) add(t *rapid.T, id, kind string) {
	in := store.Incoming{ID: id, Rev: revision.Rev{ID: "1-aa"}, Body: []byte(`{}`)}
	switch kind {
	case "theirs", "conflict":
		in.Remote = p.peer
	case "other":
		in.Remote = p.other
	}
	p.receive(t, in)
	switch kind {
	case "conflict":
		p.receive(t, store.Incoming{ID: id, Rev: revision.Rev{ID: "1-bb"}, Body: []byte(`{}`), Remote: p.other})
	case "based":
		p.keepBases(t, true)
		p.change(t, id)
		p.keepBases(t, false)
	}
	p.do(t, func(tx *store.Tx) error {
		d, err := tx.Document(p.c, id)
		p.offered = append(p.offered, d)
		return err
	})
}

// change gives a document a new revision, and so another sequence.
func (p *takenBy) change(t *rapid.T, id string) {
	history := revision.History{Ancestors: []revision.ID{"1-aa"}}
	p.receive(t, store.Incoming{ID: id, Rev: revision.Rev{ID: "2-cc", History: history}, Body: []byte(`{"n":2}`)})
}

// mark marks what was offered, and reports whether a run has marked all of it.
func (p *takenBy) mark(t *rapid.T, asRun bool) (all bool) {
	p.do(t, func(tx *store.Tx) (err error) {
		if asRun {
			from, to := p.offered[0].Sequence, p.offered[len(p.offered)-1].Sequence
			all, err = tx.MarkRunTaken(p.c, p.peer, from, to)
		}
		for _, d := range p.offered {
			if err == nil && !all {
				err = tx.MarkTaken(p.c, d.ID, p.peer, d.Rev, d.Known(p.peer))
			}
		}
		p.offered = nil
		return err
	})
	return all
}

func (p *takenBy) known(t *rapid.T, id string) (text string) {
	p.do(t, func(tx *store.Tx) error {
		d, err := tx.Document(p.c, id)
		if err != nil {
			return err
		}
		_, lacksBase := tx.BodyOf(p.c, id, "1-aa")
		text = fmt.Sprintf("%s@%d known %q and %q, conflicted %v, base: %v",
			d.Rev.ID, d.Sequence, d.Known(p.peer), d.Known(p.other), d.Conflicted, lacksBase)
		return nil
	})
	return text
}

func (p *takenBy) receive(t *rapid.T, in store.Incoming) {
	p.do(t, func(tx *store.Tx) error {
		_, err := tx.Receive(p.c, in)
		return err
	})
}

func (p *takenBy) keepBases(t *rapid.T, keep bool) {
	t.Helper()
	if err := p.db.KeepBases(background, keep); err != nil {
		t.Fatal(err)
	}
}

func (p *takenBy) do(t *rapid.T, fn func(*store.Tx) error) {
	t.Helper()
	if err := p.db.Update(background, fn); err != nil {
		t.Fatal(err)
	}
}
