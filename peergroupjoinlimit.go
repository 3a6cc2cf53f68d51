package tandem

import (
	"net"
	"sync/atomic"

	"github.com/tandemdb/tandem/internal/fault"
)

// What devices answer that pretend to be the inviter, at many addresses at once.
const (
	smallAnswer = 64 << 10 // bytes that each may send
	maxLarge    = 16 << 20 // bytes beyond that, of all
)

// limitedConn bounds what all that pretend to be the inviter send at once.
type limitedConn struct {
	net.Conn
	held  *atomic.Int64 // bytes of large answers that all hold
	read  int64
	large int64 // of them, beyond smallAnswer
}

// Read fails when there is too much. The inviter is asked again then.
func (c *limitedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.read += int64(n)
	if more := c.read - smallAnswer - c.large; more > 0 {
		c.large += more
		if c.held.Add(more) > maxLarge {
			return n, fault.Busy.In("join group", "").Says("several devices answer at length, of which one at most is the inviter")
		}
	}
	return n, err
}

func (c *limitedConn) release() { c.held.Add(-c.large) }
