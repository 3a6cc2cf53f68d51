package store_test

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/tandemdb/tandem/internal/document"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/query/fulltext"
	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/store"
	"github.com/tandemdb/tandem/internal/testsize"
)

// modelDoc is the expected state of one document.
type modelDoc struct {
	body     string
	deleted  bool
	rev      revision.Rev
	seq      store.Sequence
	theirs   *modelDoc // the conflicting revision
	peerHas  revision.ID
	peerBody string // the body of peerHas
	baseKept bool   // peerBody is kept beside the head
}

// machine applies the same random operations to a database and to a model of it.
type machine struct {
	t        *rapid.T
	again    func() (*store.DB, error) // opens the database
	hasWords bool                      // it has a full-text index
	db       *store.DB
	other    *store.DB // a second handle on the same files
	c        *store.Collection
	with     store.Remote
	peer     revision.Source
	clock    revision.Time // of the peer
	docs     map[string]*modelDoc
	last     store.Sequence
}

func TestTheStoreAgreesWithAModel(t *testing.T) {
	for _, v := range []store.Versioning{store.VersionVectors, store.RevTrees} {
		t.Run(string(v), func(t *testing.T) {
			t.Parallel()
			testsize.Check(t, func(rt *rapid.T) { runMachine(t, rt, v) })
		})
	}
}

func runMachine(t *testing.T, rt *rapid.T, v store.Versioning) {
	path := filepath.Join(t.TempDir(), "m.tandem")
	runMachineOn(t, rt, func() (*store.DB, error) {
		return store.Open(background, path, store.Options{Versioning: v})
	}, func(m *machine) {
		m.hasWords = true
		m.must(m.db.CreateIndex(background, m.c, store.Index{Name: "words", Expressions: []string{"n"}, Text: &fulltext.Options{}}, nil))
		near := store.Index{Name: "near", Expressions: []string{"[n, 1]"}, Vector: &store.VectorOptions{Dimensions: 2, Metric: "dot"}}
		m.must(m.db.CreateIndex(background, m.c, near, nil))
	})
}

// runMachineOn runs the machine on a database that again opens, after a preparation.
func runMachineOn(t *testing.T, rt *rapid.T, again func() (*store.DB, error), prepare func(*machine)) {
	m := &machine{
		t: rt, again: again,
		peer: revision.SourceFrom([16]byte{1}), clock: 1 << 50, docs: map[string]*modelDoc{},
	}
	m.open()
	defer m.close()
	m.with = remote(t, m.db, "wss://peer/db")
	prepare(m)
	rt.Repeat(map[string]func(*rapid.T){
		"":         m.check,
		"save":     m.save,
		"delete":   m.delete,
		"purge":    m.purge,
		"edited":   m.receiveEdit,
		"conflict": m.receiveConflict,
		"pushed":   m.pushed,
		"resolve":  m.resolve,
		"reopen":   func(*rapid.T) { m.close(); m.open() },
		"swap":     func(*rapid.T) { m.db, m.other = m.other, m.db },
		"compact":  func(*rapid.T) { m.must(m.db.Compact(background)) },
	})
	problems, err := m.db.Check(background)
	if err != nil || len(problems) > 0 {
		rt.Errorf("check: %v, %v", problems, err)
	}
}

func (m *machine) open() {
	var err error
	m.db, err = m.again()
	m.must(err)
	m.other, err = m.again()
	m.must(err)
	m.c, err = m.db.Collection(background, "_default", "_default")
	m.must(err)
}

func (m *machine) close() { m.must(errors.Join(m.db.Close(), m.other.Close())) }

func (m *machine) must(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatal(err)
	}
}

func (m *machine) update(fn func(*store.Tx) error) error { return m.db.Update(background, fn) }

func drawID(t *rapid.T) string { return rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "id") }

func drawBody(t *rapid.T) string { return fmt.Sprintf(`{"n":%d}`, rapid.IntRange(0, 5).Draw(t, "n")) }

// stored notes that d is the new head of id.
func (m *machine) stored(id string, rev revision.Rev, body string, deleted bool) {
	m.last++
	d := m.docs[id]
	if d == nil {
		d = new(modelDoc)
		m.docs[id] = d
	}
	if d.rev.ID != "" && d.rev.ID == d.peerHas {
		d.baseKept = !d.deleted && !deleted
	}
	d.rev, d.body, d.deleted, d.seq = rev, body, deleted, m.last
}

func (m *machine) save(t *rapid.T) {
	id, body := drawID(t), drawBody(t)
	var got *store.Document
	m.must(m.update(func(tx *store.Tx) (err error) {
		got, err = tx.Save(m.c, store.Edit{ID: id, Body: []byte(body)})
		return err
	}))
	m.stored(id, got.Rev, body, false)
}

func (m *machine) delete(t *rapid.T) {
	id := drawID(t)
	var got *store.Document
	err := m.update(func(tx *store.Tx) (err error) {
		got, err = tx.Save(m.c, store.Edit{ID: id, Deleted: true})
		return err
	})
	if d := m.docs[id]; d == nil || d.deleted {
		if !errors.Is(err, fault.NotFound) {
			t.Errorf("delete what is not there: %v", err)
		}
		return
	}
	m.must(err)
	m.stored(id, got.Rev, "{}", true)
}

func (m *machine) purge(t *rapid.T) {
	id := drawID(t)
	err := m.update(func(tx *store.Tx) error { return tx.Purge(m.c, id) })
	if (m.docs[id] == nil) != errors.Is(err, fault.NotFound) {
		t.Errorf("purge: %v", err)
	}
	delete(m.docs, id)
}

// peerEdit returns the peer's revision after parent.
func (m *machine) peerEdit(parent revision.Rev, body string) revision.Rev {
	if m.db.Versioning() == store.RevTrees {
		return revision.EditTree(parent, false, []byte(body+"the peer's"))
	}
	m.clock += 1000
	return revision.EditVersion(parent, m.clock, m.peer)
}

func (m *machine) receive(id string, rev revision.Rev, body string) store.Outcome {
	var got store.Outcome
	m.must(m.update(func(tx *store.Tx) (err error) {
		got, err = tx.Receive(m.c, store.Incoming{ID: id, Rev: rev, Body: []byte(body), Remote: m.with})
		return err
	}))
	return got
}

// receiveEdit pulls the peer's edit of our head, or a new document.
func (m *machine) receiveEdit(t *rapid.T) {
	id, body := drawID(t), drawBody(t)
	var parent revision.Rev
	if d := m.docs[id]; d != nil {
		parent = d.rev
		if d.theirs != nil {
			return // the peer has another revision
		}
	}
	rev := m.peerEdit(parent, body)
	if got := m.receive(id, rev, body); got != store.Stored {
		t.Fatalf("an edit of the head: got %v", got)
	}
	m.stored(id, rev, body, false)
	m.docs[id].peerHas, m.docs[id].peerBody = rev.ID, body
}

// receiveConflict pulls an edit of the peer's revision after ours was edited too.
func (m *machine) receiveConflict(t *rapid.T) {
	id := drawID(t)
	d := m.docs[id]
	if d == nil || d.peerHas == "" || d.peerHas == d.rev.ID || d.theirs != nil || d.deleted {
		return
	}
	body := drawBody(t)
	base := revision.Rev{ID: d.peerHas}
	rev := m.peerEdit(base, body)
	if revision.Compare(d.rev, rev) != revision.Conflict {
		return // by chance the same edit
	}
	if got := m.receive(id, rev, body); got != store.Conflicted {
		t.Fatalf("a conflict: got %v", got)
	}
	d.theirs = &modelDoc{rev: rev, body: body}
	d.peerHas = rev.ID
}

// pushed notes that the peer has accepted our head.
func (m *machine) pushed(t *rapid.T) {
	id := drawID(t)
	d := m.docs[id]
	if d == nil || d.theirs != nil {
		return
	}
	m.must(m.update(func(tx *store.Tx) error { return tx.MarkKnown(m.c, id, m.with, d.rev.ID) }))
	d.peerHas, d.peerBody = d.rev.ID, d.body
}

func (m *machine) resolve(t *rapid.T) {
	id := drawID(t)
	d := m.docs[id]
	if d == nil || d.theirs == nil {
		return
	}
	r := store.Resolution{ID: id, Remote: m.with, Local: d.rev.ID, Theirs: d.theirs.rev.ID}
	r.Winner = store.Winner(rapid.IntRange(0, 2).Draw(t, "winner"))
	r.Body = []byte(drawBody(t))
	want := map[store.Winner]*modelDoc{store.LocalWins: d, store.RemoteWins: d.theirs, store.Merged: {body: string(r.Body)}}[r.Winner]
	body, deleted := want.body, want.deleted
	var got *store.Document
	m.must(m.update(func(tx *store.Tx) (err error) {
		got, err = tx.Resolve(m.c, r)
		return err
	}))
	if !got.Rev.Contains(d.theirs.rev.ID) {
		t.Errorf("the outcome %v does not descend from %v", got.Rev, d.theirs.rev)
	}
	d.peerHas, d.peerBody, d.baseKept = d.theirs.rev.ID, d.theirs.body, !deleted
	d.theirs = nil
	m.stored(id, got.Rev, body, deleted)
}

// check compares the database, through both handles, with the model.
func (m *machine) check(t *rapid.T) {
	for _, db := range []*store.DB{m.db, m.other} {
		m.must(db.View(background, func(tx *store.Tx) error {
			live := uint64(0)
			for id, want := range m.docs {
				m.checkDoc(t, tx, id, want)
				if !want.deleted {
					live++
				}
			}
			n, err := tx.Count(m.c)
			last, err2 := tx.LastSequence(m.c)
			if n != live || last != m.last {
				t.Errorf("got %d documents, last sequence %d, want %d and %d", n, last, live, m.last)
			}
			if m.hasWords {
				err = errors.Join(err, m.checkWords(t, tx))
			}
			return errors.Join(err, err2, m.checkFeed(t, tx))
		}))
	}
}

func (m *machine) checkDoc(t *rapid.T, tx *store.Tx, id string, want *modelDoc) {
	got, err := tx.Document(m.c, id)
	m.must(err)
	if got.Rev.ID != want.rev.ID || !document.Equal(got.Body, []byte(want.body)) || got.Deleted != want.deleted ||
		got.Sequence != want.seq || got.Conflicted != (want.theirs != nil) || got.Known(m.with) != want.peerHas {
		t.Errorf("%s: got %+v, want %+v", id, got, want)
	}
	if want.theirs != nil {
		k, err := tx.ConflictOf(m.c, id)
		m.must(err)
		if k.Remote.Rev.ID != want.theirs.rev.ID || string(k.Remote.Body) != want.theirs.body {
			t.Errorf("%s: got conflict %+v, want %+v", id, k.Remote, want.theirs)
		}
	}
	if want.peerHas != "" && want.theirs == nil && (want.peerHas == want.rev.ID || want.baseKept) {
		base, err := tx.BodyOf(m.c, id, want.peerHas)
		if err != nil || string(base) != want.peerBody {
			t.Errorf("%s: got base %s, %v", id, base, err)
		}
	}
}

// checkWords searches the documents for a word.
func (m *machine) checkWords(t *rapid.T, tx *store.Tx) error {
	const word = "3"
	var want []string
	for id, d := range m.docs {
		if !d.deleted && d.body == `{"n":`+word+`}` {
			want = append(want, id)
		}
	}
	got, err := search(tx, "SELECT META().id FROM _ WHERE MATCH(words, '"+word+"')")
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("search: got %v, want %v", got, want)
	}
	return err
}

func (m *machine) checkFeed(t *rapid.T, tx *store.Tx) error {
	docs, err := tx.Changes(m.c, 0, 100, store.Select{})
	var got, want []string
	for _, d := range docs {
		got = append(got, d.ID)
	}
	for id := range m.docs {
		want = append(want, id)
	}
	slices.SortFunc(want, func(a, b string) int { return cmp.Compare(m.docs[a].seq, m.docs[b].seq) })
	if !slices.Equal(got, want) {
		t.Errorf("feed: got %v, want %v", got, want)
	}
	return err
}
