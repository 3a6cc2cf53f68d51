package store_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/store"
)

// TestALongBatchLetsOtherNodesWrite has a batch wait for the commit of another node, which needs the lock.
func TestALongBatchLetsOtherNodesWrite(t *testing.T) {
	dbs, _ := nodes(t, 2, store.Options{})
	a, b := dbs[0], dbs[1]
	a.HoldFor(time.Millisecond, time.Hour)
	c, of := defaults(t, a), defaults(t, b)
	save(t, a, c, "old", `{}`)
	var first, second, again *store.Document
	var between store.Sequence
	err := a.UpdateOnce(background, func(tx *store.Tx) (err error) {
		if first, err = tx.Save(c, store.Edit{ID: "first", Body: []byte(`{"n":1}`)}); err != nil {
			return err
		}
		between = save(t, b, of, "between", `{}`).Sequence
		if _, err := tx.Document(c, "old"); err != nil { // without the lock
			return err
		}
		if second, err = tx.Save(c, store.Edit{ID: "old", Body: []byte(`{"n":2}`)}); err != nil {
			return err
		}
		again, err = tx.Document(c, "first")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if between != 2 || first.Sequence != 3 || second.Sequence != 4 || again.Sequence != 3 {
		t.Errorf("the batch has the sequences %d and %d, as read %d, want 3, 4 and 3 after %d", first.Sequence, second.Sequence, again.Sequence, between)
	}
	for _, want := range []*store.Document{first, second} {
		if d := get(t, b, of, want.ID); d.Sequence != want.Sequence || d.Rev.ID != want.Rev.ID {
			t.Errorf("%s is %+v, want %+v", want.ID, d, want)
		}
	}
	view(t, b, func(tx *store.Tx) error {
		n, err := tx.Count(of)
		last, _ := tx.LastSequence(of)
		if n != 3 || last != 4 {
			t.Errorf("%d documents are counted up to sequence %d, want 3 and 4", n, last)
		}
		return err
	})
}

// TestABatchFailsIfWhatItReadHasChanged changes what a batch has read in every way, while it runs without the lock.
func TestABatchFailsIfWhatItReadHasChanged(t *testing.T) {
	read := func(tx *store.Tx, c *store.Collection) error { _, err := tx.Document(c, "a"); return err }
	tests := map[string]struct {
		read   func(tx *store.Tx, c *store.Collection) error
		change func(tx *store.Tx, c *store.Collection) error
		fails  bool
	}{
		"an edit": {read, func(tx *store.Tx, c *store.Collection) error {
			_, err := tx.Save(c, store.Edit{ID: "a", Body: []byte(`{"n":2}`)})
			return err
		}, true},
		"a purge": {read, func(tx *store.Tx, c *store.Collection) error { return tx.Purge(c, "a") }, true},
		"an expiry": {read, func(tx *store.Tx, c *store.Collection) error {
			return tx.SetExpiry(c, "a", tx.Now().Add(time.Hour))
		}, true},
		"a new document": {
			func(tx *store.Tx, c *store.Collection) error { _, err := tx.Heads(c, []string{"x"}); return err },
			func(tx *store.Tx, c *store.Collection) error { _, err := tx.Save(c, store.Edit{ID: "x"}); return err }, true,
		},
		"a listing": {
			func(tx *store.Tx, c *store.Collection) error {
				_, err := tx.Scan(c, store.Range{}, 9, store.Select{})
				return err
			},
			func(tx *store.Tx, c *store.Collection) error { _, err := tx.Save(c, store.Edit{ID: "x"}); return err }, true,
		},
		"a value": {
			func(tx *store.Tx, _ *store.Collection) error { _, err := tx.Info("space", "key"); return err },
			func(tx *store.Tx, _ *store.Collection) error { return tx.SetInfo("space", "key", []byte("v")) }, true,
		},
		"values": {
			func(tx *store.Tx, _ *store.Collection) error {
				return tx.Infos("space", func(string, []byte) error { return nil })
			},
			func(tx *store.Tx, _ *store.Collection) error { return tx.SetInfo("space", "key", []byte("v")) }, true,
		},
		"something else": {read, func(tx *store.Tx, c *store.Collection) error {
			_, err := tx.Save(c, store.Edit{ID: "else"})
			return err
		}, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			dbs, _ := nodes(t, 2, store.Options{})
			a, b := dbs[0], dbs[1]
			a.HoldFor(0, time.Hour)
			c, of := defaults(t, a), defaults(t, b)
			save(t, a, c, "a", `{"n":1}`)
			err := a.UpdateOnce(background, func(tx *store.Tx) error {
				if err := test.read(tx, c); err != nil {
					return err
				}
				update(t, b, func(other *store.Tx) error { return test.change(other, of) })
				_, err := tx.Save(c, store.Edit{ID: "mine"})
				return err
			})
			if failed := errors.Is(err, fault.Busy); failed != test.fails || err != nil && !failed {
				t.Errorf("the batch ends with %v", err)
			}
			if stored := get(t, b, of, "mine") != nil; stored == test.fails {
				t.Errorf("the document of the batch is stored: %v", stored)
			}
			if err != nil && fault.HintOf(err) == "" {
				t.Errorf("%v has no hint", err)
			}
		})
	}
}

// TestABatchThatCannotLetGoIsEnded lets a batch that has changed the engine wait for a commit of another node.
func TestABatchThatCannotLetGoIsEnded(t *testing.T) {
	dbs, _ := nodes(t, 2, store.Options{})
	a, b := dbs[0], dbs[1]
	a.HoldFor(time.Millisecond, 2*time.Millisecond)
	c, of := defaults(t, a), defaults(t, b)
	err := a.UpdateOnce(background, func(tx *store.Tx) error {
		if _, err := tx.Save(c, store.Edit{ID: "mine"}); err != nil {
			return err
		}
		if _, err := tx.Scan(c, store.Range{}, 9, store.Select{}); err != nil { // which has the engine see the change
			return err
		}
		save(t, b, of, "other", `{}`)
		return nil
	})
	if !errors.Is(err, fault.Busy) || get(t, b, of, "mine") != nil {
		t.Errorf("the batch ends with %v", err)
	}
	save(t, a, c, "later", `{}`)
}

// TestOnlyTheCulpritFails has the server refuse one document of many that share commits.
func TestOnlyTheCulpritFails(t *testing.T) {
	const writers = 60
	dbs, url := nodes(t, 1, store.Options{})
	db, c := dbs[0], defaults(t, dbs[0])
	run(t, url, `ALTER TABLE "_default._default" ADD CHECK (id NOT LIKE 'bad%')`)
	before := bySQL[int](t, url, `SELECT commits FROM hub`)
	var work sync.WaitGroup
	for i := range writers {
		work.Go(func() {
			id := fmt.Sprint("good ", i)
			if i%20 == 7 {
				id = fmt.Sprint("bad ", i)
			}
			err := db.Update(background, func(tx *store.Tx) error {
				_, err := tx.Save(c, store.Edit{ID: id})
				return err
			})
			if (err != nil) != strings.HasPrefix(id, "bad") {
				t.Errorf("%s: %v", id, err)
			}
		})
	}
	work.Wait()
	if n := bySQL[int](t, url, `SELECT commits FROM hub`) - before; n >= writers-3 {
		t.Errorf("%d documents came in %d commits: they were not grouped", writers-3, n)
	}
	view(t, db, func(tx *store.Tx) error {
		n, err := tx.Count(c)
		last, _ := tx.LastSequence(c)
		if n != writers-3 || last != writers-3 {
			t.Errorf("%d documents are counted up to sequence %d, want %d", n, last, writers-3)
		}
		return err
	})
}

// TestAnUpdateRunsAgainAfterALossOfTheConnection cuts the connection after the engine has changes that end with it.
func TestAnUpdateRunsAgainAfterALossOfTheConnection(t *testing.T) {
	url := postgresURL(t)
	r := newRelay(t, url)
	node := openNode(t, through(t, url, r.listener.Addr().String()), store.Options{})
	c := defaults(t, node)
	runs := 0
	err := node.Update(background, func(tx *store.Tx) error {
		runs++
		if _, err := tx.Save(c, store.Edit{ID: "a"}); err != nil {
			return err
		}
		if runs == 1 {
			if _, err := tx.Changes(c, 0, 9, store.Select{}); err != nil {
				return err
			}
			r.cutAll()
		}
		_, err := tx.Changes(c, 0, 9, store.Select{})
		return err
	})
	if d := get(t, node, c, "a"); err != nil || runs != 2 || d == nil || d.Sequence != 1 {
		t.Errorf("after %d runs the document is %+v, %v", runs, d, err)
	}
	ctx, cancel := context.WithCancel(background)
	err = node.Update(ctx, func(tx *store.Tx) error {
		r.cutAll()
		cancel()
		_, err := tx.Document(c, "a")
		return err
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("an update whose caller has left ends with %v", err)
	}
}
