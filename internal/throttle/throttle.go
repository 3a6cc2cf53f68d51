package throttle

import (
	"hash/maphash"
	"net"
	"net/netip"
	"slices"
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
	Memory       = time.Minute          // after the last of too many failures
	Forgotten    = maxFailures * Memory // after the last, until none of them counts
	LongestDelay = 2 * time.Second      // for the answer to a wrong password
)

// Throttle slows down guessing of passwords, by address. A whole IPv6 /64 counts as one address,
// since a single device may use all of it. The zero Throttle is ready
// to use, from any goroutine.
type Throttle struct {
	mu       sync.Mutex
	failures map[netip.Addr]failures
	checks   map[netip.Addr]*checks
}

type failures struct {
	names []uint64 // digests of the names they were for: the last of them, up to maxFailures
	last  time.Time
}

// secret keeps clients from names with the same digest.
var secret = maphash.MakeSeed()

func digest(name string) uint64 { return maphash.String(secret, name) }

// checks are the passwords of an address that are being checked, and those that wait for it.
type checks struct {
	running, waiting int
	ended            chan struct{} // closed when one has ended, and then another one
}

// Begin begins a check of a password. It reports false if the address must wait before it may try
// again, or if done was closed meanwhile. Otherwise call [Throttle.Passed] or [Throttle.Failed] after the check. A
// check counts as a failure until it has ended: of guesses sent at once, those beyond the limit wait
// for the outcome of the others.
func (t *Throttle) Begin(done <-chan struct{}, from netip.Addr) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.checks == nil {
		t.checks = map[netip.Addr]*checks{}
	}
	c := t.checks[from]
	if c == nil {
		c = &checks{ended: make(chan struct{})}
		t.checks[from] = c
	}
	defer t.tidyLocked(from, c)
	for {
		f := t.failures[from]
		count := len(f.names)
		switch since := time.Since(f.last); {
		case since >= Forgotten:
			delete(t.failures, from)
			count = 0
		case count < maxFailures:
		case since < Memory:
			return false
		default:
			count = maxFailures - 1 // one more may try
		}
		if count+c.running < maxFailures {
			c.running++
			return true
		}
		if !t.waitLocked(done, c) {
			return false
		}
	}
}

// waitLocked waits until a check has ended. It reports false if done is closed before.
func (t *Throttle) waitLocked(done <-chan struct{}, c *checks) bool {
	ended := c.ended
	c.waiting++
	t.mu.Unlock()
	defer func() { t.mu.Lock(); c.waiting-- }()
	select {
	case <-ended:
		return true
	case <-done:
		return false
	}
}

func (t *Throttle) tidyLocked(from netip.Addr, c *checks) {
	if c.running == 0 && c.waiting == 0 {
		delete(t.checks, from)
	}
}

// endLocked ends a check that Begin has begun.
func (t *Throttle) endLocked(from netip.Addr) {
	c := t.checks[from]
	if c == nil {
		return
	}
	c.running--
	close(c.ended)
	c.ended = make(chan struct{})
	t.tidyLocked(from, c)
}

// Failed ends a check: the password of name was wrong. It returns how long to delay the answer.
func (t *Throttle) Failed(from netip.Addr, name string) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	t.forgetLocked(now)
	f := t.failures[from]
	if len(f.names) == maxFailures {
		f.names = slices.Delete(f.names, 0, 1)
	}
	f.names, f.last = append(f.names, digest(name)), now
	t.failures[from] = f
	t.endLocked(from)
	count := len(f.names)
	if count <= freeFailures {
		return 0
	}
	return min(100*time.Millisecond<<min(count-freeFailures-1, 10), LongestDelay)
}

// Passed ends a check: the password of name was right. The failures of the address for that name are
// forgotten, and no others: who has a password of his own may not guess another's the faster for it.
func (t *Throttle) Passed(from netip.Addr, name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if f, failed := t.failures[from]; failed {
		own := digest(name)
		f.names = slices.DeleteFunc(f.names, func(n uint64) bool { return n == own })
		if t.failures[from] = f; len(f.names) == 0 {
			delete(t.failures, from)
		}
	}
	t.endLocked(from)
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
