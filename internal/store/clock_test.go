package store_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/store"
	"github.com/tandemdb/tandem/internal/testsize"
)

// wallClock is a clock that a test sets.
type wallClock struct{ at atomic.Int64 }

func newWallClock() *wallClock {
	w := new(wallClock)
	w.set(time.Now().Truncate(time.Second).Add(time.Millisecond)) // some low bits, which versions leave out, are set
	return w
}

func (w *wallClock) set(t time.Time)      { w.at.Store(t.UnixNano()) }
func (w *wallClock) add(d time.Duration)  { w.at.Add(int64(d)) }
func (w *wallClock) now() time.Time       { return time.Unix(0, w.at.Load()) }
func (w *wallClock) stamp() revision.Time { return revision.Time(w.at.Load()) }

const years = 365 * 24 * time.Hour

// TestAClockThatWasAheadIsForgotten runs a database with a clock in the future for a while.
func TestAClockThatWasAheadIsForgotten(t *testing.T) {
	wall := newWallClock()
	db := open(t, store.Options{Now: wall.now})
	c := defaults(t, db)
	shop, err := db.CreateCollection(background, "shop", "items")
	if err != nil {
		t.Fatal(err)
	}
	save(t, db, c, "before", `{}`)
	wall.add(5 * years)
	ahead := save(t, db, c, "ahead", `{}`)
	purged := save(t, db, c, "purged", `{}`)
	dropped := save(t, db, shop, "dropped", `{}`)
	update(t, db, func(tx *store.Tx) error { return tx.Purge(c, "purged") })
	if err := db.DeleteCollection(background, "shop", "items"); err != nil {
		t.Fatal(err)
	}
	wall.add(-5 * years)
	for range 2 { // the second time after reopening
		for _, id := range []string{"before", "new"} {
			if got := save(t, db, c, id, `{}`).Rev.ID.Time(); got > wall.stamp() {
				t.Errorf("%s: got a version of %v, want the wall clock's", id, got)
			}
		}
		wall.add(time.Second)
		path := db.Path()
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		db = openAt(t, path, store.Options{Now: wall.now})
	}
	if got := save(t, db, c, "ahead", `{"n":2}`); revision.Compare(got.Rev, ahead.Rev) != revision.Newer {
		t.Errorf("a document of the future: got %v after %v", got.Rev, ahead.Rev)
	}
	if got := save(t, db, c, "purged", `{}`).Rev.ID.Time(); got <= purged.Rev.ID.Time() {
		t.Errorf("a purged document: got time %v, had %v", got, purged.Rev.ID.Time())
	}
	if shop, err = db.CreateCollection(background, "shop", "items"); err != nil {
		t.Fatal(err)
	}
	if got := save(t, db, shop, "dropped", `{}`).Rev.ID.Time(); got <= dropped.Rev.ID.Time() {
		t.Errorf("a document of a deleted collection: got time %v, had %v", got, dropped.Rev.ID.Time())
	}
	if got := save(t, db, c, "last", `{}`).Rev.ID.Time(); got > wall.stamp() {
		t.Errorf("the clock has followed documents of the future: got %v", got)
	}
}

// TestAClockThatWasAheadIsToldOnce reads the log.
func TestAClockThatWasAheadIsToldOnce(t *testing.T) {
	wall := newWallClock()
	var log bytes.Buffer
	o := store.Options{Now: wall.now, Logger: slog.New(slog.NewTextHandler(&log, nil))}
	path := filepath.Join(t.TempDir(), "a.tandem")
	for i, jump := range []time.Duration{5 * years, -5 * years, time.Second, time.Hour, time.Minute} {
		wall.add(jump)
		db := openAt(t, path, o)
		for range 3 {
			save(t, db, defaults(t, db), fmt.Sprint("doc-", i), `{}`)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	text := log.String()
	if n := strings.Count(text, "level=WARN"); n != 1 || !strings.Contains(text, "by=43799h59m59s") && !strings.Contains(text, "by=43800h0m0s") {
		t.Errorf("got %d warnings, want 1 of 43800 hours:\n%s", n, text)
	}
	for _, want := range []string{path, "hint=", "set the clock"} {
		if !strings.Contains(text, want) {
			t.Errorf("the log lacks %q:\n%s", want, text)
		}
	}
}

// TestAClockThatIsPutBackALittleGoesOn checks that edits stay in order when the clock is adjusted.
func TestAClockThatIsPutBackALittleGoesOn(t *testing.T) {
	wall := newWallClock()
	db := open(t, store.Options{Now: wall.now})
	c := defaults(t, db)
	var last revision.Time
	for i := range 20 {
		got := save(t, db, c, fmt.Sprint("doc-", i), `{}`).Rev.ID.Time()
		if got <= last {
			t.Errorf("edit %d: got %v after %v", i, got, last)
		}
		last = got
		wall.add(-time.Second)
	}
}

// TestAnEditOfTheFutureSurvivesAPowerCut checks the sync of such edits: otherwise their time would
// be given again.
func TestAnEditOfTheFutureSurvivesAPowerCut(t *testing.T) {
	for seed := range uint64(testsize.Pick(4, 20)) {
		wall := newWallClock()
		d := newDisk(t)
		db := open(t, store.Options{Now: wall.now, Disk: d})
		c := defaults(t, db)
		wall.add(5 * years)
		save(t, db, c, "a", `{}`)
		wall.add(-5 * years)
		want := save(t, db, c, "a", `{"n":2}`)
		after := openAt(t, powerCut(t, d, db, seed), store.Options{})
		if got := get(t, after, defaults(t, after), "a"); got == nil || got.Rev.ID != want.Rev.ID {
			t.Errorf("seed %d: got %+v, want revision %s", seed, got, want.Rev.ID)
		}
	}
}

// TestPurgedTimesAreBounded purges more future documents than the store remembers by ID.
func TestPurgedTimesAreBounded(t *testing.T) {
	testsize.Whole(t)
	wall := newWallClock()
	db := open(t, store.Options{Now: wall.now})
	c := defaults(t, db)
	wall.add(5 * years)
	const n = 25_000
	var first, last revision.Time
	update(t, db, func(tx *store.Tx) error {
		for i := range n {
			id := fmt.Sprint("doc-", i)
			d, err := tx.Save(c, store.Edit{ID: id})
			if err != nil {
				return err
			}
			if last = d.Rev.ID.Time(); i == 0 {
				first = last
			}
			if err := tx.Purge(c, id); err != nil {
				return err
			}
		}
		return nil
	})
	wall.add(-5 * years)
	kept := 0
	view(t, db, func(tx *store.Tx) error {
		return tx.Infos("purged "+c.FullName(), func(string, []byte) error { kept++; return nil })
	})
	if kept > 11_000 {
		t.Errorf("%d times are kept", kept)
	}
	if got := save(t, db, c, "doc-0", `{}`).Rev.ID.Time(); got <= first {
		t.Errorf("the first one anew: got %v, had %v", got, first)
	}
	if got := save(t, db, c, fmt.Sprint("doc-", n-1), `{}`).Rev.ID.Time(); got <= last {
		t.Errorf("the last one anew: got %v, had %v", got, last)
	}
}

// TestNoVersionIsGivenTwice lets clocks jump at random, and documents come and go.
func TestNoVersionIsGivenTwice(t *testing.T) {
	testsize.Check(t, func(rt *rapid.T) {
		wall := newWallClock()
		path := filepath.Join(t.TempDir(), "a.tandem")
		o := store.Options{Now: wall.now, Logger: slog.New(slog.DiscardHandler)}
		db := openAt(t, path, o)
		c := defaults(t, db)
		greatest := map[string]revision.Time{}
		id := func(rt *rapid.T) string { return rapid.SampledFrom([]string{"a", "b", "c"}).Draw(rt, "id") }
		rt.Repeat(map[string]func(*rapid.T){
			"jump": func(rt *rapid.T) {
				jump := rapid.SampledFrom([]time.Duration{time.Microsecond, time.Second, time.Hour, years}).Draw(rt, "jump")
				if rapid.Bool().Draw(rt, "back") && wall.now().Add(-jump).Year() > 1980 {
					jump = -jump
				}
				if wall.now().Add(jump).Year() < 2200 {
					wall.add(jump)
				}
			},
			"save": func(rt *rapid.T) {
				id := id(rt)
				got := save(t, db, c, id, `{}`).Rev.ID.Time()
				if got <= greatest[id] {
					rt.Errorf("%s: got %v, had %v", id, got, greatest[id])
				}
				if limit := max(wall.stamp()+revision.Time(revision.MaxAhead), greatest[id]); got > limit+1<<16 {
					rt.Errorf("%s: got %v, want at most %v", id, got, limit)
				}
				greatest[id] = got
			},
			"purge": func(rt *rapid.T) {
				id := id(rt)
				_ = db.Update(background, func(tx *store.Tx) error { return tx.Purge(c, id) }) // the document may not exist
			},
			"reopen": func(*rapid.T) {
				if err := db.Close(); err != nil {
					rt.Fatal(err)
				}
				db = openAt(t, path, o)
			},
		})
	})
}
