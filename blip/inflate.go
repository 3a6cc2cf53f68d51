package blip

import (
	"bufio"
	"errors"
	"iter"

	"github.com/klauspost/compress/flate"
)

// inflater undoes the deflate stream of one direction, frame by frame.
//
// A deflate reader takes a temporary end of its input for the end of the stream, so it must never
// see one. It therefore runs in a coroutine. When it asks for input beyond a frame, the coroutine
// sleeps until the next frame. At that moment the reader has output the whole frame, because each
// frame ends with a flush.
type inflater struct {
	in    []byte // rest of the trailer that follows the frame
	trail []byte // rest of the trailer that goes after it
	out   []byte // the output of the frame so far
	limit int64
	chunk []byte

	next func() (error, bool) // runs the coroutine until it needs a frame (nil) or fails
	stop func()
}

// Sizes of buffers. The reader outputs at most its window at once. Unusually large buffers are
// dropped.
const (
	inflateChunk = 32 << 10
	inflateKeep  = 256 << 10
)

// errStopped ends the coroutine.
var errStopped = errors.New("inflater is closed")

// frame inflates the body of one frame. The result is valid until the next call.
func (z *inflater) frame(body []byte, limit int64) ([]byte, error) {
	if z.next == nil {
		z.chunk = make([]byte, inflateChunk)
		z.next, z.stop = iter.Pull(z.run)
		_, _ = z.next()
	}
	if cap(z.out) > inflateKeep {
		z.out = nil
	}
	z.in, z.trail, z.out, z.limit = body, syncTrailer, z.out[:0], limit
	err, ok := z.next()
	z.in = nil
	if !ok {
		return nil, errStopped
	}
	return z.out, err
}

func (z *inflater) close() {
	if z.stop != nil {
		z.stop()
	}
}

// run is the body of the coroutine.
func (z *inflater) run(yield func(error) bool) {
	source := bufio.NewReaderSize(&frameSource{z, yield}, MaxFrame)
	r := flate.NewReader(source)
	for {
		n, err := r.Read(z.chunk)
		z.out = append(z.out, z.chunk[:n]...)
		switch {
		case errors.Is(err, errStopped):
			return
		case err != nil:
			err = protocolError("compressed frame is corrupt: %v", err)
		case int64(len(z.out)) > z.limit:
			err = tooBig("frame inflates to more than %d bytes", z.limit)
		}
		if err != nil {
			for yield(err) { // every later frame fails, too: the stream is lost
			}
			return
		}
	}
}

// frameSource feeds the coroutine, and suspends it between frames.
type frameSource struct {
	z     *inflater
	yield func(error) bool
}

func (s *frameSource) Read(p []byte) (int, error) {
	z := s.z
	for len(z.in) == 0 && len(z.trail) == 0 {
		if !s.yield(nil) {
			return 0, errStopped
		}
	}
	if len(z.in) == 0 {
		z.in, z.trail = z.trail, nil
	}
	n := copy(p, z.in)
	z.in = z.in[n:]
	return n, nil
}
