package tandem_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"pgregory.net/rapid"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/internal/testsize"
)

// A collection does what a map does, also with batches that fail, and after opening again.
func TestACollectionIsAMap(t *testing.T) {
	dir := t.TempDir()
	testsize.Check(t, func(t *rapid.T) {
		m := newModel(t, dir)
		t.Repeat(map[string]func(*rapid.T){
			"save": func(t *rapid.T) { m.save(t, m) },
			"delete": func(t *rapid.T) {
				id := anID(t)
				m.removed(t, "delete", id, m.c.Delete(m.ctx, tandem.NewDocument(id)))
			},
			"purge": func(t *rapid.T) {
				id := anID(t)
				_, live := m.want[id]
				err := m.c.Purge(m.ctx, id)
				if errors.Is(err, tandem.ErrNotFound) && !live {
					return // no tombstone either
				}
				must(t, err)
				delete(m.want, id)
			},
			"batch": m.batch,
			"":      m.compare,
		})
		m.end(t)
	})
}

type model struct {
	ctx  context.Context
	path string
	db   *tandem.Database
	c    *tandem.Collection
	want map[string]string
}

func newModel(t *rapid.T, dir string) *model {
	path, err := os.MkdirTemp(dir, "model")
	must(t, err)
	m := &model{ctx: context.Background(), path: filepath.Join(path, "x"), want: map[string]string{}}
	t.Cleanup(func() { _ = m.db.Close() }) // where the test has failed before end
	m.open(t, tandem.Options{Versioning: rapid.SampledFrom(versionings).Draw(t, "versioning")})
	return m
}

func (m *model) open(t *rapid.T, o tandem.Options) {
	var err error
	m.db, err = tandem.Open(m.ctx, m.path, o)
	must(t, err)
	m.c, err = m.db.DefaultCollection(m.ctx)
	must(t, err)
}

// end looks again after opening again.
func (m *model) end(t *rapid.T) {
	must(t, m.db.Close())
	m.open(t, tandem.Options{MustExist: true})
	m.compare(t)
	must(t, m.db.Delete())
}

// putter is a collection, or a batch.
type putter interface {
	put(id, body string) error
}

func (m *model) put(id, body string) error {
	d, err := tandem.NewDocumentWithBody(id, []byte(body))
	if err != nil {
		return err
	}
	return m.c.Save(m.ctx, d)
}

type batchPutter struct {
	b *tandem.Batch
	c *tandem.Collection
}

func (p batchPutter) put(id, body string) error {
	d, err := tandem.NewDocumentWithBody(id, []byte(body))
	if err != nil {
		return err
	}
	return p.b.Save(p.c, d)
}

func (m *model) save(t *rapid.T, p putter) {
	id := anID(t)
	body := fmt.Sprintf(`{"n":%d}`, rapid.IntRange(0, 1000).Draw(t, "n"))
	must(t, p.put(id, body))
	m.want[id] = body
}

func (m *model) batch(t *rapid.T) {
	before := maps.Clone(m.want)
	fail := rapid.Bool().Draw(t, "fail")
	broken := errors.New("broken")
	err := m.db.InBatch(m.ctx, func(b *tandem.Batch) error {
		for range rapid.IntRange(1, 5).Draw(t, "edits") {
			m.save(t, batchPutter{b, m.c})
			id := anID(t)
			m.removed(t, "delete", id, b.Delete(m.c, tandem.NewDocument(id)))
		}
		if fail {
			return broken
		}
		return nil
	})
	if fail {
		m.want = before
	}
	if fail != errors.Is(err, broken) {
		t.Fatalf("batch: got error %v", err)
	}
}

func (m *model) removed(t *rapid.T, what, id string, err error) {
	if _, live := m.want[id]; !live {
		if !errors.Is(err, tandem.ErrNotFound) {
			t.Fatalf("%s of missing %s: got %v", what, id, err)
		}
		return
	}
	must(t, err)
	delete(m.want, id)
}

func (m *model) compare(t *rapid.T) {
	got := map[string]string{}
	for d, err := range m.c.All(m.ctx) {
		must(t, err)
		got[d.ID()] = string(d.Body())
	}
	if !maps.Equal(got, m.want) {
		t.Fatalf("All: got %v, want %v", got, m.want)
	}
	n, err := m.c.Count(m.ctx)
	must(t, err)
	if n != uint64(len(m.want)) {
		t.Fatalf("Count: got %d, want %d", n, len(m.want))
	}
	live := 0
	last := uint64(0)
	for change, err := range m.c.ChangesSince(m.ctx, 0) {
		must(t, err)
		if change.Sequence <= last {
			t.Fatalf("sequence %d after %d", change.Sequence, last)
		}
		last = change.Sequence
		if !change.Deleted {
			live++
		}
	}
	if live != len(m.want) {
		t.Fatalf("ChangesSince: got %d live documents, want %d", live, len(m.want))
	}
}

func anID(t *rapid.T) string {
	return rapid.SampledFrom([]string{"a", "b", "c", "ä", "B"}).Draw(t, "id")
}

func must(t *rapid.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
