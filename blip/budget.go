package blip

import "time"

// minDeflate is the length, in bytes, of the shortest piece worth deflating: after a shorter one,
// the deflate library forgets its window.
const minDeflate = 128

// Adaptive compression may use a small share of all time, and a larger share of the time spent
// waiting for the link, but not so much that the link waits in turn. The credit at the start lets
// short conversations be compressed entirely.
const (
	shareOfTime    = 32 // one part in shareOfTime
	shareOfWaiting = 2
	maxCredit      = 50 * time.Millisecond

	// readerTime is how long a peer may need to process one byte. Waiting that long is not caused
	// by the link, and deflating would not shorten it.
	readerTime = 20 * time.Nanosecond
)

// budget decides whether there is time to compress.
type budget struct {
	mode    Compression
	credit  time.Duration
	reading time.Duration // how long the peer may still be busy with sent bytes
	last    time.Time
}

func newBudget(mode Compression) budget {
	return budget{mode: mode, credit: maxCredit, last: time.Now()}
}

// allows reports whether the next piece may be deflated.
func (b *budget) allows() bool {
	return b.mode == Always || b.mode == Adaptive && b.credit > 0
}

// now returns the time in the mode that needs it.
func (b *budget) now() time.Time {
	if b.mode != Adaptive {
		return time.Time{}
	}
	return time.Now()
}

// spend charges the time since start to the credit.
func (b *budget) spend(start time.Time) {
	if b.mode == Adaptive {
		b.credit -= time.Since(start)
	}
}

// sent adds the time that the peer may need for the bytes.
func (b *budget) sent(bytes int) {
	b.reading = min(b.reading+time.Duration(bytes)*readerTime, maxCredit)
}

// earn adds credit for the time that has passed, and for waiting for the link since start.
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
