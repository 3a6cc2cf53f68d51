package store_test

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"pgregory.net/rapid"

	"github.com/tandemdb/tandem/internal/store"
	"github.com/tandemdb/tandem/internal/store/storetest"
	"github.com/tandemdb/tandem/internal/testsize"
)

// TestACommitWakesThoseWhomItConcerns subscribes to several collections each, and to everything.
func TestACommitWakesThoseWhomItConcerns(t *testing.T) {
	db := open(t, store.Options{})
	c := defaults(t, db)
	shop, err := db.CreateCollection(background, "shop", "items")
	if err != nil {
		t.Fatal(err)
	}
	peer := remote(t, db, "wss://peer/db")
	subs := map[string]*store.Subscription{
		"default": db.Subscribe(c), "shop": db.Subscribe(shop), "both": db.Subscribe(c, shop), "all": db.Subscribe(),
	}
	for _, sub := range subs {
		defer sub.Close()
	}
	for _, step := range []struct {
		name string
		do   func(tx *store.Tx) error
		want []string
	}{
		{"nothing", func(*store.Tx) error { return nil }, nil},
		{"save", func(tx *store.Tx) error { _, err := tx.Save(c, store.Edit{ID: "a"}); return err }, []string{"all", "both", "default"}},
		{"save elsewhere", func(tx *store.Tx) error { _, err := tx.Save(shop, store.Edit{ID: "a"}); return err }, []string{"all", "both", "shop"}},
		{"mark", func(tx *store.Tx) error {
			d, err := tx.Head(c, "a")
			if err != nil {
				return err
			}
			return tx.MarkKnown(c, "a", peer, d.Rev.ID)
		}, []string{"all"}},
		{"checkpoint", func(tx *store.Tx) error { return tx.SetLocalCheckpoint("cp", []byte("{}")) }, []string{"all"}},
		{"purge", func(tx *store.Tx) error { return tx.Purge(shop, "a") }, []string{"all", "both", "shop"}},
	} {
		update(t, db, step.do)
		if got := woken(subs); !slices.Equal(got, step.want) {
			t.Errorf("%s: woke %v, want %v", step.name, got, step.want)
		}
	}
	if got := subs["default"].Purged(); len(got) != 0 {
		t.Errorf("the default collection's subscriber hears of purges %v", got)
	}
	if got := subs["shop"].Purged(); len(got) != 1 || got[0].ID != "a" {
		t.Errorf("the shop's subscriber hears of purges %v", got)
	}
	if err := db.DeleteCollection(background, "shop", "items"); err != nil {
		t.Fatal(err)
	}
	if got := woken(subs); !slices.Equal(got, []string{"all", "both", "shop"}) {
		t.Errorf("deletion: woke %v", got)
	}
}

// woken takes all pending signals and returns the names of their subscriptions.
func woken(subs map[string]*store.Subscription) (names []string) {
	for name, sub := range subs {
		select {
		case <-sub.C:
			names = append(names, name)
		default:
		}
	}
	slices.Sort(names)
	return names
}

// TestASubscriberMissesNoChange reads the changes whenever it is woken, as feeds do.
func TestASubscriberMissesNoChange(t *testing.T) {
	testsize.Check(t, func(rt *rapid.T) {
		db := open(t, store.Options{})
		c := defaults(t, db)
		shop, err := db.CreateCollection(background, "shop", "items")
		if err != nil {
			rt.Fatal(err)
		}
		sub := db.Subscribe(c)
		defer sub.Close()
		var seen store.Sequence
		for range rapid.IntRange(1, 30).Draw(rt, "commits") {
			on := rapid.SampledFrom([]*store.Collection{c, shop}).Draw(rt, "collection")
			save(t, db, on, rapid.SampledFrom([]string{"a", "b"}).Draw(rt, "id"), `{}`)
			select {
			case <-sub.C:
			default:
				if on == c {
					rt.Fatal("a change wakes nobody")
				}
			}
			view(t, db, func(tx *store.Tx) error {
				docs, err := tx.Changes(c, seen, 10, store.Select{})
				if on == c && len(docs) != 1 {
					rt.Errorf("got %d changes after sequence %d, want 1", len(docs), seen)
				}
				for _, d := range docs {
					seen = d.Sequence
				}
				return err
			})
		}
	})
}

// TestASettingHidesNoChange puts a change and a new setting into the same commit.
func TestASettingHidesNoChange(t *testing.T) {
	t.Parallel()
	testsize.Bubble(t, func(t *testing.T) {
		disk := storetest.NewDisk()
		defer disk.Close()
		db := open(t, store.Options{Disk: disk})
		c := defaults(t, db)
		save(t, db, c, "first", `{}`) // from here on the writer suspects no commit of others
		sub := db.Subscribe(c)
		defer sub.Close()
		gate := make(chan struct{})
		var all sync.WaitGroup
		all.Go(func() {
			update(t, db, func(*store.Tx) error { <-gate; return nil })
		})
		synctest.Wait()
		all.Go(func() { save(t, db, c, "a", `{}`) })
		all.Go(func() {
			if err := db.KeepBases(background, true); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait() // both wait for the writer
		close(gate)
		all.Wait()
		select {
		case <-sub.C:
		default:
			t.Error("the change wakes nobody")
		}
	})
}
