package throttle_test

import (
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tandemdb/tandem/internal/throttle"
)

func TestGuessesTakeLongerAndLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var guard throttle.Throttle
		from, other := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")
		var last time.Duration
		for i := range 20 {
			if guard.Blocked(from) {
				t.Fatalf("blocked after %d guesses, want 20", i)
			}
			delay := guard.Failed(from)
			if i < 3 && delay != 0 || i == 3 && delay == 0 || delay < last || delay > throttle.LongestDelay {
				t.Errorf("guess %d waits %v after %v", i, delay, last)
			}
			last = delay
		}
		if !guard.Blocked(from) || guard.Blocked(other) {
			t.Error("want the address blocked, and no other")
		}
		time.Sleep(throttle.Memory)
		if guard.Blocked(from) {
			t.Error("the address is blocked for ever")
		}
		guard.Failed(from)
		guard.Passed(from)
		if guard.Failed(from) != 0 {
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
