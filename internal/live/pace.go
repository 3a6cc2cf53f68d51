package live

import "time"

// Readers take time of the processor from writers, and rows of the log that SQLite cannot copy yet.
// So runners rest while writers are busy, the longer the more queries wait: few queries run as often
// as [Pause] lets them, and a thousand take a small share of one processor.
const (
	fewQueries  = 8                     // so many waiting queries cost no rest
	mostRest    = 48                    // times as long as the run
	leastRest   = time.Millisecond      // shorter ones are added up
	busyWindow  = 50 * time.Millisecond // commits are counted for so long at most
	busyCommits = 4                     // in a window make writers busy
)

// rest returns how long a runner rests after a run while writers are busy and so many queries wait.
func rest(took time.Duration, waiting int) time.Duration {
	return took * time.Duration(min(waiting/fewQueries, mostRest))
}

// pace finds out whether writers are busy. The zero value has seen nothing.
type pace struct {
	count uint64 // of commits, at the begin of the window
	since time.Time
	busy  bool // in the window before
}

// isBusy reports whether writers are busy, given the number of all commits so far.
func (p *pace) isBusy(count uint64, now time.Time) bool {
	isOver, isMany := now.Sub(p.since) >= busyWindow, count-p.count >= busyCommits
	if isOver || isMany {
		p.busy = isMany && now.Sub(p.since) < 2*busyWindow
		p.count, p.since = count, now
	}
	return p.busy
}
