package transport

import (
	"net"
	"net/netip"
	"sync"
	"time"
)

const (
	freeFailures  = 3               // wrong passwords without any delay
	maxFailures   = 20              // then the address has to wait
	failureMemory = time.Minute     // for how long after the last failure
	longestDelay  = 2 * time.Second // of an answer to a wrong password
	maxWatched    = 10_000          // addresses remembered
)

// throttle slows down those who guess passwords, by address. A whole IPv6 /64 counts as one,
// since a single device has so many.
type throttle struct {
	mu       sync.Mutex
	failures map[netip.Addr]failures
}

type failures struct {
	count int
	last  time.Time
}

// blocked reports an address that has to wait before it may try again.
func (t *throttle) blocked(from netip.Addr) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	f := t.failures[from]
	return f.count >= maxFailures && time.Since(f.last) < failureMemory
}

// failed notes a wrong password and returns how long its answer should take.
func (t *throttle) failed(from netip.Addr) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	t.forgetLocked(now)
	f := t.failures[from]
	f.count, f.last = f.count+1, now
	t.failures[from] = f
	if f.count <= freeFailures {
		return 0
	}
	return min(100*time.Millisecond<<min(f.count-freeFailures-1, 10), longestDelay)
}

// passed forgets the failures of someone who knew the password in the end.
func (t *throttle) passed(from netip.Addr) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.failures, from)
}

// forgetLocked makes room: old failures go first, and then any.
func (t *throttle) forgetLocked(now time.Time) {
	if t.failures == nil {
		t.failures = map[netip.Addr]failures{}
	}
	if len(t.failures) < maxWatched {
		return
	}
	for from, f := range t.failures {
		if now.Sub(f.last) >= failureMemory {
			delete(t.failures, from)
		}
	}
	for from := range t.failures {
		if len(t.failures) < maxWatched {
			return
		}
		delete(t.failures, from)
	}
}

// addressOf returns what counts as one client for limits.
func addressOf(a net.Addr) netip.Addr {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	addr := tcp.AddrPort().Addr().Unmap().WithZone("")
	if addr.Is6() {
		prefix, _ := addr.Prefix(64)
		return prefix.Addr()
	}
	return addr
}
