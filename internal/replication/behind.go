package replication

import "io"

// The memory that a behind takes for its lead.
const (
	behindBuffer = 128 << 10 // bytes
	behindQueue  = 3         // buffers, beside the one being filled
)

// behind is a writer whose work is done by a goroutine of its own, some buffers later: a blob is
// received and hashed and stored at the same time. It is for one goroutine, and ends with close.
type behind struct {
	w      io.Writer
	buffer []byte // being filled
	full   chan []byte
	free   chan []byte
	failed chan struct{} // closed after err is set
	ended  chan struct{} // closed when the goroutine has ended
	err    error
}

func newBehind(w io.Writer) *behind {
	b := &behind{
		w: w, buffer: make([]byte, 0, behindBuffer),
		full: make(chan []byte, behindQueue), free: make(chan []byte, behindQueue),
		failed: make(chan struct{}), ended: make(chan struct{}),
	}
	go b.run()
	return b
}

func (b *behind) run() {
	defer close(b.ended)
	for buffer := range b.full {
		if b.err != nil {
			continue
		}
		if _, b.err = b.w.Write(buffer); b.err != nil {
			close(b.failed)
		}
		select {
		case b.free <- buffer[:0]:
		default: // there are enough
		}
	}
}

// Write takes p. The error may be that of an earlier Write.
func (b *behind) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		if len(b.buffer) == cap(b.buffer) {
			if err := b.pass(); err != nil {
				return 0, err
			}
		}
		n := min(len(rest), cap(b.buffer)-len(b.buffer))
		b.buffer, rest = append(b.buffer, rest[:n]...), rest[n:]
	}
	return len(p), nil
}

// pass hands over the buffer, and finds another one.
func (b *behind) pass() error {
	select {
	case <-b.failed:
		return b.err
	case b.full <- b.buffer:
	}
	select {
	case b.buffer = <-b.free:
	default:
		b.buffer = make([]byte, 0, behindBuffer)
	}
	return nil
}

// close waits until all is written, and returns the first error. Closing twice is not allowed.
func (b *behind) close() error {
	if len(b.buffer) > 0 {
		_ = b.pass() // an error stays in err
	}
	close(b.full)
	<-b.ended
	return b.err
}
