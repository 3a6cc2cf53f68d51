package soak_test

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/internal/testsize"
)

//nolint:gochecknoglobals // flags of the test binary
var (
	soakMinutes = flag.Float64("soak.minutes", 0, "how long to work; 0 for a short form")
	soakClients = flag.Int("soak.clients", 0, "how many clients; 0 for 50, or a few in the short form")
	soakOut     = flag.String("soak.out", "", "the folder for soak.csv and soak.png")
	soakSeed    = flag.Uint64("soak.seed", 1, "what happens")
)

// TestSoak has clients edit, pull and push while connections are cut and both sides restart. All
// end up with the same, and neither memory nor goroutines nor files grow without bound.
func TestSoak(t *testing.T) {
	length, clients := testsize.Pick(3*time.Second, 10*time.Second), testsize.Pick(6, 12)
	if *soakMinutes > 0 {
		length, clients = time.Duration(*soakMinutes*float64(time.Minute)), 50
	}
	if *soakClients > 0 {
		clients = *soakClients
	}
	s := newSoak(t, clients)
	s.run(length)
	s.settle()
	samples := s.sampler.stop()
	s.close()
	report(t, samples)
	t.Logf("%d clients for %v: %v; in the end %v", clients, length, s.done, samples[len(samples)-1])
	checkGrowth(t, samples)
}

// soak is one listener behind a network, and its clients.
type soak struct {
	t       *testing.T
	network *network
	server  *host
	port    uint16
	served  *tandem.URLEndpointListener
	clients []*client
	sampler *sampler

	mu   sync.Mutex // guards the following
	done tally
}

// tally counts what was done.
type tally struct{ edits, cuts, listenerRestarts, clientRestarts, stops int }

func (t tally) String() string {
	return fmt.Sprintf("%d edits, %d times all connections cut, %d restarts of the listener, %d of clients, %d stops",
		t.edits, t.cuts, t.listenerRestarts, t.clientRestarts, t.stops)
}

func (s *soak) count(add func(*tally)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	add(&s.done)
}

func newSoak(t *testing.T, clients int) *soak {
	s := &soak{t: t}
	s.server = newHost(t, "server")
	s.listen()
	s.network = newNetwork(t, fmt.Sprintf("127.0.0.1:%d", s.port))
	for i := range clients {
		s.clients = append(s.clients, newClient(s, i))
	}
	s.sampler = newSampler(t, s.server, s.clients[0].host)
	return s
}

// listen starts a listener, at the port of the one before.
func (s *soak) listen() {
	listener, err := tandem.NewURLEndpointListener(tandem.URLEndpointListenerConfiguration{
		Collections: []*tandem.Collection{s.server.coll}, Port: s.port, NetworkInterface: "127.0.0.1",
		IdentityStore: tandem.MemoryIdentityStore(), EnableDeltaSync: true,
	})
	if err == nil {
		err = listener.Start()
	}
	if err != nil {
		s.t.Fatal(err)
	}
	s.served, s.port = listener, listener.Port()
}

// run lets all work until the time is over.
func (s *soak) run(length time.Duration) {
	ctx, cancel := context.WithTimeout(s.t.Context(), length)
	defer cancel()
	var work sync.WaitGroup
	defer work.Wait()
	for i, c := range s.clients {
		work.Go(func() { c.work(ctx, uint64(i)) }) //nolint:gosec // positive
	}
	random := rand.New(rand.NewPCG(*soakSeed, 1)) //nolint:gosec // reproducible on purpose
	pause := min(20*time.Second, length/8)
	each(ctx, func() time.Duration { return pause/2 + rand.N(pause) }, func() {
		switch random.IntN(3) {
		case 0:
			s.served.Stop()
			s.listen()
			s.count(func(t *tally) { t.listenerRestarts++ })
		default:
			s.network.cut()
			s.count(func(t *tally) { t.cuts++ })
		}
	})
}

// each does something again and again, after a pause each time, until ctx ends.
func each(ctx context.Context, pause func() time.Duration, do func()) {
	timer := time.NewTimer(pause())
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
			do()
			timer.Reset(pause())
		}
	}
}

// settle waits until all have the same at once: one that has it may be given more by another.
func (s *soak) settle() {
	ctx, cancel := context.WithTimeout(s.t.Context(), 5*testsize.Patience)
	defer cancel()
	settled := false
	each(ctx, func() time.Duration { return 20 * time.Millisecond }, func() {
		if settled = s.differing() == nil; settled {
			cancel()
		}
	})
	if !settled {
		c := s.differing()
		if c == nil {
			return
		}
		s.t.Errorf("%s has not the same as the listener: %+v", c.name, c.replicator.Status())
	}
}

// differing returns a client that has not the same as the listener, nil if all have.
func (s *soak) differing() *client {
	want := s.server.revisions(s.t)
	for _, c := range s.clients {
		if !maps.Equal(c.revisions(s.t), want) {
			return c
		}
	}
	return nil
}

func (s *soak) close() {
	for _, c := range s.clients {
		c.close()
	}
	s.served.Stop()
	s.server.close()
	s.network.close()
}

func report(t *testing.T, samples []sample) {
	if *soakOut == "" {
		return
	}
	for name, write := range map[string]func(*os.File, []sample) error{"soak.csv": writeCSV, "soak.png": writePlot} {
		file, err := os.Create(filepath.Join(*soakOut, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := write(file, samples); err != nil {
			t.Error(err)
		}
		if err := file.Close(); err != nil {
			t.Error(err)
		}
	}
}

// checkGrowth compares the last quarter with the second one.
func checkGrowth(t *testing.T, samples []sample) {
	n := len(samples)
	if n < 8 {
		t.Fatalf("only %d samples", n)
	}
	early, late := mean(samples[n/4:n/2]), mean(samples[3*n/4:])
	const slack = 1.5 // a restart here or there
	if late.heap > slack*early.heap+32 {
		t.Errorf("memory has grown from %.0f to %.0f MB", early.heap, late.heap)
	}
	if late.goroutines > slack*early.goroutines+200 {
		t.Errorf("from %.0f to %.0f goroutines", early.goroutines, late.goroutines)
	}
	if late.files > slack*early.files+100 {
		t.Errorf("from %.0f to %.0f file handles", early.files, late.files)
	}
}
