package store_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/store"
	"github.com/tandemdb/tandem/internal/store/storetest"
)

// standby starts a standby of a server of this test, and opens two nodes that know both.
func standby(t *testing.T, primary *storetest.Postgres) (b *storetest.Postgres, a1, a2 *store.DB) {
	t.Helper()
	b, err := primary.Standby()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Stop)
	url, err := primary.WithOther(b, primary.URL())
	if err != nil {
		t.Fatal(err)
	}
	return b, openNode(t, url, store.Options{}), openNode(t, url, store.Options{})
}

// TestASynchronousStandbyLosesNothing kills the primary in the middle of work, and promotes its synchronous standby: what was
// acknowledged is there, and nothing is there twice.
func TestASynchronousStandbyLosesNothing(t *testing.T) {
	inPostgres(t)
	primary := ownServer(t)
	b, one, two := standby(t, primary)
	run(t, primary.URL(), `ALTER SYSTEM SET synchronous_standby_names = '*'`)
	bySQL[bool](t, primary.URL(), `SELECT pg_reload_conf()`)
	told := []<-chan struct{}{one.Reborn(), two.Reborn()}
	var acknowledged sync.Map
	var done atomic.Int64
	var work sync.WaitGroup
	for w := range 4 {
		db := []*store.DB{one, two}[w%2]
		c := defaults(t, db)
		work.Go(func() {
			for i := 0; done.Load() < 400; i++ {
				id := fmt.Sprintf("%d-%d", w, i)
				var head *store.Document
				err := db.Update(background, func(tx *store.Tx) (err error) {
					head, err = tx.Save(c, store.Edit{ID: id})
					return err
				})
				if err == nil {
					acknowledged.Store(id, head.Sequence)
				} else if !fault.IsTransient(err) && !mayBeTriedAgain(err) {
					t.Errorf("%s: %v", id, err)
				}
				if done.Add(1) == 100 {
					if err := primary.Pause(); err != nil {
						t.Error(err)
					}
					if err := b.Promote(); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	work.Wait()
	wantReborn(t, told...)
	given := make(map[store.Sequence]string)
	c := defaults(t, one)
	n := 0
	acknowledged.Range(func(id, seq any) bool {
		n++
		if d := get(t, two, c, id.(string)); d == nil || d.Sequence != seq {
			t.Errorf("%v was acknowledged with sequence %v, and is %+v", id, seq, d)
		}
		if other, twice := given[seq.(store.Sequence)]; twice {
			t.Errorf("%s and %v have got sequence %v", other, id, seq)
		}
		given[seq.(store.Sequence)] = id.(string)
		return true
	})
	if n < 300 {
		t.Errorf("%d of 400 saves have succeeded", n)
	}
}

// TestAStandbyThatLagsBeginsAnIncarnation promotes a standby that has missed the last commits. The node that is first to write
// has seen fewer of them than others have made since, so only the timeline tells.
func TestAStandbyThatLagsBeginsAnIncarnation(t *testing.T) {
	primary := ownServer(t)
	b, one, two := standby(t, primary)
	c, of := defaults(t, one), defaults(t, two)
	save(t, two, of, "kept", `{}`)
	if lag := bySQL[bool](t, primary.URL(), `SELECT pg_current_wal_lsn() IS NOT NULL`); !lag {
		t.Fatal("the primary is none")
	}
	if err := b.Pause(); err != nil {
		t.Fatal(err)
	}
	var lost []*store.Document
	for i := range 5 {
		lost = append(lost, save(t, one, c, fmt.Sprint("lost ", i), `{}`))
	}
	told := []<-chan struct{}{one.Reborn(), two.Reborn()}
	was := one.Source()
	if err := primary.Pause(); err != nil {
		t.Fatal(err)
	}
	if err := b.Resume(); err != nil {
		t.Fatal(err)
	}
	if err := b.Promote(); err != nil {
		t.Fatal(err)
	}
	for i := range 10 { // more than were lost
		d := save(t, two, of, fmt.Sprint("new ", i), `{}`)
		if d.Sequence <= lost[4].Sequence {
			t.Errorf("sequence %d is given twice", d.Sequence)
		}
	}
	wantReborn(t, told...)
	again := save(t, one, c, "lost 0", `{"n":2}`)
	if one.Source() == was || again.Rev.ID == lost[0].Rev.ID {
		t.Errorf("the node goes on under the source %v of the lost tail", was)
	}
}

// TestACancelledWaitForTheStandbyIsNoCommit cancels the wait of a COMMIT for the synchronous standby: the server then says that it has
// committed, with a warning, and the caller must not be told before the standby has it.
func TestACancelledWaitForTheStandbyIsNoCommit(t *testing.T) {
	primary := ownServer(t)
	b, one, _ := standby(t, primary)
	c := defaults(t, one)
	save(t, one, c, "warm", `{}`)
	run(t, primary.URL(), `ALTER SYSTEM SET synchronous_standby_names = '*'`)
	bySQL[bool](t, primary.URL(), `SELECT pg_reload_conf()`)
	save(t, one, c, "with the standby", `{}`)
	if err := b.Pause(); err != nil {
		t.Fatal(err)
	}
	told := make(chan error, 1)
	go func() {
		told <- one.Update(background, func(tx *store.Tx) error {
			_, err := tx.Save(c, store.Edit{ID: "a"})
			return err
		})
	}()
	waiting := func(query string) {
		t.Helper()
		untilTrue(t, primary.URL(), `SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND query LIKE $1)`, query)
	}
	waiting("COMMIT%")
	bySQL[bool](t, primary.URL(), `SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND query LIKE 'COMMIT%'`)
	waiting("%FOR UPDATE%")
	select {
	case err := <-told:
		t.Errorf("the caller was told %v before the standby had the commit", err)
	default:
	}
	if err := b.Resume(); err != nil {
		t.Fatal(err)
	}
	if err := <-told; err != nil {
		t.Error(err)
	}
}
