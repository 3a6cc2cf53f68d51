package blip

import "time"

// minDeflate is the shortest piece worth deflating: below, the deflate library forgets its window.
const minDeflate = 128

// Adaptive compression may take a small share of the time, and a larger one of the time spent waiting for the link,
// small enough that the link does not wait in turn. What is saved up at the start lets short conversations be compressed
// entirely.
const (
	shareOfTime    = 32 // one part in so many
	shareOfWaiting = 2
	maxCredit      = 50 * time.Millisecond

	// readerTime is what a peer may take to work on a byte. So much waiting is not the link's fault, and deflating
	// would not shorten it.
	readerTime = 20 * time.Nanosecond
)

// budget decides whether there is time to compress.
type budget struct {
	mode    Compression
	credit  time.Duration
	reading time.Duration // what the peer may still take to work on what it was sent
	last    time.Time
}

func newBudget(mode Compression) budget {
	return budget{mode: mode, credit: maxCredit, last: time.Now()}
}

// allows reports whether the next piece may be deflated.
func (b *budget) allows() bool {
	return b.mode == Always || b.mode == Adaptive && b.credit > 0
}

// now returns the time, if it matters.
func (b *budget) now() time.Time {
	if b.mode != Adaptive {
		return time.Time{}
	}
	return time.Now()
}

// spend pays for deflating since start.
func (b *budget) spend(start time.Time) {
	if b.mode == Adaptive {
		b.credit -= time.Since(start)
	}
}

// sent counts the bytes that the peer has to work on.
func (b *budget) sent(bytes int) {
	b.reading = min(b.reading+time.Duration(bytes)*readerTime, maxCredit)
}

// earn counts the time that has passed, and that the link has taken it since start.
func (b *budget) earn(start time.Time) {
	if b.mode != Adaptive {
		return
	}
	now := time.Now()
	waited := now.Sub(start)
	reading := min(b.reading, waited)
	b.reading -= reading
	b.credit = min(b.credit+now.Sub(b.last)/shareOfTime+(waited-reading)/shareOfWaiting, maxCredit)
	b.last = now
}
