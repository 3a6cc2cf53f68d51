package throttle_test

import (
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tandemdb/tandem/internal/testsize"
	"github.com/tandemdb/tandem/internal/throttle"
)

func TestGuessesTakeLongerAndLonger(t *testing.T) {
	testsize.Bubble(t, func(t *testing.T) {
		var guard throttle.Throttle
		from, other := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")
		var last time.Duration
		for i := range 20 {
			if !guard.Begin(nil, from) {
				t.Fatalf("blocked after %d guesses, want 20", i)
			}
			delay := guard.Failed(from, "ann")
			if i < 3 && delay != 0 || i == 3 && delay == 0 || delay < last || delay > throttle.LongestDelay {
				t.Errorf("guess %d waits %v after %v", i, delay, last)
			}
			last = delay
		}
		if guard.Begin(nil, from) || !guard.Begin(nil, other) {
			t.Error("want the address blocked, and no other")
		}
		time.Sleep(throttle.Memory)
		if !guard.Begin(nil, from) {
			t.Error("the address is blocked for ever")
		}
		guard.Failed(from, "ann")
		if guard.Begin(nil, from) {
			t.Error("after a minute more than one guess is free")
		}
		time.Sleep(throttle.Memory)
		if !guard.Begin(nil, from) {
			t.Error("the address is blocked for ever")
		}
		guard.Passed(from, "ann")
		if !guard.Begin(nil, from) || guard.Failed(from, "ann") != 0 {
			t.Error("the right password does not clear the account")
		}
	})
}

func TestAWholeIPv6NetworkIsOneAddress(t *testing.T) {
	of := func(text string) netip.Addr {
		return throttle.AddressOf(net.TCPAddrFromAddrPort(netip.MustParseAddrPort(text)))
	}
	if of("[2001:db8::1]:1") != of("[2001:db8::ffff]:2") || of("[2001:db8:0:1::1]:1") == of("[2001:db8::1]:1") {
		t.Error("want a /64 as one address")
	}
	if of("[::ffff:10.0.0.1]:1") != of("10.0.0.1:9") || of("10.0.0.1:1") == of("10.0.0.2:1") {
		t.Error("want an IPv4 address as itself")
	}
	if throttle.AddressOf(&net.UnixAddr{}) != (netip.Addr{}) {
		t.Error("a Unix socket has an address")
	}
}

// A thousand guesses that are sent at once are not more than twenty that are sent one by one.
func TestGuessesAtOnceAreCountedBeforeTheirCheck(t *testing.T) {
	testsize.Bubble(t, func(t *testing.T) {
		var guard throttle.Throttle
		var checked, refused atomic.Int32
		from := netip.MustParseAddr("10.0.0.1")
		var guesses sync.WaitGroup
		for range 1000 {
			guesses.Go(func() {
				if !guard.Begin(nil, from) {
					refused.Add(1)
					return
				}
				checked.Add(1)
				time.Sleep(time.Second / 10)
				guard.Failed(from, "ann")
			})
		}
		guesses.Wait()
		if checked.Load() != 20 || refused.Load() != 980 {
			t.Errorf("%d guesses were checked and %d refused, want 20 and 980", checked.Load(), refused.Load())
		}
	})
}

// Many clients behind one address that know their passwords only wait for each other.
func TestRightPasswordsAtOnceAreAllAdmitted(t *testing.T) {
	testsize.Bubble(t, func(t *testing.T) {
		var guard throttle.Throttle
		var refused atomic.Int32
		from := netip.MustParseAddr("10.0.0.1")
		var clients sync.WaitGroup
		for range 200 {
			clients.Go(func() {
				if !guard.Begin(nil, from) {
					refused.Add(1)
					return
				}
				time.Sleep(time.Second / 10)
				guard.Passed(from, "ann")
			})
		}
		clients.Wait()
		if refused.Load() != 0 {
			t.Errorf("%d of 200 were refused", refused.Load())
		}
		for range 20 {
			guard.Begin(nil, from)
		}
		done := make(chan struct{})
		time.AfterFunc(time.Minute, func() { close(done) })
		if guard.Begin(done, from) {
			t.Error("who waits is admitted when it is done")
		}
	})
}

// Who has a password of his own may not guess another's at full speed.
func TestARightPasswordForgetsOnlyItsOwnFailures(t *testing.T) {
	testsize.Bubble(t, func(t *testing.T) {
		var guard throttle.Throttle
		from := netip.MustParseAddr("10.0.0.1")
		guesses := 0
		for range 100 {
			if !guard.Begin(nil, from) {
				break
			}
			guesses++
			guard.Failed(from, "admin")
			if guard.Begin(nil, from) {
				guard.Passed(from, "eve")
			}
		}
		if guesses != 20 {
			t.Errorf("%d guesses are free, want 20", guesses)
		}
		time.Sleep(throttle.Memory)
		for range 50 { // the others behind the address are let in
			if !guard.Begin(nil, from) {
				t.Fatal("a right password is refused")
			}
			guard.Passed(from, "eve")
		}
		time.Sleep(throttle.Forgotten)
		if !guard.Begin(nil, from) || guard.Failed(from, "admin") != 0 {
			t.Error("old failures are never forgotten")
		}
	})
}
