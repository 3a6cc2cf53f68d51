package store_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/store"
	"github.com/tandemdb/tandem/internal/testsize"
)

// TestAMarkWithoutTheLockMovesNoSequence marks a document that another node has written since the batch lost the lock. The
// batch has not given its sequence, so it must stay.
func TestAMarkWithoutTheLockMovesNoSequence(t *testing.T) {
	const peer = store.Remote(1)
	theirs := rev(t, "18a3f2c1d5e10000@AbCdEf0123456789+/abcA", "")
	marks := map[string]func(tx *store.Tx, c *store.Collection, d *store.Document) error{
		"an expiry": func(tx *store.Tx, c *store.Collection, d *store.Document) error {
			return tx.SetExpiry(c, d.ID, tx.Now().Add(time.Hour))
		},
		"a known revision": func(tx *store.Tx, c *store.Collection, d *store.Document) error {
			return tx.MarkKnown(c, d.ID, peer, d.Rev.ID)
		},
		"a revision taken": func(tx *store.Tx, c *store.Collection, d *store.Document) error {
			return tx.MarkTaken(c, d.ID, peer, d.Rev, "")
		},
		"a conflict": func(tx *store.Tx, c *store.Collection, d *store.Document) error {
			o, err := tx.Receive(c, store.Incoming{ID: d.ID, Rev: theirs, Remote: peer, Body: []byte(`{}`)})
			if o != store.Conflicted {
				t.Errorf("the outcome is %v", o)
			}
			return err
		},
	}
	for name, mark := range marks {
		for _, edits := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				dbs, _ := nodes(t, 2, store.Options{})
				a, b := dbs[0], dbs[1]
				a.HoldFor(0, time.Hour)
				c, of := defaults(t, a), defaults(t, b)
				save(t, a, c, "first", `{}`)
				var read, mine *store.Document
				err := a.UpdateOnce(background, func(tx *store.Tx) (err error) {
					d := save(t, b, of, "x", `{}`)
					if edits {
						if mine, err = tx.Save(c, store.Edit{ID: "mine"}); err != nil {
							return err
						}
					}
					if err := mark(tx, c, d); err != nil {
						return err
					}
					read, err = tx.Document(c, "x")
					return err
				})
				if err != nil {
					t.Fatal(err)
				}
				if d := get(t, b, of, "x"); d.Sequence != 2 || read.Sequence != 2 {
					t.Errorf("the marked document has the sequence %d, and %d for the batch, want 2", d.Sequence, read.Sequence)
				}
				if edits && (mine.Sequence != 3 || get(t, b, of, "mine").Sequence != 3) {
					t.Errorf("the batch gave its own document the sequence %d, want 3", mine.Sequence)
				}
				if d := save(t, b, of, "later", `{}`); d.Sequence <= read.Sequence {
					t.Errorf("a later document has the sequence %d", d.Sequence)
				}
			})
		}
	}
}

// TestAListingThatIsCutRunsAgain cuts the connection after the first row of a listing: its function begins anew.
func TestAListingThatIsCutRunsAgain(t *testing.T) {
	url := postgresURL(t)
	r := newRelay(t, url)
	node := openNode(t, through(t, url, r.listener.Addr().String()), store.Options{})
	c := defaults(t, node)
	const values = 1000
	update(t, node, func(tx *store.Tx) (err error) {
		for i := range values {
			err = errors.Join(err, tx.SetInfo("space", fmt.Sprint(i), make([]byte, 10_000)))
		}
		return err
	})
	runs := 0
	err := node.Update(background, func(tx *store.Tx) error {
		runs++
		if runs == 1 {
			r.toNode.Store(20) // of hundreds of messages
		}
		n := 0
		err := tx.Infos("space", func(string, []byte) error { n++; return nil })
		if err == nil && n != values {
			t.Errorf("the listing has %d values", n)
		}
		for i := 0; err != nil && i < 100; i++ { // as one who keeps the errors of many documents
			_, _ = tx.Document(c, fmt.Sprint(i))
		}
		_, err = tx.Save(c, store.Edit{ID: "a"})
		return err
	})
	if err != nil || runs != 2 || get(t, node, c, "a") == nil {
		t.Errorf("after %d runs: %v", runs, err)
	}
}

// TestAReadThatTakesLongLetsOtherNodesWrite has a read under the lock wait until another node has written.
func TestAReadThatTakesLongLetsOtherNodesWrite(t *testing.T) {
	for _, flushed := range []bool{false, true} {
		t.Run(fmt.Sprint("flushed ", flushed), func(t *testing.T) {
			dbs, url := nodes(t, 2, store.Options{})
			a, b := dbs[0], dbs[1]
			a.HoldFor(time.Hour, time.Second)
			c, of := defaults(t, a), defaults(t, b)
			blocker := transaction(t, url, `LOCK TABLE value IN ACCESS EXCLUSIVE MODE`)
			result := make(chan error, 1)
			go func() {
				result <- a.UpdateOnce(background, func(tx *store.Tx) error {
					if _, err := tx.Save(c, store.Edit{ID: "mine"}); err != nil {
						return err
					}
					if flushed {
						if _, err := tx.Changes(c, 0, 9, store.Select{}); err != nil {
							return err
						}
					}
					_, err := tx.Info("space", "key")
					return err
				})
			}()
			untilBlocking(t, url, blocker)
			save(t, b, of, "other", `{}`)
			obey(t, blocker, `COMMIT`)
			if err := <-result; flushed != errors.Is(err, fault.Busy) || flushed != (get(t, b, of, "mine") == nil) {
				t.Errorf("the long transaction ends with %v", err)
			}
		})
	}
}

// TestASilentLinkKeepsNobodyWaiting lets the link die as the node sends the ROLLBACK of a transaction.
func TestASilentLinkKeepsNobodyWaiting(t *testing.T) {
	testsize.Whole(t)
	t.Parallel()
	url := postgresURL(t)
	r := newRelay(t, url)
	node := openOnce(t, through(t, url, r.listener.Addr().String()), store.Options{})
	rollback := "ROLLBACK"
	r.silent.Store(&rollback)
	no := errors.New("no")
	if err := node.Update(background, func(*store.Tx) error { return no }); !errors.Is(err, no) {
		t.Error(err)
	}
	<-r.died
	bySQL[int](t, url, `SELECT count(pg_terminate_backend(pid)) FROM pg_locks WHERE relation = 'hub'::regclass`) // which nobody hears of
	closed := make(chan error, 1)
	go func() { closed <- node.Close() }()
	select {
	case err := <-closed:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(5 * time.Minute):
		t.Fatal("the node waits for the dead link")
	}
}
