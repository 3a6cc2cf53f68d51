package websocket

import (
	"io"
	"sync"
)

// smallWindow is enough for what an idle connection hears: PINGs, and a change now and then.
const smallWindow = 1 << 10

// block is the memory of a busy connection, lent for each direction while bytes wait there.
type block [flushAt + maxFrame]byte

// blocks keeps those that are not lent: many connections, few of them busy, need few.
var blocks = sync.Pool{New: func() any { return new(block) }}

func borrow() *block   { return blocks.Get().(*block) } //nolint:forcetypeassert // the pool has nothing else
func (b *block) back() { blocks.Put(b) }

// window is what has been read of a connection and not yet taken. It waits for more with small
// memory if little came the last time.
type window struct {
	source   io.Reader
	bytes    []byte // of small or large
	from, to int    // of bytes: what is there
	last     int    // bytes that came the last time
	large    *block // borrowed, or nil
	small    [smallWindow]byte
}

func newWindow(source io.Reader) *window {
	w := &window{source: source}
	w.bytes = w.small[:]
	return w
}

func (w *window) buffered() int { return w.to - w.from }

// peek returns the next n bytes, at most a block, without taking them; it reads until they are
// there. They are valid until the next peek.
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

// discard takes bytes that peek has returned.
func (w *window) discard(n int) { w.from += n }

// makeRoom chooses memory in which n bytes fit, and moves what is there to its beginning.
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
