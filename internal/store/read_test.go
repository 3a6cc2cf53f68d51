package store_test

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tandemdb/tandem/internal/store"
	"github.com/tandemdb/tandem/internal/testsize"
)

// listed is the expected entry of a document in a list.
type listed struct {
	id      string
	seq     store.Sequence
	body    string
	deleted bool
	expiry  time.Time
}

// shelf applies the same operations to a collection and to a map, and compares every way to read.
type shelf struct {
	db   *store.DB
	c    *store.Collection
	now  time.Time
	docs map[string]listed
	last store.Sequence
	used []store.Document // by AppendChanges, again and again
}

// TestListsAgreeWithAMap saves, deletes, purges and expires documents at random.
func TestListsAgreeWithAMap(t *testing.T) {
	testsize.Check(t, func(rt *rapid.T) {
		s := &shelf{docs: map[string]listed{}, now: time.Now().Truncate(time.Millisecond)}
		s.db = open(t, store.Options{Now: func() time.Time { return s.now }})
		s.c = defaults(t, s.db)
		update(t, s.db, func(tx *store.Tx) error { // one transaction, so that the expirer cannot run in between
			for range rapid.IntRange(1, 25).Draw(rt, "steps") {
				if err := s.step(rt, tx); err != nil {
					return err
				}
			}
			s.compare(rt, tx)
			return nil
		})
		sound(t, s.db)
	})
}

func (s *shelf) step(t *rapid.T, tx *store.Tx) error {
	id := fmt.Sprintf("%c", rapid.RuneFrom([]rune("abcdeéZ")).Draw(t, "id"))
	was, exists := s.docs[id]
	switch rapid.SampledFrom([]string{"save", "save", "delete", "purge", "expire"}).Draw(t, "step") {
	case "save":
		body := fmt.Sprintf(`{"n":%d}`, rapid.IntRange(0, 9).Draw(t, "n"))
		d, err := tx.Save(s.c, store.Edit{ID: id, Body: []byte(body)})
		if err != nil {
			return err
		}
		if !exists || was.deleted || s.isExpired(was) {
			was.expiry = time.Time{}
		}
		s.put(t, d, listed{body: body, expiry: was.expiry})
	case "delete":
		if !exists || was.deleted || s.isExpired(was) {
			return nil
		}
		d, err := tx.Save(s.c, store.Edit{ID: id, Deleted: true})
		if err != nil {
			return err
		}
		s.put(t, d, listed{body: "{}", deleted: true})
	case "purge":
		if !exists {
			return nil
		}
		delete(s.docs, id)
		return tx.Purge(s.c, id)
	case "expire":
		if !exists || was.deleted || s.isExpired(was) {
			return nil
		}
		was.expiry = s.now.Add(time.Duration(rapid.IntRange(-1, 1).Draw(t, "hours")) * time.Hour)
		s.docs[id] = was
		return tx.SetExpiry(s.c, id, was.expiry)
	}
	return nil
}

// put notes a new head, which must have the next sequence.
func (s *shelf) put(t *rapid.T, got *store.Document, d listed) {
	s.last++
	d.id, d.seq = got.ID, s.last
	if got.Sequence != d.seq || !got.Expiry.Equal(d.expiry) {
		t.Errorf("%s: got sequence %d, expiry %v, want %d, %v", got.ID, got.Sequence, got.Expiry, d.seq, d.expiry)
	}
	s.docs[got.ID] = d
}

func (s *shelf) isExpired(d listed) bool { return !d.expiry.IsZero() && !d.expiry.After(s.now) }

// wanted returns the documents that are not expired, in an order.
func (s *shelf) wanted(order func(a, b listed) int, keep func(listed) bool) []listed {
	all := slices.SortedFunc(maps.Values(s.docs), order)
	return slices.DeleteFunc(all, func(d listed) bool { return s.isExpired(d) || !keep(d) })
}

func (s *shelf) compare(t *rapid.T, tx *store.Tx) {
	since := store.Sequence(rapid.IntRange(0, 25).Draw(t, "since"))
	r := store.Range{
		From:       rapid.SampledFrom([]string{"", "b", "b\x00", "é", "~"}).Draw(t, "from"),
		Before:     rapid.SampledFrom([]string{"", "Z", "c", "é", "\U0010FFFF"}).Draw(t, "before"),
		Descending: rapid.Bool().Draw(t, "descending"),
	}
	limit := rapid.IntRange(0, 8).Draw(t, "limit")
	bySeq := s.wanted(func(a, b listed) int { return cmp.Compare(a.seq, b.seq) }, func(d listed) bool { return d.seq > since })
	byID := s.wanted(func(a, b listed) int { return cmp.Compare(a.id, b.id) }, func(d listed) bool {
		return d.id >= r.From && (r.Before == "" || d.id < r.Before)
	})
	if r.Descending {
		slices.Reverse(byID)
	}
	for _, sel := range []store.Select{{}, {WithBody: true}, {LiveOnly: true}, {WithBody: true, LiveOnly: true}} {
		changes, err := tx.Changes(s.c, since, limit, sel)
		sameList(t, fmt.Sprintf("%d changes since %d, %+v", limit, since, sel), changes, err, bySeq, limit, sel)
		s.used, err = tx.AppendChanges(s.used[:0], s.c, since, limit, sel)
		changes = nil
		for i := range s.used {
			changes = append(changes, &s.used[i])
		}
		sameList(t, fmt.Sprintf("%d changes appended since %d, %+v", limit, since, sel), changes, err, bySeq, limit, sel)
		scanned, err := tx.Scan(s.c, r, limit, sel)
		inRange := slices.DeleteFunc(slices.Clone(byID), func(d listed) bool { return sel.LiveOnly && d.deleted })
		sameList(t, fmt.Sprintf("%d documents of %+v, %+v", limit, r, sel), scanned, err, inRange, limit, sel)
	}
	s.compareEach(t, tx)
	last, err := tx.LastSequence(s.c)
	if last != s.last || err != nil {
		t.Errorf("the last sequence is %d, %v, want %d", last, err, s.last)
	}
	live := uint64(0)
	for _, d := range s.docs {
		if !d.deleted {
			live++ // expired documents count until they are purged
		}
	}
	if n, err := tx.Count(s.c); n != live || err != nil {
		t.Errorf("got %d documents, %v, want %d", n, err, live)
	}
}

// compareEach reads each document by its ID and by its sequence.
func (s *shelf) compareEach(t *rapid.T, tx *store.Tx) {
	ids, seqs := []string{"none"}, []store.Sequence{s.last + 1}
	for _, id := range slices.Sorted(maps.Keys(s.docs)) {
		ids, seqs = append(ids, id), append(seqs, s.docs[id].seq)
	}
	heads, err := tx.Heads(s.c, ids)
	docs, err2 := tx.BySequence(s.c, seqs)
	bodies, err3 := tx.Bodies(s.c, seqs)
	if err := errors.Join(err, err2, err3); err != nil {
		t.Fatal(err)
	}
	for i, id := range ids {
		want, exists := s.docs[id]
		exists = exists && !s.isExpired(want)
		one, err := tx.Document(s.c, id)
		if exists != (err == nil) || exists != (heads[i] != nil) || exists != (docs[i] != nil) ||
			exists != (bodies[i].Text != nil) {
			t.Errorf("%s: got %v, %v, %v, %s, exists is %t", id, err, heads[i], docs[i], bodies[i].Text, exists)
			continue
		}
		if !exists {
			continue
		}
		if string(bodies[i].Text) != want.body || bodies[i].HasBlobs != docs[i].HasBlobs {
			t.Errorf("%s: got body %+v, want %s", id, bodies[i], want.body)
		}
		for _, d := range []*store.Document{one, docs[i]} {
			if string(d.Body) != want.body || d.Sequence != want.seq || d.Deleted != want.deleted || d.Size != len(want.body) {
				t.Errorf("%s: got %+v, want %+v", id, d, want)
			}
		}
		if h := heads[i]; h.Body != nil || h.Size != len(want.body) || h.Sequence != want.seq || !h.Expiry.Equal(want.expiry) {
			t.Errorf("%s: got head %+v, want %+v", id, h, want)
		}
	}
}

// sameList compares a list with the first of the expected documents.
func sameList(t *rapid.T, what string, got []*store.Document, err error, want []listed, limit int, sel store.Select) {
	t.Helper()
	want = want[:min(limit, len(want))]
	var texts, wanted []string
	for _, d := range got {
		texts = append(texts, fmt.Sprintf("%d %s %t %s", d.Sequence, d.ID, d.Deleted, d.Body))
	}
	for _, d := range want {
		if sel.LiveOnly && d.deleted {
			continue
		}
		if !sel.WithBody {
			d.body = ""
		}
		wanted = append(wanted, fmt.Sprintf("%d %s %t %s", d.seq, d.id, d.deleted, d.body))
	}
	if err != nil || !slices.Equal(texts, wanted) {
		t.Errorf("%s: got %q, %v, want %q", what, texts, err, wanted)
	}
}

// TestStatementsAreNotPlannedAnew reads lists of different lengths: planning a statement takes longer
// than reading a few rows.
func TestStatementsAreNotPlannedAnew(t *testing.T) {
	inFolders(t)
	t.Parallel()
	db := open(t, store.Options{})
	c := defaults(t, db)
	for i := range 5 {
		save(t, db, c, fmt.Sprint("doc-", i), `{}`)
	}
	view(t, db, func(tx *store.Tx) error {
		for limit := range 4 {
			for _, sel := range []store.Select{{}, {WithBody: true}} {
				_, err1 := tx.Changes(c, store.Sequence(limit), limit, sel)
				_, err2 := tx.Scan(c, store.Range{From: "doc-"}, limit, sel)
				_, err3 := tx.Scan(c, store.Range{From: "doc-", Descending: true}, limit, sel)
				_, err4 := tx.BySequence(c, []store.Sequence{1, 2, store.Sequence(limit)})
				_, err7 := tx.Bodies(c, []store.Sequence{1, 2, store.Sequence(limit)})
				_, err5 := tx.Conflicts(c, "doc-", limit)
				_, err6 := tx.Heads(c, []string{fmt.Sprint("doc-", limit), "doc-9"})
				if err := errors.Join(err1, err2, err3, err4, err5, err6, err7); err != nil {
					return err
				}
			}
		}
		if n := tx.Replanned(); n > 0 {
			t.Errorf("statements were planned anew %d times", n)
		}
		return nil
	})
}

// TestHeadsOfMissingDocuments asks for IDs before, between, among and after those of the documents.
func TestHeadsOfMissingDocuments(t *testing.T) {
	t.Parallel()
	db := open(t, store.Options{})
	c := defaults(t, db)
	save(t, db, c, "b", `{}`)
	save(t, db, c, "d", `{}`)
	for _, tt := range []struct{ ids, want string }{
		{"", ""},
		{"a", "-"},
		{"c", "-"},
		{"e", "-"},
		{"e f", "--"},
		{"c c0", "--"},
		{"a c", "--"},
		{"b", "b"},
		{"a b", "-b"},
		{"d e", "d-"},
		{"e d", "-d"},
		{"d c b a", "d-b-"},
		{"e a", "--"},
		{"d d", "dd"},
	} {
		view(t, db, func(tx *store.Tx) error {
			heads, err := tx.Heads(c, strings.Fields(tt.ids))
			got := ""
			for _, h := range heads {
				if h == nil {
					got += "-"
				} else {
					got += h.ID
				}
			}
			if got != tt.want {
				t.Errorf("%q: got %s, want %s", tt.ids, got, tt.want)
			}
			return err
		})
	}
}
