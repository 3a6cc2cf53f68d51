package tandem_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/tandemdb/tandem"
)

var withDocuments = tandem.ChangeOptions{Documents: true}

// told tells an ID with its document in one text: "a {"n":1}", "a deleted" or "a purged".
func told(id string, d *tandem.Document) string {
	switch {
	case d == nil:
		return id + " purged"
	case d.ID() != id:
		return id + " with the document " + d.ID()
	case d.Deleted():
		return id + " deleted"
	default:
		return id + " " + string(d.Body())
	}
}

func TestE24ChangesComeWithTheirDocuments(t *testing.T) {
	coll := newCollection(t)
	save(t, coll, "a", `{"n":1}`)
	save(t, coll, "b", `{"n":1}`)
	save(t, coll, "a", `{"n":2}`)
	check(t, coll.Delete(t.Context(), read(t, coll, "b")))
	feed := coll.ChangesSince(t.Context(), 0, withDocuments)
	for range 2 { // a sequence may be used again
		var all []string
		for change, err := range feed {
			check(t, err)
			d := change.Document
			if change.RevisionID != d.RevisionID() || change.Sequence != d.Sequence() || d.Collection() != coll {
				t.Errorf("%+v has the document %s, sequence %d", change, d.RevisionID(), d.Sequence())
			}
			all = append(all, told(change.ID, d))
		}
		wantIDs(t, "changes", all, `a {"n":2}`, "b deleted")
	}
	for change, err := range coll.ChangesSince(t.Context(), 0, tandem.ChangeOptions{}) {
		if err != nil || change.Document != nil {
			t.Errorf("without the option: got the document %v, %v", change.Document, err)
		}
	}
}

func TestE24ListenersGetTheDocuments(t *testing.T) {
	coll := newCollection(t)
	db := coll.Database()
	calls := make(chan string, 10)
	tell := func(c tandem.CollectionChange) {
		if len(c.Documents) != len(c.DocumentIDs) {
			t.Errorf("%d documents of %d IDs", len(c.Documents), len(c.DocumentIDs))
			return
		}
		for i, id := range c.DocumentIDs {
			calls <- told(id, c.Documents[i])
		}
	}
	_, err := coll.AddChangeListener(t.Context(), tell, withDocuments)
	check(t, err)
	_, err = db.AddChangeListener(t.Context(), tell, withDocuments)
	check(t, err)
	_, err = coll.AddDocumentChangeListener(t.Context(), "a", func(c tandem.DocumentChange) {
		calls <- told(c.DocumentID, c.Document)
	}, withDocuments)
	check(t, err)
	expect := func(want string) {
		t.Helper()
		for range 3 {
			if got := receive(t, "a change", calls); got != want {
				t.Errorf("a listener is told %s, want %s", got, want)
			}
		}
	}
	save(t, coll, "a", `{"n":1}`)
	expect(`a {"n":1}`)
	check(t, coll.Delete(t.Context(), read(t, coll, "a")))
	expect("a deleted")
	check(t, coll.Purge(t.Context(), "a"))
	expect("a purged")
}

// TestE24DocumentsOfChangesAreBounded has a listener that is slower than a batch of large documents.
func TestE24DocumentsOfChangesAreBounded(t *testing.T) {
	coll := newCollection(t)
	const bound = 4 << 20
	calls := make(chan tandem.CollectionChange, 20)
	_, err := coll.AddChangeListener(t.Context(), func(c tandem.CollectionChange) { calls <- c }, withDocuments)
	check(t, err)
	var want []string
	check(t, coll.Database().InBatch(t.Context(), func(b *tandem.Batch) error {
		for i, size := range []int{1 << 20, 3 << 20, 1, 2 << 20, 5 << 20, 1, 1 << 20, 4 << 20} {
			want = append(want, fmt.Sprint("d", i))
			if err := b.Put(coll, want[i], map[string]string{"text": strings.Repeat("x", size)}); err != nil {
				return err
			}
		}
		return nil
	}))
	var got []string
	for len(got) < len(want) {
		c := receive(t, "a call", calls)
		size := 0
		for _, d := range c.Documents {
			size += len(d.Body())
		}
		if size > bound && len(c.Documents) > 1 {
			t.Errorf("a call has %d documents of %d bytes, want %d at most", len(c.Documents), size, bound)
		}
		got = append(got, c.DocumentIDs...)
	}
	wantIDs(t, "the calls", got, want...)
}

// TestE24ADocumentIsTheRevisionThatTheChangeTells while it is changed again and again.
func TestE24ADocumentIsTheRevisionThatTheChangeTells(t *testing.T) {
	coll := newCollection(t)
	var writing sync.WaitGroup
	var failed error
	writing.Go(func() {
		for i := range 300 {
			failed = errors.Join(failed, coll.Put(t.Context(), fmt.Sprint("d", i%3), map[string]int{"n": i}))
		}
	})
	for change, err := range coll.FollowChanges(t.Context(), 0, withDocuments) {
		check(t, err)
		if got := change.Document.RevisionID(); got != change.RevisionID {
			t.Errorf("%s: the change tells of %s, the document is %s", change.ID, change.RevisionID, got)
		}
		if n, _ := change.Document.Value("n"); fmt.Sprint(n) == "299" {
			break
		}
	}
	writing.Wait()
	check(t, failed)
}
