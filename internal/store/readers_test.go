package store_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/tandemdb/tandem/internal/store"
)

// TestAViewWithinAViewNeedsNoOtherToEnd has more views begin another than there are connections.
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
				held.Wait() // all of them hold a connection
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

// TestAViewThatGivesUpWaitingTakesNobodysTurn cancels some of those that queue.
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

// TestAPanicInAViewGivesItsTurnOn breaks more connections than there are.
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
