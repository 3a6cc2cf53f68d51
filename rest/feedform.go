package rest

import (
	"net/http"
	"strconv"
	"sync"

	"github.com/tandemdb/tandem/rest/internal/tail"
)

// feedForm is how the changes of a feed are written. Each method has the client get the text at once.
type feedForm interface {
	begin() error
	events(some []*tail.Event) error // at least one
	beat() error
	end(last, pending uint64) error // last is the sequence to continue after, where pending more are
}

func (c *call) feedForm(mode feedMode) feedForm {
	switch mode {
	case sseFeed:
		return sseForm{c}
	case continuousFeed:
		return lineForm{c}
	default:
		return &listForm{c: c}
	}
}

// sseForm sends server-sent events.
type sseForm struct{ c *call }

func (f sseForm) begin() error {
	header := f.c.w.Header()
	header.Set("Content-Type", "text/event-stream")
	header.Set("X-Accel-Buffering", "no") // for proxies
	if f.c.r.ProtoMajor == 1 {
		header.Set("Transfer-Encoding", "identity") // until the connection ends: chunks tell nothing here, and cost time
	}
	f.c.w.WriteHeader(http.StatusOK)
	return f.c.push([]byte("retry: 2000\n\n"))
}

func (f sseForm) events(some []*tail.Event) error { return f.c.pushEach(some, (*tail.Event).SSE) }

func (f sseForm) beat() error { return f.c.push([]byte(":\n\n")) }

func (f sseForm) end(uint64, uint64) error { return nil } // the client comes back with the ID of the last event

// lineForm sends a line of JSON for each change, and empty lines as heartbeats.
type lineForm struct{ c *call }

func (f lineForm) begin() error {
	f.c.w.Header().Set("Content-Type", "application/x-ndjson")
	f.c.w.WriteHeader(http.StatusOK)
	return f.c.push(nil)
}

func (f lineForm) events(some []*tail.Event) error { return f.c.pushEach(some, (*tail.Event).Line) }

func (f lineForm) beat() error { return f.c.push([]byte("\n")) }

func (f lineForm) end(last, _ uint64) error {
	return f.c.push(append(strconv.AppendUint([]byte(`{"last_seq":`), last, 10), "}\n"...))
}

// listForm sends one object, and empty lines in front of it as heartbeats. Its answer begins with the
// first of them: until then it may still be an error.
type listForm struct {
	c    *call
	open bool // the list is
}

func (f *listForm) begin() error {
	f.c.w.Header().Set("Content-Type", jsonType)
	return nil
}

func (f *listForm) events(some []*tail.Event) error {
	return f.c.pushEach(some, func(e *tail.Event) []byte {
		separator := ",\n"
		if !f.open {
			separator, f.open = listStart, true
		}
		return append([]byte(separator), e.JSON()...)
	})
}

const listStart = `{"results":[`

func (f *listForm) beat() error { return f.c.push([]byte("\n")) }

func (f *listForm) end(last, pending uint64) error {
	var text []byte
	if !f.open {
		text = append(text, listStart...)
	}
	return f.c.push(appendListEnd(text, last, pending))
}

// bufferPool holds buffers for events that are sent together.
type bufferPool struct{ sync.Pool }

func (p *bufferPool) take() *[]byte {
	if buf, ok := p.Get().(*[]byte); ok {
		return buf
	}
	return new([]byte)
}

// pushTogether is about how many bytes of events are sent together.
const pushTogether = 32 << 10

// pushEach sends events in a form. A single one, the usual case, is sent without a copy.
func (c *call) pushEach(some []*tail.Event, form func(*tail.Event) []byte) error {
	if len(some) == 1 {
		return c.push(form(some[0]))
	}
	buf := c.h.buffers.take()
	defer c.h.buffers.Put(buf)
	*buf = (*buf)[:0]
	for i, e := range some {
		*buf = append(*buf, form(e)...)
		if len(*buf) < pushTogether && i < len(some)-1 {
			continue
		}
		if err := c.push(*buf); err != nil {
			return err
		}
		*buf = (*buf)[:0]
	}
	if cap(*buf) > 4*pushTogether {
		*buf = nil // of a large document
	}
	return nil
}
