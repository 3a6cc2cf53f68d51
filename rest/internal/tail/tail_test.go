package tail_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/internal/testsize"
	"github.com/tandemdb/tandem/rest/internal/tail"
)

// reading is what one reader has seen.
type reading struct {
	last   uint64
	latest map[string]uint64 // the sequence of each document's last event
}

// read follows a source until it has seen the sequence end, with pauses, and comes back after cuts.
func read(t *testing.T, pool *tail.Pool, f *fake, since, end uint64, pause func() time.Duration) *reading {
	got := &reading{last: since, latest: map[string]uint64{}}
	for got.last < end {
		wake := make(chan struct{}, 1)
		r, _, err := pool.Follow(t.Context(), f, false, wake)
		check(t, err)
		r.Seek(got.last)
		for turns := rand.IntN(40); turns >= 0 && got.last < end; turns-- {
			events, err := r.Next(t.Context())
			check(t, err)
			got.take(t, events)
			if len(events) == 0 && got.last < end {
				<-wake
			}
			time.Sleep(pause()) // of the bubble's clock
		}
		r.Close()
	}
	return got
}

func (g *reading) take(t *testing.T, events []*tail.Event) {
	for _, e := range events {
		if e.Sequence <= g.last {
			t.Errorf("change %d comes after %d", e.Sequence, g.last)
		}
		g.last, g.latest[e.ID] = e.Sequence, e.Sequence
	}
}

// Fast, slow and reconnecting readers, from any sequence, get each change once and in order while
// writers change new and old documents.
func TestNothingIsLostOrDoubled(t *testing.T) {
	for name, ids := range map[string]int{"new documents": 1 << 30, "few documents": 300} {
		t.Run(name, func(t *testing.T) {
			testsize.Bubble(t, func(t *testing.T) {
				const end = 12_000
				f := newFake()
				pool, stop := newPool(appendBody)
				defer stop()
				for range 2000 {
					f.save(fmt.Sprint(rand.IntN(ids)))
				}
				var readers sync.WaitGroup
				for i := range 30 {
					since := []uint64{0, 0, 1999, 2000, uint64(rand.IntN(2000))}[i%5]
					slowness := []int{0, 1, 100}[i%3]
					readers.Go(func() {
						got := read(t, pool, f, since, end, func() time.Duration { return time.Duration(rand.IntN(slowness+1)) * time.Millisecond })
						f.want(t, got, since)
					})
				}
				for i := 2000; i < end; i++ {
					f.save(fmt.Sprint(rand.IntN(ids)))
					if i%50 == 0 {
						time.Sleep(time.Millisecond)
					}
				}
				readers.Wait()
			})
		})
	}
}

// want checks that a reading has the latest change of each document.
func (f *fake) want(t *testing.T, got *reading, since uint64) {
	all, _, _ := f.since(since, 1<<30)
	for _, c := range all {
		if got.latest[c.ID] != c.Sequence {
			t.Errorf("since %d: the last change of %s is %d, want %d", since, c.ID, got.latest[c.ID], c.Sequence)
		}
	}
}

func TestAChangeIsEncodedOnceForAll(t *testing.T) {
	testsize.Bubble(t, func(t *testing.T) {
		f, encoded := newFake(), 0
		pool, stop := newPool(func(dst []byte, d *tandem.Document) []byte {
			encoded++
			return appendBody(dst, d)
		})
		defer stop()
		wakes := make([]chan struct{}, 100)
		var first []*tail.Event
		var all []*tail.Reader
		for i := range wakes {
			wakes[i] = make(chan struct{}, 1)
			r, _, err := pool.Follow(t.Context(), f, true, wakes[i])
			check(t, err)
			defer r.Close()
			all = append(all, r)
		}
		f.save("a", []byte(`{"n":1}`)...)
		synctest.Wait()
		for i, r := range all {
			<-wakes[i]
			events, err := r.Next(t.Context())
			check(t, err)
			if len(events) != 1 || i > 0 && events[0] != first[0] {
				t.Fatalf("reader %d got %v, want the event of the first", i, events)
			}
			if i == 0 {
				first = append(first, events...)
			}
		}
		if encoded != 1 || f.pages != 0 {
			t.Errorf("encoded %d times, %d pages read, want 1 and 0", encoded, f.pages)
		}
	})
}

func TestFormsOfAnEvent(t *testing.T) {
	testsize.Bubble(t, func(t *testing.T) {
		f := newFake()
		pool, stop := newPool(appendBody)
		defer stop()
		f.save("a\"\n", []byte(`{"n":1}`)...)
		r, last, err := pool.Follow(t.Context(), f, true, make(chan struct{}, 1))
		check(t, err)
		defer r.Close()
		r.Seek(0)
		events, err := r.Next(t.Context())
		check(t, err)
		if len(events) != 1 || last != 1 || r.At() != 1 {
			t.Fatalf("%d events, last %d, at %d", len(events), last, r.At())
		}
		const text = `{"seq":1,"id":"a\"\n","changes":[{"rev":"1-1"}],"doc":{"n":1}}`
		if got := string(events[0].JSON()); got != text || !json.Valid([]byte(got)) {
			t.Errorf("JSON: got %s, want %s", got, text)
		}
		if got := string(events[0].Line()); got != text+"\n" {
			t.Errorf("line: got %q", got)
		}
		if got := string(events[0].SSE()); got != "id: 1\nevent: change\ndata: "+text+"\n\n" {
			t.Errorf("event: got %q", got)
		}
	})
}

// Many readers are woken a few times for many changes, and at once for a lone one.
func TestChangesThatComeFastShareAWake(t *testing.T) {
	testsize.Bubble(t, func(t *testing.T) {
		f := newFake()
		pool, stop := newPool(appendBody)
		defer stop()
		wake := make(chan struct{}, 1)
		for range 1000 {
			r, _, err := pool.Follow(t.Context(), f, false, wake)
			check(t, err)
			defer r.Close()
		}
		wakes := 0
		for range 1000 { // one a millisecond: a second in all
			f.save("a")
			time.Sleep(time.Millisecond)
			select {
			case <-wake:
				wakes++
			default:
			}
		}
		if wakes < 20 || wakes > 60 {
			t.Errorf("woken %d times in a second, want about 40", wakes)
		}
		time.Sleep(time.Minute)
		for len(wake) > 0 {
			<-wake
		}
		f.save("b")
		synctest.Wait()
		if len(wake) == 0 {
			t.Error("a lone change waits")
		}
	})
}

func TestATailOutlivesItsReadersForAMinute(t *testing.T) {
	testsize.Bubble(t, func(t *testing.T) {
		f := newFake()
		pool, stop := newPool(appendBody)
		defer stop()
		follow := func() *tail.Reader {
			r, _, err := pool.Follow(t.Context(), f, false, make(chan struct{}, 1))
			check(t, err)
			return r
		}
		follow().Close()
		f.save("a")
		time.Sleep(59 * time.Second)
		r := follow()
		r.Seek(0)
		if events, err := r.Next(t.Context()); err != nil || len(events) != 1 || f.pages != 0 {
			t.Errorf("%d events and %d pages, %v, want the event of the ring", len(events), f.pages, err)
		}
		time.Sleep(time.Hour)
		if events, err := r.Next(t.Context()); err != nil || len(events) != 0 {
			t.Errorf("%d events, %v: a tail with a reader has to stay", len(events), err)
		}
		r.Close()
		time.Sleep(61 * time.Second)
		synctest.Wait()
		r = follow()
		defer r.Close()
		r.Seek(0)
		if events, err := r.Next(t.Context()); err != nil || len(events) != 1 || f.pages != 1 {
			t.Errorf("%d events and %d pages, %v, want a page of the source", len(events), f.pages, err)
		}
	})
}

func TestTheEndOfASourceOrPoolReachesReaders(t *testing.T) {
	testsize.Bubble(t, func(t *testing.T) {
		f, gone := newFake(), errors.New("gone")
		pool, stop := newPool(appendBody)
		wake := make(chan struct{}, 1)
		r, _, err := pool.Follow(t.Context(), f, false, wake)
		check(t, err)
		f.fail(gone)
		<-wake
		if _, err := r.Next(t.Context()); !errors.Is(err, gone) {
			t.Errorf("after the source: got %v, want %v", err, gone)
		}
		r.Close()
		f.fail(nil)
		if r, _, err = pool.Follow(t.Context(), f, false, wake); err != nil {
			t.Fatalf("a source that is back: %v", err)
		}
		stop()
		<-wake
		if _, err := r.Next(t.Context()); !errors.Is(err, errEnd) {
			t.Errorf("after the pool: got %v, want %v", err, errEnd)
		}
		r.Close()
		if _, _, err := pool.Follow(t.Context(), f, false, wake); !errors.Is(err, context.Canceled) {
			t.Errorf("a new reader after the pool: got %v", err)
		}
	})
}

func TestNobodyEntersATailThatIsAboutToEnd(t *testing.T) {
	testsize.Bubble(t, func(t *testing.T) {
		f := newFake()
		f.endTakes = time.Minute
		pool, stop := newPool(appendBody)
		defer stop()
		r, _, err := pool.Follow(t.Context(), f, false, make(chan struct{}, 1))
		check(t, err)
		r.Close()
		time.Sleep(90 * time.Second)
		r, _, err = pool.Follow(t.Context(), f, false, make(chan struct{}, 1))
		check(t, err)
		defer r.Close()
		time.Sleep(time.Hour)
		if _, err := r.Next(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// Large documents: a reader that is behind holds little at a time, and so does the ring.
func TestMemoryIsBoundedWithLargeDocuments(t *testing.T) {
	testsize.Bubble(t, func(t *testing.T) {
		const size, n = 100 << 10, 400
		f := newFake()
		body := append(append([]byte(`{"s":"`), bytes.Repeat([]byte{'x'}, size)...), `"}`...)
		pool, stop := newPool(appendBody)
		defer stop()
		r, _, err := pool.Follow(t.Context(), f, true, make(chan struct{}, 1))
		check(t, err)
		defer r.Close()
		for i := range n {
			f.save(fmt.Sprint(i), body...)
		}
		synctest.Wait()
		if pages := f.pages; pages != 0 {
			t.Fatalf("%d pages before reading", pages)
		}
		seen := 0
		for {
			events, err := r.Next(t.Context())
			check(t, err)
			if len(events) == 0 {
				break
			}
			held := 0
			for _, e := range events {
				held += len(e.JSON())
			}
			if held > 5*size {
				t.Errorf("%d bytes come at once", held)
			}
			seen += len(events)
		}
		if seen != n {
			t.Errorf("got %d changes, want %d", seen, n)
		}
		if want := n - (16<<20)/size; f.pages < want/4 {
			t.Errorf("%d pages: the ring has kept more than its bound", f.pages)
		}
	})
}
