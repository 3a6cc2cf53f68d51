package blip

import (
	"context"
	"encoding/binary"
	"sync"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
)

// Limits of a pipe in memory, in bytes.
const (
	pairBatch  = 64 << 10  // a writer passes on at least this much at once
	pairWindow = 256 << 10 // the writer waits while the reader is this far behind

	pairCloseTimeout = 5 * time.Second
)

// NewPipePair returns the two ends of a pipe in memory. It behaves like a WebSocket: Write holds
// frames back until Flush or until 64 KiB have collected, and blocks while the other side is 256
// KiB behind. The other side's Read echoes a CLOSE, and then returns a *[CloseError] with its code.
// After Abort the other side reads code 1006.
func NewPipePair() (a, b Pipe) {
	there, back := newStream(), newStream()
	return &pairEnd{in: back, out: there}, &pairEnd{in: there, out: back}
}

// pairEnd is one end of the pipe.
type pairEnd struct {
	in, out *stream

	batch []byte // frames with their lengths, held back by Write
	rest  []byte // rest of the batch that Read has taken last
	spent []byte // that batch's memory, for reuse
}

// Read returns the next frame.
func (p *pairEnd) Read(ctx context.Context) ([]byte, error) {
	if len(p.rest) == 0 {
		batch, err := p.in.receive(ctx, p.spent)
		if closed, ok := err.(*CloseError); ok && closed.Code != closeDropped { //nolint:errorlint // made by receive
			p.out.end(closed) // the echo, unless this side has closed already
		}
		if err != nil {
			return nil, err
		}
		p.rest, p.spent = batch, batch
	}
	size, n := binary.Uvarint(p.rest)
	end := n + int(size) //nolint:gosec // written by Write
	frame := p.rest[n:end:end]
	p.rest = p.rest[end:]
	return frame, nil
}

// Write holds the frame back until Flush or a full batch.
func (p *pairEnd) Write(ctx context.Context, frame []byte) error {
	p.batch = append(binary.AppendUvarint(p.batch, uint64(len(frame))), frame...)
	if len(p.batch) < pairBatch {
		return nil
	}
	return p.Flush(ctx)
}

// Flush passes on the held frames.
func (p *pairEnd) Flush(ctx context.Context) (err error) {
	if len(p.batch) > 0 {
		p.batch, err = p.out.send(ctx, p.batch)
	}
	return err
}

// Close sends the CLOSE, and waits up to five seconds for the echo.
func (p *pairEnd) Close(code int, reason string) error {
	p.out.end(&CloseError{Code: code, Reason: reason})
	ctx, cancel := context.WithTimeout(context.Background(), pairCloseTimeout)
	defer cancel()
	err := p.in.awaitEnd(ctx)
	_ = p.Abort()
	return err
}

// Abort drops the pipe.
func (p *pairEnd) Abort() error {
	p.out.drop()
	p.in.drop()
	return nil
}

// stream is one direction of a pair.
type stream struct {
	mu     sync.Mutex // guards the following
	moved  sync.Cond
	queue  []byte      // batches waiting for the reader
	closed *CloseError // the CLOSE, after queue
	broken bool        // dropped: queue is lost
}

func newStream() *stream {
	s := &stream{}
	s.moved.L = &s.mu
	return s
}

// send passes on a batch, and returns a buffer for the next one.
func (s *stream) send(ctx context.Context, batch []byte) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waitLocked(ctx, func() bool { return len(s.queue) < pairWindow || s.closed != nil })
	switch {
	case s.closed != nil, s.broken:
		return batch[:0], &CloseError{Code: closeDropped}
	case len(s.queue) >= pairWindow:
		return batch[:0], ctx.Err()
	}
	s.queue = append(s.queue, batch...)
	s.moved.Broadcast()
	return batch[:0], nil
}

// receive waits for batches and takes all of them, in exchange for a used buffer.
func (s *stream) receive(ctx context.Context, spent []byte) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waitLocked(ctx, func() bool { return len(s.queue) > 0 || s.closed != nil })
	switch {
	case len(s.queue) > 0 && !s.broken:
		batch := s.queue
		s.queue = spent[:0]
		s.moved.Broadcast()
		return batch, nil
	case s.closed != nil:
		return nil, s.closed
	case s.broken:
		return nil, &CloseError{Code: closeDropped}
	default:
		return nil, ctx.Err()
	}
}

// waitLocked waits until ready returns true, the stream is broken, or ctx has ended.
func (s *stream) waitLocked(ctx context.Context, ready func() bool) {
	if ready() || s.broken {
		return
	}
	stop := context.AfterFunc(ctx, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.moved.Broadcast()
	})
	defer stop()
	for !ready() && !s.broken && ctx.Err() == nil {
		s.moved.Wait()
	}
}

// end puts a CLOSE behind the sent batches. Only the first one counts.
func (s *stream) end(e *CloseError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed == nil {
		s.closed = e
	}
	s.moved.Broadcast()
}

// awaitEnd waits for the other side's CLOSE.
func (s *stream) awaitEnd(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waitLocked(ctx, func() bool { return s.closed != nil })
	switch {
	case s.closed != nil:
		return nil
	case s.broken:
		return &CloseError{Code: closeDropped}
	default:
		return fault.Timeout.In("close", "").Says("peer does not answer the goodbye")
	}
}

func (s *stream) drop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken = true
	s.moved.Broadcast()
}
