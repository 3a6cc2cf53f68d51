package throttle

import (
	"net"
	"net/netip"
	"sync"
	"time"
)

const (
	freeFailures = 3      // wrong passwords that are answered without delay
	maxFailures  = 20     // wrong passwords after which the address must wait
	maxWatched   = 10_000 // addresses remembered
)

// How long a client waits.
const (
	Memory       = time.Minute     // after [Throttle.Blocked]: how long the last failure counts
	LongestDelay = 2 * time.Second // for the answer to a wrong password
)

// Throttle slows down guessing of passwords, by address. A whole IPv6 /64 counts as one address,
// since a single device may use all of it. The zero Throttle is ready
// to use, from any goroutine.
type Throttle struct {
	mu       sync.Mutex
	failures map[netip.Addr]failures
}

type failures struct {
	count int
	last  time.Time
}

// Blocked reports whether an address must wait before it may try again.
func (t *Throttle) Blocked(from netip.Addr) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	f := t.failures[from]
	return f.count >= maxFailures && time.Since(f.last) < Memory
}

// Failed notes a wrong password and returns how long to delay the answer.
func (t *Throttle) Failed(from netip.Addr) time.Duration {
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
	return min(100*time.Millisecond<<min(f.count-freeFailures-1, 10), LongestDelay)
}

// Passed forgets the failures of an address that has sent the right password.
func (t *Throttle) Passed(from netip.Addr) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.failures, from)
}

// forgetLocked makes room for another address: it drops old failures first, then arbitrary ones.
func (t *Throttle) forgetLocked(now time.Time) {
	if t.failures == nil {
		t.failures = map[netip.Addr]failures{}
	}
	if len(t.failures) < maxWatched {
		return
	}
	for from, f := range t.failures {
		if now.Sub(f.last) >= Memory {
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

// AddressOf returns the address that limits count a client under.
func AddressOf(a net.Addr) netip.Addr {
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
