package testsize_test

import (
	"flag"
	"runtime"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tandemdb/tandem/internal/testsize"
)

func TestTheVariableDecides(t *testing.T) {
	for value, want := range map[string]int{"": 3, "all": 100} {
		t.Setenv(testsize.Variable, value)
		if got := testsize.Pick(3, 100); got != want {
			t.Errorf("%q: got %d, want %d", value, got, want)
		}
		ran := false
		t.Run("whole", func(t *testing.T) {
			testsize.Whole(t)
			ran = true
		})
		if want := value == "all"; ran != want {
			t.Errorf("%q: a costly test has run: %t, want %t", value, ran, want)
		}
		ran = false
		t.Run("speed", func(t *testing.T) {
			testsize.TrueSpeed(t)
			ran = true
		})
		if want := value == "all" && !testsize.RaceDetector; ran != want {
			t.Errorf("%q: a test of speed has run: %t, want %t", value, ran, want)
		}
	}
}

func TestAMisspeltValueIsNotTakenForASample(t *testing.T) {
	t.Setenv(testsize.Variable, "al")
	defer func() {
		if recover() == nil {
			t.Error("it was accepted")
		}
	}()
	testsize.All()
}

func TestAWaitEndsWithTheEventOrTheLimit(t *testing.T) {
	for name, c := range map[string]struct {
		after time.Duration // when the condition comes true
		want  bool
		took  time.Duration
	}{
		"true from the start": {0, true, 0},
		"true in time":        {30 * time.Second, true, 30 * time.Second},
		"true too late":       {2 * time.Minute, false, time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			testsize.Bubble(t, func(t *testing.T) {
				began := time.Now()
				got := testsize.Eventually(time.Minute, func() bool { return time.Since(began) >= c.after })
				if took := time.Since(began); got != c.want || took != c.took {
					t.Errorf("got %t after %v, want %t after %v", got, took, c.want, c.took)
				}
			})
		})
	}
}

func TestAPropertyIsTriedLessByDefault(t *testing.T) {
	if flag.Lookup("rapid.checks").Value.String() != "100" {
		t.Skip("the flag says how many, or an earlier run of this test")
	}
	t.Setenv(testsize.Variable, "")
	tried := 0
	testsize.Check(t, func(*rapid.T) { tried++ })
	if tried < 20 || tried > 25 {
		t.Errorf("%d cases were tried, want 20 or a few more", tried)
	}
}

// Timers of a bubble that several processors ran at once would end the process under the race detector.
func TestABubbleSurvivesManyTimers(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	testsize.Bubble(t, func(*testing.T) {
		var all sync.WaitGroup
		for range 200 {
			all.Go(func() {
				for range testsize.Pick(20, 300) {
					<-time.After(0)
				}
			})
		}
		all.Wait()
	})
	if after := runtime.GOMAXPROCS(0); after != before {
		t.Errorf("%d processors before, and %d afterwards", before, after)
	}
}
