package testsize

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Variable is the environment variable that decides: all for everything, empty or unset for a
// sample.
const Variable = "TANDEM_TESTS"

// All reports whether everything is to be tried. It panics on a value that it does not know, as a
// misspelt one would otherwise try less than was asked for.
func All() bool {
	switch value := os.Getenv(Variable); value {
	case "":
		return false
	case "all":
		return true
	default:
		panic(fmt.Sprintf("%s is %q, want all or nothing", Variable, value))
	}
}

// Pick returns the first value by default, and the second one where everything is tried.
func Pick[T any](sample, all T) T {
	if All() {
		return all
	}
	return sample
}

// Whole skips a test unless the environment asks for the tests in full.
func Whole(t testing.TB) {
	t.Helper()
	if !All() {
		t.Skipf("costly: runs with %s=all", Variable)
	}
}

// TrueSpeed skips a test of speed unless the tests run in full and without the race detector.
func TrueSpeed(t testing.TB) {
	t.Helper()
	Whole(t)
	if RaceDetector {
		t.Skip("takes the true speed of the machine: run make test-speed")
	}
}

// Patience is how long a test waits for an event that must come. A machine ten times slower than
// usual gets there; where all is well, the wait ends with the event.
const Patience = 3 * time.Minute

// Eventually asks holds until it is true, every millisecond, and reports whether that was within
// limit: [Patience], in most cases.
func Eventually(limit time.Duration, holds func() bool) bool {
	deadline := time.After(limit)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-deadline:
			return false
		case <-tick.C:
		}
	}
	return true
}

// sampleChecks is how many cases of a property are tried by default, where rapid itself tries 100.
const sampleChecks = 20

var limit sync.Once //nolint:gochecknoglobals // rapid's own limit is global, too

// Check is rapid.Check with fewer cases by default. The flag -rapid.checks counts where it is
// given.
func Check(t *testing.T, property func(*rapid.T)) {
	t.Helper()
	limit.Do(func() {
		if !All() && !given("rapid.checks") {
			if err := flag.Set("rapid.checks", strconv.Itoa(sampleChecks)); err != nil {
				panic(err) // rapid has this flag
			}
		}
	})
	rapid.Check(t, property)
}

func given(name string) (yes bool) {
	flag.Visit(func(f *flag.Flag) { yes = yes || f.Name == name })
	return yes
}
