package store_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tandemdb/tandem/internal/store"
	"github.com/tandemdb/tandem/internal/store/storetest"
	"github.com/tandemdb/tandem/internal/testsize"
)

// TestAViewWithinAViewNeedsNoOtherToEnd runs more nested views than there are connections.
func TestAViewWithinAViewNeedsNoOtherToEnd(t *testing.T) {
	t.Parallel()
	const views = 40
	db := open(t, store.Options{})
	c := defaults(t, db)
	save(t, db, c, "a", `{}`)
	var held, all sync.WaitGroup
	held.Add(views)
	for range views {
		all.Go(func() {
			err := db.View(background, func(*store.Tx) error {
				held.Done()
				held.Wait() // all outer views hold a connection
				return db.View(background, func(tx *store.Tx) error {
					_, err := tx.Document(c, "a")
					return err
				})
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

// TestAViewThatGivesUpWaitingTakesNobodysTurn cancels some of the queued views.
func TestAViewThatGivesUpWaitingTakesNobodysTurn(t *testing.T) {
	t.Parallel()
	db := open(t, store.Options{})
	c := defaults(t, db)
	save(t, db, c, "a", `{}`)
	ctx, cancel := context.WithCancel(background)
	defer cancel()
	var all sync.WaitGroup
	var read atomic.Int64
	for i := range 200 {
		all.Go(func() {
			with := background
			if i%2 == 0 {
				with = ctx
			}
			err := db.View(with, func(tx *store.Tx) error {
				if i == 50 {
					cancel()
				}
				_, err := tx.Document(c, "a")
				return err
			})
			if err == nil {
				read.Add(1)
			} else if i%2 != 0 || !errors.Is(err, context.Canceled) {
				t.Errorf("view %d: %v", i, err)
			}
		})
	}
	all.Wait()
	if read.Load() < 100 {
		t.Errorf("only %d views have read, of 100 that nobody cancels", read.Load())
	}
}

// TestAPanicInAViewGivesItsTurnOn breaks more connections than the pool has.
func TestAPanicInAViewGivesItsTurnOn(t *testing.T) {
	t.Parallel()
	db := open(t, store.Options{})
	c := defaults(t, db)
	save(t, db, c, "a", `{}`)
	var all sync.WaitGroup
	for i := range 60 {
		all.Go(func() {
			err := db.View(background, func(tx *store.Tx) error {
				if i%3 == 0 {
					panic("oops")
				}
				_, err := tx.Document(c, "a")
				return err
			})
			if (err != nil) != (i%3 == 0) {
				t.Errorf("view %d: %v", i, err)
			}
		})
	}
	all.Wait()
}

// TestSlowViewsHaveOneMoreConnectionOpened holds all connections for a moment while many views
// wait. Without the limit each of these would open a connection, which costs more than its reading
// if there are many collections.
func TestSlowViewsHaveOneMoreConnectionOpened(t *testing.T) {
	t.Parallel()
	testsize.Bubble(t, func(t *testing.T) {
		disk := storetest.NewDisk()
		defer disk.Close()
		db := open(t, store.Options{Disk: disk})
		few := max(4, runtime.GOMAXPROCS(0))
		var all sync.WaitGroup
		for range few {
			all.Go(func() {
				err := db.View(background, func(*store.Tx) error {
					time.Sleep(10 * time.Millisecond) // in the bubble's time
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		var mu sync.Mutex
		most := 0
		for range 200 {
			all.Go(func() {
				err := db.View(background, func(*store.Tx) error {
					time.Sleep(time.Millisecond)
					mu.Lock()
					defer mu.Unlock()
					most = max(most, db.OpenReaders())
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if most > few+1 {
			t.Errorf("%d connections were open at once, want %d and one more", most, few)
		}
	})
}

func TestReadersForgetDeletedCollections(t *testing.T) {
	inFolders(t)
	t.Parallel()
	db := open(t, store.Options{})
	read := func(c *store.Collection) (prepared int) {
		view(t, db, func(tx *store.Tx) error {
			_, err := tx.Changes(c, 0, 10, store.Select{})
			prepared = store.PreparedFor(tx)
			return err
		})
		return prepared
	}
	for i := range 60 {
		name := fmt.Sprint("c", i)
		c, err := db.CreateCollection(background, "of", name)
		if err != nil {
			t.Fatal(err)
		}
		if n := read(c); n > 16 {
			t.Fatalf("after %d deleted collections a reader has statements for %d, want at most 16", i, n)
		}
		if err := db.DeleteCollection(background, "of", name); err != nil {
			t.Fatal(err)
		}
	}
	kept := make([]*store.Collection, 40)
	for i := range kept {
		var err error
		if kept[i], err = db.CreateCollection(background, "of", fmt.Sprint("k", i)); err != nil {
			t.Fatal(err)
		}
		read(kept[i])
	}
	if n := read(kept[0]); n < len(kept) {
		t.Errorf("a reader has statements for %d of %d collections, want them kept", n, len(kept))
	}
}
