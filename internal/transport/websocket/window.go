package websocket

import (
	"io"
	"sync"
)

// smallWindow is the buffer of an idle connection, which receives PINGs and an occasional change.
const smallWindow = 1 << 10

// block is the buffer of a busy connection. Each direction borrows one while bytes wait there.
type block [flushAt + maxFrame]byte

// blocks holds the blocks that nobody has borrowed. Of many connections few are busy, so few blocks
// suffice.
var blocks = sync.Pool{New: func() any { return new(block) }}

func borrow() *block   { return blocks.Get().(*block) } //nolint:forcetypeassert // the pool holds only blocks
func (b *block) back() { blocks.Put(b) }

// window buffers bytes read from a connection until they are taken. It waits with the small buffer
// if few bytes came the last time.
type window struct {
	source   io.Reader
	bytes    []byte // small or large
	from, to int    // bytes[from:to] is buffered
	last     int    // number of bytes received the last time
	large    *block // borrowed, or nil
	small    [smallWindow]byte
}

func newWindow(source io.Reader) *window {
	w := &window{source: source}
	w.bytes = w.small[:]
	return w
}

func (w *window) buffered() int { return w.to - w.from }

// peek returns the next n bytes, at most a block, without taking them. It reads until they are
// buffered. They are valid until the next peek.
func (w *window) peek(n int) ([]byte, error) {
	for w.buffered() < n {
		w.makeRoom(n)
		got, err := w.source.Read(w.bytes[w.to:])
		w.to += got
		w.last = got
		if err != nil && w.buffered() < n {
			return nil, err
		}
	}
	return w.bytes[w.from : w.from+n], nil
}

// discard takes n bytes that peek has returned.
func (w *window) discard(n int) { w.from += n }

// makeRoom chooses a buffer that holds n bytes, and moves the buffered bytes to its beginning.
func (w *window) makeRoom(n int) {
	thin := w.last < smallWindow
	switch {
	case w.buffered() > 0 && w.from+n <= len(w.bytes) && w.to < len(w.bytes):
		return
	case w.large != nil && thin && n <= smallWindow && w.buffered() == 0:
		w.large.back()
		w.large, w.bytes = nil, w.small[:]
	case w.large == nil && (n > smallWindow || !thin):
		w.large = borrow()
		copy(w.large[:], w.bytes[w.from:w.to])
		w.bytes = w.large[:]
	default:
		copy(w.bytes, w.bytes[w.from:w.to])
	}
	w.from, w.to = 0, w.buffered()
}
