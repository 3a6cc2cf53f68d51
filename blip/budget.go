package blip

import "time"

// minDeflate is the shortest piece worth deflating: below, the deflate library forgets its window.
const minDeflate = 128

// Adaptive compression may take a small share of the time, and a larger one of the time spent waiting for the link,
// which deflating shortens. What is saved up at the start lets short conversations be compressed entirely.
const (
	shareOfTime    = 32 // one part in so many
	shareOfWaiting = 8
	maxCredit      = 50 * time.Millisecond
)

// budget decides whether there is time to compress.
type budget struct {
	mode   Compression
	credit time.Duration
	last   time.Time
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

// earn counts the time that has passed, and that the link has taken it since start.
func (b *budget) earn(start time.Time) {
	if b.mode != Adaptive {
		return
	}
	now := time.Now()
	b.credit += now.Sub(b.last)/shareOfTime + now.Sub(start)/shareOfWaiting
	b.credit = min(b.credit, maxCredit)
	b.last = now
}
