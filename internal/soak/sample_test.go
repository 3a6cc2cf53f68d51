package soak_test

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"
)

// sample is how the process is at one time.
type sample struct {
	at         time.Duration
	heap       float64 // MB in use
	goroutines float64
	files      float64       // open handles; 0 where they cannot be counted
	latency    time.Duration // from a save at the listener to the first client, the longest since the last sample
}

func (s sample) String() string {
	return fmt.Sprintf("%.0f MB, %.0f goroutines, %.0f file handles, %v from the listener to a client",
		s.heap, s.goroutines, s.files, s.latency.Round(time.Millisecond))
}

// sampler takes samples until it is stopped.
type sampler struct {
	cancel context.CancelFunc
	work   sync.WaitGroup
	began  time.Time
	all    []sample // read after work

	mu      sync.Mutex // guards the following
	longest time.Duration
	beats   []time.Time // saved, and not yet seen to arrive
}

// newSampler takes four samples a second at first, and fewer as time goes by. from saves a
// document for each, which comes to the other.
func newSampler(t *testing.T, from, to *host) *sampler {
	ctx, cancel := context.WithCancel(context.Background())
	s := &sampler{cancel: cancel, began: time.Now()}
	interval := 250*time.Millisecond + time.Duration(*soakMinutes*float64(50*time.Millisecond))
	s.work.Go(func() {
		each(ctx, func() time.Duration { return interval }, func() {
			s.take()
			if err := from.coll.Put(ctx, "beat", map[string]int64{"at": s.beat()}); err != nil && ctx.Err() == nil {
				t.Error(err)
			}
		})
	})
	s.work.Go(func() {
		for change, err := range to.coll.FollowChanges(ctx, 0) {
			var beat struct{ At int64 }
			if err == nil && change.ID == "beat" && to.coll.Get(ctx, "beat", &beat) == nil {
				s.arrived(time.Unix(0, beat.At))
			}
		}
	})
	return s
}

// beat notes that a beat is going to be saved, and returns its time.
func (s *sampler) beat() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	s.beats = append(s.beats, now)
	return now.UnixNano()
}

// arrived notes that the beat of that time is there, and with it all before.
func (s *sampler) arrived(beat time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.beats) > 0 && !s.beats[0].After(beat) {
		s.longest = max(s.longest, time.Since(s.beats[0]))
		s.beats = s.beats[1:]
	}
}

func (s *sampler) take() {
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.beats) > 0 {
		s.longest = max(s.longest, time.Since(s.beats[0])) // and it is still on its way
	}
	s.all = append(s.all, sample{
		at: time.Since(s.began), heap: float64(memory.HeapInuse) / (1 << 20),
		goroutines: float64(runtime.NumGoroutine()), files: openFiles(), latency: s.longest,
	})
	s.longest = 0
}

// stop ends the sampling.
func (s *sampler) stop() []sample {
	s.cancel()
	s.work.Wait()
	return s.all
}

func openFiles() float64 {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return float64(len(entries))
}

// mean is what samples are on the average, but for the latency: that is the median.
func mean(samples []sample) (m sample) {
	var latencies []time.Duration
	n := float64(len(samples))
	for _, s := range samples {
		m.heap += s.heap / n
		m.goroutines += s.goroutines / n
		m.files += s.files / n
		latencies = append(latencies, s.latency)
	}
	slices.Sort(latencies)
	m.latency = latencies[len(latencies)/2]
	return m
}

func writeCSV(file *os.File, samples []sample) error {
	if _, err := fmt.Fprintln(file, "seconds,heap_mb,goroutines,file_handles,latency_ms"); err != nil {
		return err
	}
	for _, s := range samples {
		_, err := fmt.Fprintf(file, "%.2f,%.1f,%.0f,%.0f,%.2f\n", s.at.Seconds(), s.heap, s.goroutines, s.files,
			float64(s.latency.Microseconds())/1000)
		if err != nil {
			return err
		}
	}
	return nil
}
