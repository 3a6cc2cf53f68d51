package slowlink_test

import (
	"net"
	"sync"
	"testing"
	"time"
)

// The properties of the wire.
const (
	bytesPerSecond = 10e6 / 8
	delay          = 20 * time.Millisecond
	burst          = 10 * time.Millisecond // backlog of transmission time that it makes up for after a pause

	parcelSize    = 4 << 10  // bytes per read
	underway      = 64       // parcels between reading and delivery
	routersBuffer = 32 << 10 // bytes queued in front of it
)

// wire is a slow link: a relay on loopback in front of a listener.
type wire struct {
	listener    net.Listener
	target      string
	connections sync.WaitGroup
	there, back lane // from the dialler, and to it
}

// newWire starts a wire to a host and port. It ends with the test, after the connections.
func newWire(t *testing.T, target string) *wire {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{listener: l, target: target}
	w.connections.Go(w.accept)
	t.Cleanup(func() {
		_ = l.Close()
		w.connections.Wait()
	})
	return w
}

func (w *wire) address() string { return w.listener.Addr().String() }

func (w *wire) accept() {
	for {
		near, err := w.listener.Accept()
		if err != nil {
			return
		}
		w.connections.Go(func() { w.relay(near.(*net.TCPConn)) })
	}
}

// relay carries one connection until both directions have ended.
func (w *wire) relay(near *net.TCPConn) {
	defer near.Close()
	nc, err := net.Dial("tcp", w.target)
	if err != nil {
		return
	}
	far := nc.(*net.TCPConn)
	defer far.Close()
	_ = near.SetReadBuffer(routersBuffer)
	_ = far.SetReadBuffer(routersBuffer)
	var lanes sync.WaitGroup
	lanes.Go(func() { w.there.carry(far, near) })
	lanes.Go(func() { w.back.carry(near, far) })
	lanes.Wait()
}

// lane is one direction of a wire.
type lane struct {
	mu      sync.Mutex // guards the following
	free    time.Time  // when the last accepted byte leaves
	history []passage
}

// passage is a point in the transmission of a lane.
type passage struct {
	at    time.Time
	bytes int64 // bytes carried until then
}

// parcel is a piece of data in transit.
type parcel struct {
	bytes []byte
	due   time.Time
}

// carry copies from one side to the other until either side ends.
func (l *lane) carry(to, from *net.TCPConn) {
	road := make(chan parcel, underway)
	var delivery sync.WaitGroup
	delivery.Go(func() { deliver(to, from, road) })
	for {
		bytes := make([]byte, parcelSize)
		n, err := from.Read(bytes)
		if err != nil {
			break
		}
		leaves := l.take(n)
		waitUntil(leaves)
		road <- parcel{bytes[:n], leaves.Add(delay)}
	}
	close(road)
	delivery.Wait()
}

func deliver(to, from *net.TCPConn, road <-chan parcel) {
	for p := range road {
		waitUntil(p.due)
		if _, err := to.Write(p.bytes); err != nil {
			_ = from.Close() // accept no more; data in transit is lost
		}
	}
	_ = to.CloseWrite()
}

// take schedules n bytes, and returns the time at which they have left.
func (l *lane) take(n int) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	if earliest := time.Now().Add(-burst); l.free.Before(earliest) {
		l.free = earliest
	}
	l.free = l.free.Add(timeFor(int64(n)))
	l.history = append(l.history, passage{l.free, l.carriedLocked() + int64(n)})
	return l.free
}

func (l *lane) carriedLocked() int64 {
	if len(l.history) == 0 {
		return 0
	}
	return l.history[len(l.history)-1].bytes
}

// carried returns the number of bytes that have passed.
func (l *lane) carried() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.carriedLocked()
}

// busy returns the fraction of time during which the lane was in use, measured over the middle
// eight tenths of its bytes. The beginning and the end of a conversation wait for replies.
func (l *lane) busy() float64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	total := l.carriedLocked()
	var first, last passage
	for _, p := range l.history {
		if p.bytes <= total/10 {
			first = p
		}
		if p.bytes <= total*9/10 {
			last = p
		}
	}
	return float64(timeFor(last.bytes-first.bytes)) / float64(last.at.Sub(first.at))
}

// took returns the time from the first byte to the last.
func (l *lane) took() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.history[len(l.history)-1].at.Sub(l.history[0].at)
}

func timeFor(bytes int64) time.Duration {
	return time.Duration(float64(bytes) / bytesPerSecond * float64(time.Second))
}

func waitUntil(at time.Time) {
	if wait := time.Until(at); wait > 0 {
		<-time.After(wait)
	}
}
