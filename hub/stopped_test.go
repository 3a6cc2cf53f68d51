package hub_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/internal/store/storetest"
	"github.com/tandemdb/tandem/internal/testsize"
)

// TestTheServerStopsUnderLoad stops the server in the middle of work, in a full run for longer than a lease lasts, and starts it
// again. The nodes stay up, callers get plain errors at most, what was acknowledged is there, and all agree.
func TestTheServerStopsUnderLoad(t *testing.T) {
	server := storetest.StartPostgres(t)
	if server.Runs() {
		t.Skip("the server of TANDEM_POSTGRES is not this test's to stop")
	}
	at := server.URL()
	first, one := node(t, at)
	second, two := node(t, at)
	devices := []member{device(t, one), device(t, two)}
	var (
		work    sync.WaitGroup
		mu      sync.Mutex // guards saved and refused
		saved   []string
		refused []error
		over    = make(chan struct{})
	)
	for n, m := range []member{first, second} {
		work.Go(func() {
			for i := 0; !isDone(over); i++ {
				id := fmt.Sprintf("node %d-%d", n, i)
				err := m.coll.Put(context.Background(), id, map[string]int{"n": i})
				mu.Lock()
				if err == nil {
					saved = append(saved, id)
				} else {
					refused = append(refused, err)
				}
				mu.Unlock()
			}
		})
	}
	for n, m := range devices {
		work.Go(func() {
			pace := time.NewTicker(5 * time.Millisecond)
			defer pace.Stop()
			for i := 0; !isDone(over); i++ {
				m.save(t, fmt.Sprintf("device %d-%d", n, i%50), i)
				<-pace.C
			}
		})
	}
	enough := func(n int) bool {
		return testsize.Eventually(2*time.Minute, func() bool { mu.Lock(); defer mu.Unlock(); return len(saved) >= n })
	}
	if !enough(50) {
		t.Fatal("the nodes store nothing")
	}
	check(t, server.Pause())
	<-time.After(testsize.Pick(time.Second, time.Minute)) // the length of the stop is what this is about
	check(t, server.Resume())
	mu.Lock()
	then := len(saved)
	mu.Unlock()
	if !enough(then + 50) {
		t.Fatalf("the nodes do not go on; they refused %d times, at last %v", len(refused), refused[len(refused)-1])
	}
	close(over)
	work.Wait()
	for _, err := range refused {
		if tandem.HintOf(err) == "" {
			t.Errorf("a save was refused without a hint: %v", err)
		}
	}
	there := agreeAll(t, first, second, devices[0], devices[1])
	for _, id := range saved {
		if there[id] == "" {
			t.Errorf("%s was stored, and is lost", id)
		}
	}
	s, _ := first.db.NodeStatistics()
	if s.Incarnation != 1 {
		t.Errorf("the server has lost nothing, and the database is in incarnation %d", s.Incarnation)
	}
}

func isDone(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}

// agreeAll waits until members have the same documents, and returns their revisions.
func agreeAll(t testing.TB, all ...member) map[string]string {
	t.Helper()
	var n int
	if !testsize.Eventually(2*time.Minute, func() bool {
		n = len(all[0].contents(t))
		for _, m := range all[1:] {
			if len(m.contents(t)) != n {
				return false
			}
		}
		return true
	}) {
		t.Fatal("the members do not get the same documents")
	}
	agree(t, n, all...)
	return all[0].contents(t)
}
