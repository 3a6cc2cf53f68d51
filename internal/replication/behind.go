package replication

import "io"

// The memory that a behind uses to run ahead of its writer.
const (
	behindBuffer = 128 << 10 // bytes
	behindQueue  = 3         // buffers besides the one being filled
)

// behind is a writer that passes full buffers to a goroutine, so that receiving a blob overlaps
// with hashing and storing it. One goroutine at a time may use it, and must call close.
type behind struct {
	w      io.Writer
	buffer []byte // being filled
	full   chan []byte
	free   chan []byte
	failed chan struct{} // closed after err has been set
	ended  chan struct{} // closed when the goroutine returns
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
		default: // all buffers exist; wait for a free one
		}
	}
}

// Write copies p. It may return the error of an earlier Write.
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

// pass hands over the buffer and takes a free one.
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

// close waits until everything is written, and returns the first error. It must be called once.
func (b *behind) close() error {
	if len(b.buffer) > 0 {
		_ = b.pass() // err keeps the error
	}
	close(b.full)
	<-b.ended
	return b.err
}
